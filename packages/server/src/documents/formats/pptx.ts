import { damaged } from "../problem.ts";
import type { Zip } from "../zip.ts";
import { readXml } from "../xml.ts";
import { officeBlocks, type TextWords } from "./office-text.ts";
import { mainPart, relations } from "./parts.ts";

const WORDS: TextWords = {
  paragraphs: new Set(["p"]),
  runs: new Set(["t"]),
  table: "tbl",
  row: "tr",
  cell: "tc",
  signs: new Map([["br", "\n"]]),
  // Fields hold the number of the slide and the date of today.
  passedOver: new Set(["fld", "Fallback"]),
};

/** The text of each slide in the order of the show, an empty line between slides. Notes are left out. */
export function pptxText(zip: Zip): string {
  const main = mainPart(zip, "ppt/presentation.xml");
  const targets = relations(zip, main);
  const slides: string[] = [];
  readXml(zip.read(main), {
    open(name, attribute) {
      if (name !== "sldId") return;
      const path = targets.get(attribute("r:id") ?? "");
      if (path === undefined) throw damaged("it names a slide that it does not have");
      slides.push(path);
    },
  });
  return slides
    .map((slide) => officeBlocks(zip.read(slide), WORDS).join("\n"))
    .filter((text) => text !== "")
    .join("\n\n");
}
