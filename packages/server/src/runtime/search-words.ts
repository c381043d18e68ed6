import type { SearchWord } from "../search/search.ts";
import { isUnspaced, tokensOf } from "../words/tokens.ts";

/** Words of a run that are kept, and of a question that are asked. */
const WORDS_MAX = 2000;
const ASKED_MAX = 16;
const WORD_CHARS_MAX = 64;

/**
 * The words of a text, each once: of scripts with spaces the words themselves, in lower case; of Chinese, Japanese and
 * Korean every two signs that stand side by side, and the last one alone, so that a single sign is found as a beginning.
 */
export function wordsOf(text: string): readonly string[] {
  const words = new Set<string>();
  for (const token of tokensOf(text)) {
    if (!isUnspaced(token)) words.add(shortened(token));
    else {
      const signs = [...token];
      signs.forEach((sign, at) => words.add(sign + (signs[at + 1] ?? "")));
    }
    if (words.size >= WORDS_MAX) break;
  }
  return [...words];
}

/** What to look for. Empty when there is no word in the question. */
export function askedWords(question: string): readonly SearchWord[] {
  const words = new Map<string, SearchWord>();
  for (const token of tokensOf(question)) {
    const signs = isUnspaced(token) ? [...token] : null;
    if (!signs) words.set(token, { text: shortened(token), prefix: false });
    else if (signs.length === 1) words.set(token, { text: token, prefix: true });
    else
      for (const pair of signs.slice(1).map((sign, at) => signs[at]! + sign))
        words.set(pair, { text: pair, prefix: false });
  }
  return [...words.values()].slice(0, ASKED_MAX);
}

/** Whether all that is asked for is among the words. */
export function matches(words: readonly string[], asked: readonly SearchWord[]): boolean {
  const known = new Set(words);
  return asked.every(({ text, prefix }) => known.has(text) || (prefix && words.some((word) => word.startsWith(text))));
}

function shortened(token: string): string {
  return token.length <= WORD_CHARS_MAX
    ? token
    : token
        .slice(0, WORD_CHARS_MAX)
        .toWellFormed()
        .replace(/\ufffd$/, "");
}
