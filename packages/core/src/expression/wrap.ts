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

/** A word or a run of blanks; of a word that was broken, what is left from `from` on. */
interface Chunk {
  readonly characters: readonly string[];
  readonly from: number;
}

function wrapLine(rt: Runtime, line: string, width: number, inWords: boolean, onHyphens: boolean): string[] {
  const pending: Chunk[] = chunks(line, onHyphens)
    .map((chunk) => ({ characters: characters(rt, chunk), from: 0 }))
    .toReversed();
  const out: string[] = [];
  while (pending.length > 0) {
    rt.charge(1);
    if (out.length > 0 && isBlank(pending.at(-1)!.characters)) pending.pop();
    const current: (readonly string[])[] = [];
    let length = 0;
    for (let next = pending.at(-1); next && length + left(next) <= width; next = pending.at(-1)) {
      rt.charge(1);
      pending.pop();
      current.push(next.characters.slice(next.from));
      length += left(next);
    }
    const long = pending.at(-1);
    if (long !== undefined && left(long) > width) {
      if (inWords) {
        const end = long.from + Math.max(1, width - length);
        pending[pending.length - 1] = { characters: long.characters, from: end };
        current.push(long.characters.slice(long.from, end));
      } else if (current.length === 0) {
        pending.pop();
        current.push(long.characters);
      }
    }
    if (current.length > 0 && isBlank(current.at(-1)!)) current.pop();
    if (current.length > 0) out.push(current.map((chunk) => chunk.join("")).join(""));
  }
  return out;
}

function left(chunk: Chunk): number {
  return chunk.characters.length - chunk.from;
}

function isBlank(chunk: readonly string[]): boolean {
  return (chunk[0] === " " || chunk[0] === "\t") && chunk.every((char) => char === " " || char === "\t");
}

/** Words and the blanks between them; a hyphen between letters ends a piece that may stand at the end of a line. */
function chunks(line: string, onHyphens: boolean): string[] {
  const words = line.match(/[ \t]+|[^ \t]+/g) ?? [];
  return onHyphens ? words.flatMap((word) => word.split(/(?<=[\p{L}]{2}-)(?=[\p{L}]{2})/u)) : words;
}
