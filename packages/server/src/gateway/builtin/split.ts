import { isInstruction, isQuestion } from "./instruction.ts";

/** One message taken apart. What was not found is empty; `instruction` is what is left. */
export interface Split {
  readonly document: string;
  readonly question: string;
  readonly instruction: string;
}

const DOCUMENT_NAMES =
  "context|documents?|text|passage|article|content|上下文|文档|原文|文本|文章|正文|内容|资料|参考资料|已知信息";
const TAG_NAMES = `${DOCUMENT_NAMES}|input|source|readme|email|review|transcript|knowledge`;
const QUESTION_NAMES = "question|query|q|user question|问题|提问|用户问题|问";
const TASK_NAMES = "instructions?|task|指令|任务|要求";
const LABELLED = new RegExp(
  `^[ \\t]*(?:[#*>]+[ \\t]*)?(?:(${DOCUMENT_NAMES})|(${QUESTION_NAMES})|(${TASK_NAMES}))(?:\\*\\*)?[ \\t]*[:：](?:\\*\\*)?[ \\t]*`,
  "gimu",
);
const TAG = new RegExp(`<(${TAG_NAMES})>`, "iu");
const QUOTED = /("""|'''|```)([\s\S]*?)\1/;
const QUOTED_HEAD = /^[^\S\n]*(?:\w*\n)?/;
const ANSWER_MARK = /\n[ \t]*(?:answer|summary|output|答案|回答|摘要|答|总结)[ \t]*[:：][ \t]*$/i;
const INSTRUCTION_MAX = 800;

/** Takes a message apart: by its marks, and unless only those are wanted, by its first and last lines. */
export function splitMessage(message: string, how: "marked" | "any" = "any"): Split {
  const text = message.trim().replace(ANSWER_MARK, "");
  return byTag(text) ?? byLabels(text) ?? byQuotes(text) ?? (how === "any" ? byPlace(text) : null) ?? nothing(text);
}

function nothing(text: string): Split {
  return { document: "", question: "", instruction: text };
}

function byTag(text: string): Split | null {
  const open = TAG.exec(text);
  if (!open) return null;
  const from = open.index + open[0].length;
  const close = `</${open[1]!}>`;
  const to = text.indexOf(close, from);
  const document = to < 0 ? "" : text.slice(from, to).trim();
  if (document === "") return null;
  const rest = `${text.slice(0, open.index)}\n${text.slice(to + close.length)}`.trim();
  const labelled = byLabels(rest);
  return { document, question: labelled?.question ?? "", instruction: labelled?.instruction ?? rest };
}

/** Parts that begin with a name and a colon at the start of a line, each up to the next such name. */
function byLabels(text: string): Split | null {
  // A small letter within the text is rather a key of YAML or code than a mark.
  const marks = [...text.matchAll(LABELLED)].filter((mark) => mark.index === 0 || !/^\W*\p{Ll}/u.test(mark[0]));
  // Many questions are a list of them, which is a document.
  if (marks.length === 0 || marks.filter((mark) => mark[2] !== undefined).length > 1) return null;
  const parts = { document: "", question: "", instruction: text.slice(0, marks[0]!.index).trim() };
  for (const [at, mark] of marks.entries()) {
    const body = text.slice(mark.index + mark[0].length, marks[at + 1]?.index).trim();
    if (mark[1] !== undefined) parts.document = parts.document === "" ? body : `${parts.document}\n\n${body}`;
    else if (mark[2] !== undefined && parts.question === "") {
      parts.question = body;
      const gap = body.search(/\n\s*\n/);
      if (gap > 0 && parts.document === "" && body.length - gap > 40) {
        // What stands behind a question and a blank line is the document, with all marks in it.
        const from = text.indexOf(body, mark.index) + gap;
        return { ...parts, question: body.slice(0, gap).trim(), document: text.slice(from).trim() };
      }
    } else parts.instruction = `${parts.instruction}\n${body}`.trim();
  }
  if (parts.question !== "" && parts.document === "") return beforeQuestion(parts);
  // A text that opens with a sentence before "Content: …" is a form, not a labelled message.
  if (parts.question === "" && parts.document !== "" && parts.instruction !== "" && !isInstruction(parts.instruction)) {
    return null;
  }
  return parts.document === "" && parts.question === "" ? null : parts;
}

/** A text, then `Question: …`. */
function beforeQuestion(parts: Split): Split {
  if (parts.instruction.length > 120 && !isInstruction(parts.instruction)) {
    return { document: parts.instruction, question: parts.question, instruction: "" };
  }
  const placed = byPlace(parts.instruction);
  return placed ? { ...placed, question: parts.question } : parts;
}

function byQuotes(text: string): Split | null {
  const match = QUOTED.exec(text);
  if (!match) return null;
  const outside = `${text.slice(0, match.index)}\n${text.slice(match.index + match[0].length)}`.trim();
  const inside = match[2]!.replace(QUOTED_HEAD, "").trim();
  return inside.length > outside.length && isInstruction(outside)
    ? { document: inside, question: "", instruction: outside }
    : null;
}

/** An instruction as the first or last paragraph, as the first line before a colon, or before a colon on one line. */
function byPlace(text: string): Split | null {
  const first = /\n\s*\n/.exec(text.slice(0, 2 * INSTRUCTION_MAX));
  if (first) {
    const [head, rest] = [text.slice(0, first.index).trim(), text.slice(first.index).trim()];
    if (fits(head, rest)) return { document: rest, question: "", instruction: head };
    const gap = lastGap(text);
    const [body, tail] = [text.slice(0, gap).trim(), text.slice(gap).trim()];
    if (gap > 0 && fits(tail, body)) return { document: body, question: "", instruction: tail };
  }
  const line = /^([^\n]{2,400}?)\n(?=\s*\S)/.exec(text);
  if (line && fits(line[1]!, text.slice(line[0].length))) {
    return { document: text.slice(line[0].length).trim(), question: "", instruction: line[1]! };
  }
  const colon = /^([^\n:：]{2,160})[:：]\s*/.exec(text);
  if (colon && isInstruction(colon[1]!) && text.length > colon[0].length) {
    return { document: text.slice(colon[0].length).trim(), question: "", instruction: colon[1]! };
  }
  return null;
}

/** Where the last paragraph begins, if it is short enough to be an instruction; else the end. */
function lastGap(text: string): number {
  const from = Math.max(0, text.length - INSTRUCTION_MAX - 20);
  const lines = text.slice(from).split("\n");
  const blank = lines.findLastIndex((line) => line.trim() === "");
  return blank < 0 ? text.length : from + lines.slice(0, blank).join("\n").length;
}

function fits(instruction: string, document: string): boolean {
  if (instruction === "" || instruction.length > INSTRUCTION_MAX || document.length < 20) return false;
  return isInstruction(instruction) && (document.length > instruction.length || isQuestion(instruction));
}
