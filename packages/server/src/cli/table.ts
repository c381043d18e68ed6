import { columnsOf, style, type Style } from "./terminal.ts";

export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

/** Rows as columns of equal width under their titles; a column in which nothing stands is left out. */
export function table(titles: readonly string[], rows: readonly (readonly (string | Cell)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === "string" ? { text: cell } : cell)));
  const shown = titles.flatMap((_, at) => (cells.some((row) => row[at]!.text !== "") ? [at] : []));
  const head: readonly Cell[] = titles.map((text) => ({ text: text.toUpperCase(), style: "dim" }));
  const all = [head, ...cells];
  const widths = titles.map((_, at) => Math.max(...all.map((row) => columnsOf(row[at]!.text))));
  return all
    .map((row) =>
      shown
        .map((at, place) => {
          const { text, style: name } = row[at]!;
          // Spaces at the end of a line are noise in a pipe.
          const gap = place === shown.length - 1 ? "" : " ".repeat(widths[at]! - columnsOf(text));
          return (name === undefined ? text : style(name, text)) + gap;
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
