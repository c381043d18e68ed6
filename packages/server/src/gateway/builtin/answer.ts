import { bm25, coverage, termIndex } from "./rank.ts";
import { joinSentences, type Document, type Sentence } from "./segment.ts";
import { isMainlyCjk } from "../tokens.ts";
import { terms } from "./words.ts";

export interface Answer {
  /** The sentences that answer, best first; empty when none does. */
  readonly sentences: readonly Sentence[];
  /** The share of the question's words that the best sentence and its headings meet, 0 to 1. */
  readonly confidence: number;
}

/** Below this share of the question's words a sentence is no answer. Chinese pairs also fall across words, unmet. */
const CONFIDENCE_MIN = { words: 0.3, pairs: 0.18 };
const ASKING =
  /(?:请问|什么样|什么时候|什么|为什么|怎么样|怎么|怎样|如何|哪里|哪儿|哪些|哪个|哪|谁|多少|几|是否|有没有|吗|呢|请|告诉我|根据|上文|文中|文章|本文|\b(?:happens?|tell|mean|called|name of|according|text|document|passage|kind of|sort of)\b)/gi;

/** What kind of thing a question asks for, and how a sentence shows that it has it. */
const KINDS: readonly (readonly [question: RegExp, sentence: RegExp])[] = [
  [
    /\bhow (?:many|much|long|far|old|big|large|fast|often)\b|多少|几[个只条人年天次月岁]|多长|多久|多大/i,
    /\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|hundred|thousand|million)\b|[一二三四五六七八九十百千万]+[个只条人年天次月岁元里]/i,
  ],
  [
    /\bwhen\b|\bwhat (?:year|date|day|time)\b|什么时候|何时|哪年|哪天|几点/i,
    /\b(?:1\d|20)\d\d\b|\d:\d\d|\b(?:January|February|March|April|May|June|July|August|September|October|November|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|morning|evening|yesterday|today|tomorrow|ago)\b|年|月\d|日|时候|早晨|晚上/i,
  ],
  [
    /\bwho(?:m|se)?\b|谁|何人/i,
    /[a-z,;] ?["“]?\p{Lu}\p{Ll}+|\b(?:Mr|Mrs|Miss|Dr)\b|[\p{Script=Han}](?:先生|太太|小姐|母亲|父亲|老师|医生)/u,
  ],
  [
    /\bwhere\b|哪里|哪儿|何处|什么地方/i,
    /\b(?:in|at|on|near|from|to) (?:the )?\p{Lu}|(?:在|到|于)[\p{Script=Han}]{2}/u,
  ],
  [
    /\bwhy\b|为什么|为何/i,
    /\b(?:because|since|so that|in order to|therefore|due to|reason)\b|因为|由于|所以|为了|因此/i,
  ],
  [
    /\bhow (?:do|does|can|to|is|are)\b|怎么|如何|怎样/i,
    /\b(?:by|with|using|run|install|use|set|start|through)\b|通过|使用|运行|用/i,
  ],
];

/** The sentences of a document that answer a question, by the words they share with it (BM25) and its kind. */
export function answer(document: Document, question: string): Answer {
  const { sentences } = document;
  const asked = terms(question.replaceAll(ASKING, " "));
  if (sentences.length === 0 || asked.length === 0) return { sentences: [], confidence: 0 };
  // The last heading above a sentence is part of what it says: "Requirements" answers "what is required".
  const index = termIndex(sentences.map((sentence) => `${sentence.text} ${sentence.path.at(-1) ?? ""}`));
  const raw = bm25(index, asked);
  const kinds = KINDS.filter(([wanted]) => wanted.test(question)).map(([, shown]) => shown);
  const scores = raw.map((score, at) => (score === 0 ? 0 : score * fitness(sentences[at]!, kinds)));
  const order = [...scores.keys()].filter((at) => scores[at]! > 0).toSorted((a, b) => scores[b]! - scores[a]! || a - b);
  const best = order[0];
  if (best === undefined) return { sentences: [], confidence: 0 };
  const confidence = coverage(index, asked, best);
  if (confidence < (isMainlyCjk(question) ? CONFIDENCE_MIN.pairs : CONFIDENCE_MIN.words))
    return { sentences: [], confidence };
  const second = order[1];
  const adds =
    second !== undefined &&
    scores[second]! > 0.7 * scores[best]! &&
    asked.some((term) => index.vectors[second]!.has(term) && !index.vectors[best]!.has(term));
  return { sentences: adds ? [sentences[best]!, sentences[second]!] : [sentences[best]!], confidence };
}

function fitness(sentence: Sentence, kinds: readonly RegExp[]): number {
  const shown = kinds.some((pattern) => pattern.test(sentence.text)) ? 1.35 : 1;
  const asks = /[?？]["”’」』]?$/.test(sentence.text) ? 0.45 : 1;
  return shown * asks;
}

/** The answer as text: the sentences, and where they stand. Says so when the document has no answer. */
export function answerText(document: Document, question: string, withSource: boolean): string {
  const found = answer(document, question).sentences;
  const chinese = isMainlyCjk(question);
  if (found.length === 0) {
    return chinese ? "文中没有找到能回答这个问题的句子。" : "No sentence of the text answers this question.";
  }
  const text = joinSentences(found.map((sentence) => sentence.text));
  return withSource ? `${text}\n\n${sourceOf(document, found[0]!, chinese)}` : text;
}

function sourceOf(document: Document, sentence: Sentence, chinese: boolean): string {
  const heading = sentence.path.at(-1);
  const [at, all] = [sentence.index + 1, document.sentences.length];
  if (chinese) return `（出处：第 ${at} 句，共 ${all} 句${heading === undefined ? "" : `，“${heading}”一节`}）`;
  return `(Source: sentence ${at} of ${all}${heading === undefined ? "" : `, under “${heading}”`})`;
}
