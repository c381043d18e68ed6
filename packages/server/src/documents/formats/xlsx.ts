import { damaged } from "../problem.ts";
import { markdownTable } from "../table.ts";
import { readXml } from "../xml.ts";
import type { Zip } from "../zip.ts";
import { mainPart, relations } from "./parts.ts";
import { isDateFormat, serialDate } from "./xlsx-dates.ts";

/** As many as a sheet of Excel has. */
const COLUMNS_MAX = 16_384;

interface Book {
  readonly sheets: readonly string[];
  readonly strings: readonly string[];
  /** By the style of a cell, whether its number is a date. */
  readonly dates: readonly boolean[];
  readonly since1904: boolean;
}

/** A table of Markdown for each sheet that has something in it, in the order of the book. Formulas give their last value. */
export function xlsxText(zip: Zip): string {
  const book = readBook(zip);
  return book.sheets
    .map((path) => markdownTable(readSheet(zip.read(path), book)))
    .filter((table) => table !== "")
    .join("\n\n");
}

function readBook(zip: Zip): Book {
  const main = mainPart(zip, "xl/workbook.xml");
  const targets = relations(zip, main);
  const folder = main.slice(0, main.lastIndexOf("/") + 1);
  const sheets: string[] = [];
  let since1904 = false;
  readXml(zip.read(main), {
    open(name, attribute) {
      if (name === "workbookPr") since1904 = /^(?:1|true)$/.test(attribute("date1904") ?? "");
      if (name !== "sheet") return;
      const path = targets.get(attribute("r:id") ?? attribute("id") ?? "");
      if (path === undefined) throw damaged("it names a sheet that it does not have");
      if (!path.includes("chartsheets/")) sheets.push(path);
    },
  });
  const strings = zip.find(`${folder}sharedStrings.xml`);
  const styles = zip.find(`${folder}styles.xml`);
  return { sheets, strings: strings ? readStrings(strings) : [], dates: styles ? readStyles(styles) : [], since1904 };
}

/** Shared texts; how to read them aloud (`rPh`) is no part of them. */
function readStrings(xml: Uint8Array): readonly string[] {
  const strings: string[] = [];
  let [text, inText, aloud] = ["", false, false];
  readXml(xml, {
    open(name) {
      if (name === "si") text = "";
      else if (name === "rPh") aloud = true;
      else if (name === "t") inText = !aloud;
    },
    text: (part) => void (inText && (text += part)),
    close(name) {
      if (name === "si") strings.push(text);
      else if (name === "rPh") aloud = false;
      else if (name === "t") inText = false;
    },
  });
  return strings;
}

function readStyles(xml: Uint8Array): readonly boolean[] {
  const formats = new Map<number, string>();
  const dates: boolean[] = [];
  let inCells = false;
  readXml(xml, {
    open(name, attribute) {
      const id = Number(attribute("numFmtId") ?? 0);
      if (name === "numFmt") formats.set(id, attribute("formatCode") ?? "");
      else if (name === "cellXfs") inCells = true;
      else if (name === "xf" && inCells) dates.push(isDateFormat(id, formats.get(id)));
    },
    close: (name) => void (name === "cellXfs" && (inCells = false)),
  });
  return dates;
}

function readSheet(xml: Uint8Array, book: Book): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let cell = { column: 0, type: "n", style: 0 };
  let [text, taken] = ["", false];
  readXml(xml, {
    open(name, attribute) {
      if (name === "row") rows.push([]);
      else if (name === "c") {
        const row = rows.at(-1);
        const column = columnOf(attribute("r")) ?? row?.length ?? 0;
        cell = { column, type: attribute("t") ?? "n", style: Number(attribute("s") ?? 0) };
        text = "";
      } else if (name === "v" || name === "t") taken = true;
    },
    text: (part) => void (taken && (text += part)),
    close(name) {
      if (name === "v" || name === "t") taken = false;
      if (name !== "c" || text === "" || cell.column >= COLUMNS_MAX) return;
      const row = rows.at(-1);
      if (row === undefined) return;
      while (row.length < cell.column) row.push("");
      row[cell.column] = valueOf(text, cell, book);
    },
  });
  return rows;
}

function valueOf(text: string, { type, style }: { type: string; style: number }, book: Book): string {
  if (type === "s") return book.strings[Number(text)] ?? "";
  if (type === "b") return text === "1" ? "TRUE" : "FALSE";
  if (type !== "n") return text;
  const number = Number(text);
  if (!Number.isFinite(number)) return text;
  return book.dates[style] === true ? serialDate(number, book.since1904) : String(number);
}

/** The column of a reference as `AB12`, from 0. */
function columnOf(reference: string | null): number | null {
  const letters = /^[A-Z]{1,3}/.exec(reference ?? "")?.[0];
  if (letters === undefined) return null;
  return [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}
