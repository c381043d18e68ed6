import { DocumentProblem } from "./problem.ts";

/** How much of a text is looked at for the name of its encoding, and for the signs of UTF-16. */
const HEAD_BYTES = 2048;
/** How much of a text tells whether it is Chinese. */
const SAMPLE_CHARS = 100_000;
const DECLARED = /(?:charset|encoding)\s*=[\s"']*([A-Za-z0-9_:.-]{2,40})/i;

/**
 * The text that bytes are. In this order decide: the mark at the beginning, the encoding given, UTF-16 by its zero
 * bytes, UTF-8 where it is valid, what the text says of itself (HTML, XML), GB18030 where it is valid and Chinese, and
 * Windows-1252, in which every byte is a sign. Line ends are `\n`.
 */
export function decodeText(bytes: Uint8Array, encoding?: string): string {
  return decoded(bytes, encoding).replaceAll(/\r\n?/g, "\n");
}

function decoded(bytes: Uint8Array, encoding: string | undefined): string {
  const marked = markOf(bytes);
  if (marked !== null) return new TextDecoder(marked).decode(bytes);
  if (encoding !== undefined) return named(encoding).decode(bytes);
  const wide = wideEncoding(bytes.subarray(0, HEAD_BYTES));
  if (wide !== null) return new TextDecoder(wide).decode(bytes);
  if (hasZero(bytes.subarray(0, HEAD_BYTES))) throw new DocumentProblem("damaged", "it is no text: it has zero bytes");
  const utf8 = valid("utf-8", bytes);
  if (utf8 !== null) return utf8;
  const declared = DECLARED.exec(new TextDecoder("latin1").decode(bytes.subarray(0, HEAD_BYTES)))?.[1];
  if (declared !== undefined && !/^utf-?8$/i.test(declared) && isEncoding(declared)) {
    return new TextDecoder(declared).decode(bytes);
  }
  const chinese = valid("gb18030", bytes);
  return chinese !== null && isChinese(chinese) ? chinese : new TextDecoder("windows-1252").decode(bytes);
}

function markOf(bytes: Uint8Array): string | null {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return "utf-8";
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  return null;
}

/** Where text of mostly ASCII stands in two bytes a sign, every second byte is zero. */
function wideEncoding(head: Uint8Array): string | null {
  let [even, odd] = [0, 0];
  for (let at = 0; at + 1 < head.length; at += 2) {
    if (head[at] === 0) even += 1;
    if (head[at + 1] === 0) odd += 1;
  }
  const pairs = Math.floor(head.length / 2);
  if (pairs < 2) return null;
  if (odd > pairs * 0.4 && even === 0) return "utf-16le";
  return even > pairs * 0.4 && odd === 0 ? "utf-16be" : null;
}

function hasZero(head: Uint8Array): boolean {
  return head.includes(0);
}

function valid(encoding: string, bytes: Uint8Array): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Western text that happens to be valid GB18030 gives rare signs between Latin letters; Chinese gives runs of usual ones. */
function isChinese(whole: string): boolean {
  const text = whole.slice(0, SAMPLE_CHARS);
  const beyondAscii = text.match(/[^\p{ASCII}]/gu)?.length ?? 0;
  const inRuns = text.match(/[\u4e00-\u9fa5\u3000-\u303f\uff00-\uffef]{2,}/g)?.join("").length ?? 0;
  return inRuns > beyondAscii / 2;
}

function isEncoding(label: string): boolean {
  try {
    return new TextDecoder(label).encoding !== "";
  } catch {
    return false;
  }
}

function named(label: string): InstanceType<typeof TextDecoder> {
  if (isEncoding(label)) return new TextDecoder(label);
  throw new DocumentProblem(
    "type",
    `the encoding ${label.slice(0, 40)} is not known; write utf-8, gb18030 or the like`,
  );
}
