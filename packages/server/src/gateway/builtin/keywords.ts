import type { Document } from "./segment.ts";
import { isChineseStopWord, isStopWord, wordsAndMarks } from "./words.ts";
import { stem } from "../../words/stem.ts";

interface Phrase {
  readonly text: string;
  readonly words: readonly string[];
  readonly first: number;
  count: number;
}

const PHRASE_WORDS_MAX = 3;

/**
 * The key phrases of a document, most important first (after RAKE): runs of words between stop words and punctuation,
 * up to three words long, by how often their words appear, how long the runs are that they appear in, and how early.
 * Chinese words are cut by dictionary; two that often stand together count as one phrase.
 */
export function keyPhrases(document: Document, limit: number): string[] {
  const phrases = new Map<string, Phrase>();
  const frequency = new Map<string, number>();
  const degree = new Map<string, number>();
  const texts = [...document.headings, ...document.sentences.map((sentence) => sentence.text)];
  const cut = texts.map(wordsAndMarks);
  const joined = newWords(cut);
  for (const [place, words] of cut.entries()) {
    for (const run of runs(words, joined)) {
      for (const word of run) {
        const key = keyOf(word);
        frequency.set(key, (frequency.get(key) ?? 0) + 1);
        degree.set(key, (degree.get(key) ?? 0) + Math.min(run.length, PHRASE_WORDS_MAX));
      }
      for (const phrase of candidates(run)) count(phrases, phrase, place);
    }
  }
  const score = (phrase: Phrase): number => {
    const worth = phrase.words.map((word) => {
      const key = keyOf(word);
      return Math.sqrt(degree.get(key)! * frequency.get(key)!);
    });
    const mean = worth.reduce((sum, value) => sum + value, 0) / worth.length;
    const early = 1 + (phrase.count > 1 ? 0.5 : 0.15) / (1 + phrase.first / 5);
    const proper = /^\p{Lu}/u.test(phrase.text) ? 1.15 : 1;
    const repeated = phrase.count > 1 ? (phrase.words.length > 1 ? 1.6 : 1) : isHan(phrase) ? 0.25 : 0.6;
    return mean * Math.log(1.5 + phrase.count) * early * proper * repeated;
  };
  const ranked = [...phrases.values()].map((phrase) => ({ phrase, value: score(phrase) }));
  ranked.sort((a, b) => b.value - a.value || a.phrase.first - b.phrase.first);
  return distinct(ranked.slice(0, limit * 6).map(({ phrase }) => phrase)).slice(0, limit);
}

/** Chinese words the dictionary does not have: two characters, cut apart by it, that stand together more than once. */
function newWords(texts: readonly (readonly string[])[]): Set<string> {
  const counts = new Map<string, number>();
  for (const words of texts) {
    for (let at = 0; at + 1 < words.length; at++) {
      const pair = words[at]! + words[at + 1]!;
      if (/^\p{Script=Han}{2}$/u.test(pair) && !isChineseStopWord(pair)) counts.set(pair, (counts.get(pair) ?? 0) + 1);
    }
  }
  return new Set([...counts].filter(([, times]) => times > 1).map(([pair]) => pair));
}

/** Runs of meaningful words that nothing stands between. */
function runs(words: readonly string[], joined: ReadonlySet<string>): string[][] {
  const found: string[][] = [];
  let run: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const pair = words[at]! + (words[at + 1] ?? "");
    const word = joined.has(pair) ? pair : words[at]!;
    if (word === pair && words[at + 1] !== undefined) at++;
    if (joined.has(word) || isMeaningful(word)) run.push(word);
    else {
      if (run.length > 0) found.push(run);
      run = [];
    }
  }
  if (run.length > 0) found.push(run);
  return found;
}

function isMeaningful(word: string): boolean {
  if (/^\p{Script=Han}/u.test(word)) return !isChineseStopWord(word);
  return (
    word.length > 2 &&
    /^\p{L}[\p{L}\p{N}'’.+#-]*$/u.test(word) &&
    !isStopWord(word) &&
    !COMMON.has(word.toLowerCase()) &&
    !/[a-z]{3}ly$/.test(word)
  );
}

/** Words that mean something and say nothing as a key phrase. */
const COMMON = new Set(
  "mr mrs miss sir madam said say says accept accepts become becomes hold holds keep keeps kept mean means run runs saying go went gone going come came get see saw seen know knew known think thought take took taken look looked thing things way ways man men day days time times good great little well first two three new old need needs want wants works work one's something anything nothing everything back still never always perhaps must cannot upon without within among etc example examples".split(
    " ",
  ),
);

function* candidates(run: readonly string[]): Iterable<string[]> {
  for (let size = 1; size <= PHRASE_WORDS_MAX; size++) {
    for (let at = 0; at + size <= run.length; at++) {
      const words = run.slice(at, at + size);
      const han = words.filter((word) => /^\p{Script=Han}/u.test(word)).length;
      if (size > 1 && han > 0 && (han !== size || size > 2)) continue;
      yield words;
    }
  }
}

function count(phrases: Map<string, Phrase>, words: string[], place: number): void {
  const key = words.map(keyOf).join(" ");
  const known = phrases.get(key);
  if (known) known.count++;
  else
    phrases.set(key, {
      text: words.join(/^\p{Script=Han}/u.test(words[0]!) ? "" : " "),
      words,
      first: place,
      count: 1,
    });
}

/** A Chinese phrase of several words, which means little unless it comes again. */
function isHan(phrase: Phrase): boolean {
  return phrase.words.length > 1 && /^\p{Script=Han}/u.test(phrase.text);
}

function keyOf(word: string): string {
  return stem(word.toLowerCase());
}

/** Leaves out a phrase that lies within a better one, or holds a better one and was not seen twice. */
function distinct(phrases: readonly Phrase[]): string[] {
  const kept: Phrase[] = [];
  for (const phrase of phrases) {
    const keys = new Set(phrase.words.map(keyOf));
    const overlaps = kept.some((other) => other.words.some((word) => keys.has(keyOf(word))));
    if (!overlaps) kept.push(phrase);
  }
  return kept.map((phrase) => phrase.text);
}

/** Key phrases as one line, with the comma of their language. */
export function keyPhraseText(phrases: readonly string[], chinese: boolean): string {
  return phrases.join(chinese ? "、" : ", ");
}
