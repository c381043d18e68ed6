import { printed } from "./render.ts";
import { failed, type Runtime } from "./runtime.ts";
import { characterCount, characters, isFlat, kindOf } from "./values.ts";

/** The text of a value, charged for one pass over it. */
export function textOf(rt: Runtime, value: unknown): string {
  const text = printed(rt, value);
  rt.charge(text.length >> 8);
  return text;
}

/** An argument that has to be text. */
export function textArgument(value: unknown, what: string): string {
  if (typeof value !== "string") throw failed(`${what} has to be text, not ${kindOf(value)}`);
  return value;
}

/** An argument that has to be a whole number; left out it is `otherwise`. */
export function wholeArgument(value: unknown, what: string, otherwise?: number): number {
  if ((value === undefined || value === null) && otherwise !== undefined) return otherwise;
  if (typeof value === "boolean") return Number(value);
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw failed(`${what} has to be a whole number, not ${kindOf(value)}`);
  }
  return value;
}

/** Blanks as Python strips and splits by them. */
// oxlint-disable-next-line no-control-regex -- Python counts the four separators as blanks
const BLANK = /[\s\u001c-\u001f\u0085]/;

export type Side = "both" | "start" | "end";

/** `strip`, `lstrip`, `rstrip`: without blanks, or without any of the characters given, at its ends. */
export function stripped(rt: Runtime, text: string, side: Side, chars: unknown): string {
  rt.charge(text.length >> 5);
  const set = chars === undefined || chars === null ? null : new Set(textArgument(chars, "what is stripped"));
  if (set === null || isFlat(text)) {
    const goes = (at: number): boolean => (set === null ? BLANK.test(text[at]!) : set.has(text[at]!));
    return text.slice(...kept(text.length, side, goes));
  }
  const all = characters(rt, text);
  return all.slice(...kept(all.length, side, (at) => set.has(all[at]!))).join("");
}

/** From where to where stays what does not go at the ends. */
function kept(length: number, side: Side, goes: (at: number) => boolean): [number, number] {
  let [from, to] = [0, length];
  if (side !== "end") while (from < to && goes(from)) from++;
  if (side !== "start") while (to > from && goes(to - 1)) to--;
  return [from, to];
}

/** `split`: by blanks when no separator is given, at most `most` times when that is not negative. */
export function split(rt: Runtime, text: string, separator: unknown, most: number): string[] {
  rt.charge(text.length >> 5);
  const limit = most < 0 ? Infinity : most;
  const parts: string[] = [];
  if (separator === undefined || separator === null) {
    let at = 0;
    for (;;) {
      while (at < text.length && BLANK.test(text[at]!)) at++;
      if (at >= text.length) return parts;
      rt.charge(1);
      if (parts.length >= limit) {
        parts.push(text.slice(at));
        return parts;
      }
      const from = at;
      while (at < text.length && !BLANK.test(text[at]!)) at++;
      parts.push(text.slice(from, at));
    }
  }
  const by = textArgument(separator, "the separator");
  if (by === "") throw failed("the separator cannot be empty");
  let from = 0;
  for (let at = text.indexOf(by); at >= 0 && parts.length < limit; at = text.indexOf(by, from)) {
    rt.charge(1);
    parts.push(text.slice(from, at));
    from = at + by.length;
  }
  parts.push(text.slice(from));
  return parts;
}

/** `rsplit`: as `split`, counted from the end. */
export function splitEnd(rt: Runtime, text: string, separator: unknown, most: number): string[] {
  if (most < 0) return split(rt, text, separator, -1);
  if (separator === undefined || separator === null) {
    const words: string[] = [];
    let rest = stripped(rt, text, "end", undefined);
    while (words.length < most && rest !== "") {
      rt.charge(1 + (rest.length >> 8));
      let at = rest.length;
      while (at > 0 && !BLANK.test(rest[at - 1]!)) at--;
      words.unshift(rest.slice(at));
      while (at > 0 && BLANK.test(rest[at - 1]!)) at--;
      rest = rest.slice(0, at);
    }
    return stripped(rt, rest, "start", undefined) === "" ? words : [rest, ...words];
  }
  const by = textArgument(separator, "the separator");
  if (by === "") throw failed("the separator cannot be empty");
  const parts: string[] = [];
  let to = text.length;
  rt.charge(text.length >> 6);
  while (parts.length < most) {
    const at = to - by.length < 0 ? -1 : text.lastIndexOf(by, to - by.length);
    if (at < 0) break;
    rt.charge(1);
    parts.push(text.slice(at + by.length, to));
    to = at;
  }
  parts.push(text.slice(0, to));
  return parts.toReversed();
}

// oxlint-disable-next-line no-control-regex -- Python ends lines at the separators too
const LINE_END = /\r\n|[\n\r\u000b\f\u001c-\u001e\u0085\u2028\u2029]/g;

/** `splitlines` of Python: a line end at the very end opens no further line. */
export function lines(rt: Runtime, text: string, keepEnds = false): string[] {
  rt.charge(text.length >> 6);
  const out: string[] = [];
  let from = 0;
  for (const match of text.matchAll(LINE_END)) {
    rt.charge(1);
    const end = match.index + match[0].length;
    out.push(text.slice(from, keepEnds ? end : match.index));
    from = end;
  }
  if (from < text.length) out.push(text.slice(from));
  return out;
}

/** `replace`: everywhere, or the first `most` times when that is not negative. */
export function replaced(rt: Runtime, text: string, from: string, to: string, most: number): string {
  const limit = most < 0 ? Infinity : most;
  rt.charge(text.length >> 8);
  const pieces: string[] = [];
  let [start, size] = [0, 0];
  const step = from === "" ? 1 : 0;
  for (let at = text.indexOf(from); at >= 0 && pieces.length < limit;) {
    rt.charge(1);
    size += at - start + to.length;
    rt.room(size);
    pieces.push(text.slice(start, at) + to);
    start = at + from.length;
    if (step > 0 && at >= text.length) break;
    at = text.indexOf(from, start + step);
  }
  return rt.text(pieces.join("") + text.slice(start));
}

/** `center`, `ljust`, `rjust`: filled up to a width in characters. */
export function justified(
  rt: Runtime,
  text: string,
  width: number,
  side: "center" | "start" | "end",
  fill: unknown,
): string {
  const char = fill === undefined || fill === null ? " " : textArgument(fill, "the fill");
  if (characters(rt, char).length !== 1) throw failed("the fill has to be one character");
  const missing = width - characterCount(rt, text);
  if (missing <= 0) return text;
  rt.room(text.length + missing * char.length);
  if (side === "start") return text + char.repeat(missing);
  if (side === "end") return char.repeat(missing) + text;
  // CPython gives the odd one to the left only when the width is odd too.
  const left = (missing >> 1) + (missing & width & 1);
  return char.repeat(left) + text + char.repeat(missing - left);
}

/** The first character in upper case, the others in lower case. */
export function capitalized(text: string): string {
  const [first = ""] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}
