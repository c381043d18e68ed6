const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/gu;

/**
 * How many tokens a text has, about: one for each CJK character, one for every four others. Good to some 20 % for
 * English and Chinese; what a provider reports always goes before it.
 */
export function estimateTokens(text: string): number {
  const cjk = countCjk(text);
  return cjk + Math.ceil((text.length - cjk) / 4);
}

/** How many CJK characters a text has. */
export function countCjk(text: string): number {
  let count = 0;
  for (const match of text.matchAll(CJK)) count += match[0].length;
  return count;
}

/** Whether the letters of a text are mainly CJK: then it is segmented, joined and answered as Chinese. */
export function isMainlyCjk(text: string): boolean {
  const sample = text.length > 4000 ? text.slice(0, 4000) : text;
  const cjk = countCjk(sample);
  const words = sample.match(/[A-Za-z\u00c0-\u024f\u0400-\u04ff]+/g)?.length ?? 0;
  return cjk > words * 1.5;
}

/** The start of a text that has at most so many tokens, cut between words where it can be. */
export function firstTokens(text: string, tokens: number): string {
  if (text.length <= tokens * 4 + 4 && estimateTokens(text) <= tokens) return text;
  let [low, high] = [0, Math.min(text.length, tokens * 4)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (estimateTokens(text.slice(0, middle)) <= tokens) low = middle;
    else high = middle - 1;
  }
  return cutAtWord(text, low);
}

/** The start of a text of at most `length` UTF-16 units, never ending inside a character, rarely inside a word. */
export function cutAtWord(text: string, length: number): string {
  if (text.length <= length) return text;
  const head = text.slice(0, length);
  const next = text.charCodeAt(length);
  const whole = next >= 0xdc00 && next <= 0xdfff ? head.slice(0, -1) : head;
  if (!/[\p{L}\p{N}]/u.test(text[length] ?? "") || !/[A-Za-z0-9]$/.test(whole)) return whole.trimEnd();
  const space = whole.search(/\s\S*$/);
  return space > length / 2 ? whole.slice(0, space).trimEnd() : whole;
}
