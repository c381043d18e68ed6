import {
  CONCEPTS,
  NEGATION,
  NEGATIVE,
  NEGATIVE_ZH,
  POSITIVE,
  POSITIVE_ZH,
  polarityOf,
  type Polarity,
} from "./lexicon.ts";
import { terms } from "./words.ts";
import { stem } from "../../words/stem.ts";

/** A class to choose, with the words that explain it if its author gave any. */
export interface Label {
  readonly name: string;
  readonly description?: string;
}

const FALLBACK =
  /^(?:other|others|general|misc|miscellaneous|unknown|none|neutral|normal|default|medium|n\/a|其他|其它|其余|一般|通用|未知|无|普通|默认|中)/i;

/**
 * The label that fits a text best by its words: those of the label and its description, and of the small lexicon.
 * When nothing speaks for any label, the one that means "other" is taken, or else the first.
 */
export function classify(text: string, labels: readonly Label[]): Label | null {
  if (labels.length === 0) return null;
  const polarities = labels.map((label) => polarityOf(label.name));
  if (polarities.includes("positive") && polarities.includes("negative")) {
    const found = polarity(text, polarities);
    return labels[polarities.indexOf(found)]!;
  }
  const words = bag(text);
  const scores = labels.map((label) => score(text, words, label));
  const best = scores.reduce((most, value, at) => (value > scores[most]! ? at : most), 0);
  if (scores[best]! > 0) return labels[best]!;
  return labels.find((label) => FALLBACK.test(label.name)) ?? labels[0]!;
}

/** Whether a text speaks well or ill, among the polarities that may be answered. */
function polarity(text: string, among: readonly (Polarity | null)[]): Polarity {
  const { good, bad } = feelings(text);
  if (among.includes("mixed") && good > 0 && bad > 0 && Math.abs(good - bad) <= 0.34 * (good + bad)) return "mixed";
  const faint = good + bad <= 1 && text.length > 400;
  if ((good === bad || faint) && among.includes("neutral")) return "neutral";
  return bad > good ? "negative" : "positive";
}

const GOOD = new Set(POSITIVE.map(stem));
const BAD = new Set(NEGATIVE.map(stem));

/** How many words of a text speak well and ill. A negation just before a word turns it. */
export function feelings(text: string): { good: number; bad: number } {
  let [good, bad] = [0, 0];
  const count = (isGood: boolean, at: number): void => {
    const turned = NEGATION.test(text.slice(Math.max(0, at - 24), at));
    if (isGood !== turned) good++;
    else bad++;
  };
  for (const match of text.matchAll(/[A-Za-z][A-Za-z'’]*/g)) {
    const word = stem(match[0].toLowerCase());
    if (GOOD.has(word)) count(true, match.index);
    else if (BAD.has(word)) count(false, match.index);
  }
  for (const [isGood, words] of [
    [true, POSITIVE_ZH],
    [false, NEGATIVE_ZH],
  ] as const) {
    for (const word of words)
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) count(isGood, at);
  }
  return { good, bad };
}

function bag(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms(text)) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}

function score(text: string, words: ReadonlyMap<string, number>, label: Label): number {
  const name = spoken(label.name);
  const own = new Set(terms(name));
  const told = new Set(terms(label.description ?? ""));
  let value = name.length > 1 && text.toLowerCase().includes(name.toLowerCase()) ? 4 : 0;
  for (const term of own) value += 3 * hits(words, term);
  for (const term of told) if (!own.has(term)) value += 1.5 * hits(words, term);
  for (const group of CONCEPTS) {
    if (group.some((word) => own.has(stem(word)) || (/\p{Script=Han}/u.test(word) && name.includes(word)))) {
      for (const word of group) value += concept(text, words, word);
    }
  }
  return value;
}

/** How often a term is met, damped; words that begin alike (`bill`, `billing`) meet for half. */
function hits(words: ReadonlyMap<string, number>, term: string): number {
  const exact = words.get(term);
  if (exact !== undefined) return 1 + Math.log(exact);
  if (term.length < 5 || /\p{Script=Han}/u.test(term)) return 0;
  const start = term.slice(0, Math.max(5, term.length - 3));
  for (const word of words.keys()) if (word.startsWith(start)) return 0.5;
  return 0;
}

function concept(text: string, words: ReadonlyMap<string, number>, word: string): number {
  if (/\p{Script=Han}/u.test(word)) return word.length > 1 && text.includes(word) ? 1 : 0;
  return words.has(stem(word)) ? 1 : 0;
}

/** `billingIssue` and `billing_issue` as words. */
export function spoken(name: string): string {
  return name
    .replaceAll(/([\p{Ll}\d])(\p{Lu})/gu, "$1 $2")
    .replaceAll(/[_\-./]+/g, " ")
    .trim();
}
