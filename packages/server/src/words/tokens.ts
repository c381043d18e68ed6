const TOKENS = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+|[\p{L}\p{N}\p{M}]+/gu;
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/**
 * The words of a text in their order, in lower case, by their compatible form (NFKC): of scripts with spaces the words
 * themselves; of Chinese, Japanese and Korean whole runs of signs, which whoever asks cuts as they need.
 */
export function tokensOf(text: string): readonly string[] {
  return text.normalize("NFKC").toLowerCase().match(TOKENS) ?? [];
}

/** Whether a token is a run of signs of a script that is written without spaces. */
export function isUnspaced(token: string): boolean {
  return UNSPACED.test(token);
}
