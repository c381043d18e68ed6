import type { Zip } from "../zip.ts";
import { officeBlocks, type TextWords } from "./office-text.ts";

const WORDS: TextWords = {
  paragraphs: new Set(["p", "h"]),
  runs: null,
  table: "table",
  row: "table-row",
  cell: "table-cell",
  signs: new Map([
    ["tab", "\t"],
    ["line-break", "\n"],
    ["s", " "],
  ]),
  passedOver: new Set(["tracked-changes", "annotation", "note"]),
};

/** Paragraphs, headings and tables of an OpenDocument text. */
export function odtText(zip: Zip): string {
  return officeBlocks(zip.read("content.xml"), WORDS).join("\n");
}
