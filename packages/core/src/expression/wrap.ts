import { lines, textOf, wholeArgument } from "./text.ts";
import { failed, type Runtime } from "./runtime.ts";
import { characters, truthy } from "./values.ts";

/** `wordwrap`: lines of at most `width` characters, broken at blanks and hyphens, and within words that are longer. */
export function wrapped(rt: Runtime, text: string, [width, breakLong, mark, breakHyphens]: readonly unknown[]): string {
  const most = wholeArgument(width, "the width", 79);
  if (most < 1) throw failed("the width has to be at least 1");
  const newline = mark === undefined || mark === null ? "\n" : textOf(rt, mark);
  const onHyphens = breakHyphens === undefined || truthy(rt, breakHyphens);
  const inWords = breakLong === undefined || truthy(rt, breakLong);
  rt.charge(text.length >> 1);
  const out = lines(rt, text).map((line) => wrapLine(rt, line, most, inWords, onHyphens).join(newline));
  return rt.text(out.join(newline));
}

function wrapLine(rt: Runtime, line: string, width: number, inWords: boolean, onHyphens: boolean): string[] {
  const pending = chunks(line, onHyphens)
    .map((chunk) => characters(rt, chunk))
    .toReversed();
  const out: string[] = [];
  while (pending.length > 0) {
    rt.charge(1);
    if (out.length > 0 && isBlank(pending.at(-1)!)) pending.pop();
    const current: (readonly string[])[] = [];
    let length = 0;
    while (pending.length > 0 && length + pending.at(-1)!.length <= width) {
      rt.charge(1);
      const chunk = pending.pop()!;
      current.push(chunk);
      length += chunk.length;
    }
    const next = pending.at(-1);
    if (next !== undefined && next.length > width) {
      pending.pop();
      if (inWords) {
        const space = Math.max(1, width - length);
        current.push(next.slice(0, space));
        pending.push(next.slice(space));
      } else if (current.length === 0) {
        current.push(next);
      } else {
        pending.push(next);
      }
    }
    if (current.length > 0 && isBlank(current.at(-1)!)) current.pop();
    if (current.length > 0) out.push(current.map((chunk) => chunk.join("")).join(""));
  }
  return out;
}

function isBlank(chunk: readonly string[]): boolean {
  return chunk.every((char) => char === " " || char === "\t");
}

/** Words and the blanks between them; a hyphen between letters ends a piece that may stand at the end of a line. */
function chunks(line: string, onHyphens: boolean): string[] {
  const words = line.match(/[ \t]+|[^ \t]+/g) ?? [];
  return onHyphens ? words.flatMap((word) => word.split(/(?<=[\p{L}]{2}-)(?=[\p{L}]{2})/u)) : words;
}
