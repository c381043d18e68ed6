/**
 * Cuts a text into the deltas of a stream: a word with the space behind it, or two to four Chinese characters. The
 * same text is always cut alike, and the deltas joined are the text.
 */
export function* chunks(text: string): Iterable<string> {
  let chinese = 0;
  for (const [piece] of text.matchAll(
    /[\p{Script=Han}\u3000-\u303f\uff00-\uffef]+|[^\s\p{Script=Han}\u3000-\u303f\uff00-\uffef]+\s*|\s+/gu,
  )) {
    if (!/^[\p{Script=Han}\u3000-\u303f\uff00-\uffef]/u.test(piece)) {
      yield piece;
      continue;
    }
    const characters = [...piece];
    for (let at = 0; at < characters.length;) {
      const size = 2 + (chinese++ % 3);
      yield characters.slice(at, at + size).join("");
      at += size;
    }
  }
}
