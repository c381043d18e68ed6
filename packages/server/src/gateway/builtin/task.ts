import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { ModelRequest } from "../model.ts";
import type { Label } from "./classify.ts";
import { isInstruction, isQuestion, kindOf, labelsIn, lengthIn, namesTask, type TaskKind } from "./instruction.ts";
import { givenTexts, systemText } from "../parts.ts";
import { splitMessage } from "./split.ts";
import type { SummaryLength } from "./summarize.ts";

/**
 * Reads what a request asks of the extractor: which task, on which document.
 *
 * The document is found in this order; the first that gives one holds.
 *  1. `params.document`, with `params.question` and `params.instruction` beside it.
 *  2. Marked parts of any message (see `split`): `Context: …`, `Question: …`, `<context>…</context>`, `"""…"""`.
 *  3. The last user message, when it opens or closes with an instruction and holds a longer text besides.
 *  4. Earlier user and tool messages, when the last one is only an instruction or a question.
 *  5. The system text, when it is long and the user asks a short question.
 *  6. The last user message as a whole, when the system text names a task for it, or when there is no instruction.
 * All else that was said is the instruction. Instructions without any document are no task for an extractor.
 *
 * The task is `params.task`; or `classify` when labels are given; or what the words of the instruction name; or
 * `answer` when a question stands there; or `summary`.
 */
export interface Task {
  readonly kind: TaskKind;
  readonly instruction: string;
  readonly document: string;
  readonly question: string;
  readonly labels: readonly Label[];
  readonly length: SummaryLength;
  /** How many points or phrases are wanted. */
  readonly count: number | null;
  readonly asList: boolean;
}

/** A system text longer than this may be the document of a question. */
const SYSTEM_DOCUMENT_MIN = 300;

export function readTask(request: ModelRequest): Task {
  const params = request.params ?? {};
  const found = findParts(request, params);
  const instruction = clipped(text(params["instruction"]) || found.instruction);
  const question = text(params["question"]) || found.question || lastQuestion(found.document === "" ? "" : instruction);
  const labels = labelsOf(params["labels"]) ?? labelsIn(instruction);
  const named = text(params["task"]);
  const kind = isKind(named) ? named : kindOf(instruction, question, labels.length > 1);
  // What is to be classified or filled in may itself be a question or an order.
  const isGiven = named !== "" ? named !== "answer" : labels.length > 1 || request.schema !== undefined;
  const document = found.document || (isGiven ? (givenTexts(request).at(-1) ?? "") : "");
  const length = lengthIn(instruction);
  const sentences = whole(params["sentences"]) ?? length.sentences;
  const tokens = whole(params["max_tokens"]) ?? whole(params["max_completion_tokens"]);
  return {
    kind,
    instruction,
    document,
    question: question || found.ask || instruction,
    labels,
    length: {
      ...length,
      ...(sentences === undefined ? {} : { sentences }),
      ...(tokens === undefined ? {} : { tokens }),
    },
    count: whole(params["count"]) ?? length.count ?? null,
    asList: /bullet|key points|list of|takeaways|highlights|要点|列表|分点|逐条/i.test(instruction),
  };
}

interface Parts {
  readonly instruction: string;
  readonly question: string;
  readonly document: string;
  /** What the user said last, when that is not the document. */
  readonly ask?: string;
}

function findParts(request: ModelRequest, params: JsonObject): Parts {
  const system = systemText(request);
  const given = givenTexts(request);
  const last = given.at(-1) ?? "";
  const document = text(params["document"]);
  const mine = splitMessage(last);
  const ask = mine.question || last;
  const question = mine.question || (isQuestion(last) ? last : "");
  if (document !== "") return { document, instruction: together(system, last), question, ask };

  const above = splitMessage(system, question === "" ? "marked" : "any");
  const earlier = given.slice(0, -1).join("\n\n");
  if (mine.document !== "") {
    return { ...mine, instruction: together(above.instruction, mine.instruction, mine.question) };
  }
  const asks = question !== "" || isInstruction(last);
  if (above.document !== "") {
    return { document: above.document, instruction: together(above.instruction, ask), question, ask };
  }
  if (asks && earlier !== "" && earlier.length > last.length) {
    const before = splitMessage(earlier);
    return { document: before.document || earlier, instruction: together(system, ask), question, ask };
  }
  if (asks && system.length > SYSTEM_DOCUMENT_MIN && system.length > last.length * 2) {
    return { document: system, instruction: ask, question, ask };
  }
  if (system !== "" && (question === "" || namesTask(system))) {
    return { document: last, instruction: system, question: "" };
  }
  return asks ? { document: "", instruction: ask, question, ask } : { document: last, instruction: "", question: "" };
}

/** The question an instruction ends with, without the lines above it. */
function lastQuestion(instruction: string): string {
  const last = instruction.trim().split("\n").at(-1)!;
  return isQuestion(last) ? last : "";
}

function together(...texts: string[]): string {
  return texts.filter((one) => one.trim() !== "").join("\n");
}

/** Both ends of a long instruction; what it asks for stands there. */
function clipped(instruction: string): string {
  return instruction.length <= 4000 ? instruction : `${instruction.slice(0, 2000)}\n${instruction.slice(-2000)}`;
}

function isKind(name: string): name is TaskKind {
  return name === "summary" || name === "answer" || name === "keywords" || name === "classify";
}

function labelsOf(value: Json | undefined): Label[] | null {
  if (!Array.isArray(value)) return null;
  const labels: Label[] = [];
  for (const item of value as readonly Json[]) {
    if (typeof item === "string") labels.push({ name: item });
    else if (isJsonObject(item) && typeof item["name"] === "string") {
      labels.push({ name: item["name"], description: text(item["description"]) });
    }
  }
  return labels.length > 0 ? labels : null;
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value.trim() : "";
}

function whole(value: Json | undefined): number | undefined {
  return typeof value === "number" && value >= 1 ? Math.floor(value) : undefined;
}
