import type { Zip } from "../zip.ts";
import { officeBlocks, type TextWords } from "./office-text.ts";
import { mainPart } from "./parts.ts";

const WORDS: TextWords = {
  paragraphs: new Set(["p"]),
  runs: new Set(["t"]),
  table: "tbl",
  row: "tr",
  cell: "tc",
  signs: new Map([
    ["tab", "\t"],
    ["br", "\n"],
    ["cr", "\n"],
    ["noBreakHyphen", "-"],
  ]),
  // What was deleted, what was moved away, the settings of a paragraph (tabs stand there too), and second versions of a drawing.
  passedOver: new Set(["del", "moveFrom", "pPr", "rPr", "Fallback"]),
};

/** Paragraphs and tables of a Word document, in their order. Head and foot lines, notes and comments are left out. */
export function docxText(zip: Zip): string {
  return officeBlocks(zip.read(mainPart(zip, "word/document.xml")), WORDS).join("\n");
}
