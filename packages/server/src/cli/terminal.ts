import { styleText } from "node:util";

export type Style = "red" | "green" | "yellow" | "dim" | "bold" | "cyan";

/** Text in a style where standard error or output is a terminal that shows it (`NO_COLOR` is honoured), plain elsewhere. */
export function style(name: Style, text: string): string {
  if (process.stdout.isTTY !== true || (process.env["NO_COLOR"] ?? "") !== "") return text;
  return styleText(name, text, { validateStream: false });
}

/** The same for one stream: a drawing on standard error has colours although standard output is a pipe. */
export function styleOn(stream: { readonly isTTY?: boolean }): (name: Style, text: string) => string {
  const isPlain = stream.isTTY !== true || (process.env["NO_COLOR"] ?? "") !== "";
  return (name, text) => (isPlain ? text : styleText(name, text, { validateStream: false }));
}

/** A duration as a person reads it: `38 ms`, `2.4 s`, `3 min 05 s`, `2 h 10 min`, `5 d 07 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (minutes < 60) return `${minutes} min ${twoDigits(seconds % 60)} s`;
  if (hours < 24) return `${hours} h ${twoDigits(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${twoDigits(hours % 24)} h`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}

/** The beginning of a text that fits into so many columns, on one line. */
export function head(text: string, columns: number): string {
  let width = 0;
  let shown = "";
  for (const character of text.slice(0, columns * 4).replaceAll(/[\s\p{Cc}]+/gu, " ")) {
    width += widthOf(character);
    if (width >= columns) return `${shown}…`;
    shown += character;
  }
  return shown;
}

/** The end of a text that fits into so many columns, on one line. Full-width characters take two. */
export function tail(text: string, columns: number): string {
  const characters = [...text.replaceAll(/[\s\p{Cc}]+/gu, " ")];
  let width = 0;
  let from = characters.length;
  while (from > 0) {
    width += widthOf(characters[from - 1]!);
    if (width > columns) break;
    from--;
  }
  return characters.slice(from).join("");
}

/** A text without control characters, with an ellipsis where it does not fit into so many columns. */
export function cut(text: string, columns: number): string {
  const line = text.replaceAll(/[\s\p{Cc}]/gu, " ");
  if (line.length * 2 <= columns || columnsOf(line) <= columns) return line;
  let width = 0;
  let shown = "";
  for (const character of line) {
    width += widthOf(character);
    if (width >= columns) break;
    shown += character;
  }
  return `${shown}…`;
}

/** The last lines of a text, broken at so many columns; empty ones are left out. */
export function lastLines(text: string, columns: number, count: number): readonly string[] {
  if (columns < 2) return [];
  const lines: string[] = [];
  for (const paragraph of text.split(/\r?\n|\r/)) {
    let line = "";
    let width = 0;
    for (const character of paragraph.replaceAll(/[\s\p{Cc}]+/gu, " ")) {
      const wide = widthOf(character);
      if (width + wide > columns) {
        lines.push(line);
        line = "";
        width = 0;
      }
      line += character;
      width += wide;
    }
    lines.push(line);
  }
  return lines.filter((line) => line.trim() !== "").slice(-count);
}

/** Columns that a text takes on a terminal. */
export function columnsOf(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

/** Marks that stand above the character before, joiners and variation selectors take no place. */
const ZERO = /^(?:\p{Mn}|\p{Me}|[\u200b-\u200d])$/u;
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

function widthOf(character: string): number {
  if (character < "\u0300") return 1;
  return ZERO.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}
