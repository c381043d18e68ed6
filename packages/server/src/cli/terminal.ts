import { styleText } from "node:util";

export type Style = "red" | "green" | "yellow" | "dim" | "bold" | "cyan";

/** Text in a style where standard error or output is a terminal that shows it (`NO_COLOR` is honoured), plain elsewhere. */
export function style(name: Style, text: string): string {
  if (process.stdout.isTTY !== true || (process.env["NO_COLOR"] ?? "") !== "") return text;
  return styleText(name, text, { validateStream: false });
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

/** Columns that a text takes on a terminal. */
export function columnsOf(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

function widthOf(character: string): number {
  return /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
    character,
  )
    ? 2
    : 1;
}
