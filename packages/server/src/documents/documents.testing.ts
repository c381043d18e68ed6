import { crc32, deflateRawSync } from "node:zlib";

/** Documents made by hand, small and real: what the programs that write them put in, without what no reader needs. */

export interface ZipEntry {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** What the list of contents says, where it lies. */
  readonly size?: number;
  readonly crc?: number;
}

export function zipOf(entries: readonly ZipEntry[] | Readonly<Record<string, string>>): Buffer {
  const list: readonly ZipEntry[] = isList(entries)
    ? entries
    : Object.entries(entries).map(([name, content]) => ({ name, content }));
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of list) {
    const content = Buffer.from(entry.content);
    const packed = deflateRawSync(content);
    const name = Buffer.from(entry.name);
    const [size, crc] = [entry.size ?? content.length, entry.crc ?? crc32(content)];
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(8, 8);
    local.writeUInt16LE(name.length, 26);
    const listed = Buffer.alloc(46);
    listed.writeUInt32LE(0x02014b50, 0);
    listed.writeUInt16LE(8, 10);
    listed.writeUInt32LE(crc, 16);
    listed.writeUInt32LE(packed.length, 20);
    listed.writeUInt32LE(size, 24);
    listed.writeUInt16LE(name.length, 28);
    listed.writeUInt32LE(offset, 42);
    parts.push(local, name, packed);
    central.push(listed, name);
    offset += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(list.length, 8);
  end.writeUInt16LE(list.length, 10);
  end.writeUInt32LE(Buffer.concat(central).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...central, end]);
}

function isList(entries: readonly ZipEntry[] | Readonly<Record<string, string>>): entries is readonly ZipEntry[] {
  return Array.isArray(entries);
}

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
const RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

function relationsOf(targets: Readonly<Record<string, string>>): string {
  const rows = Object.entries(targets).map(
    ([id, target]) => `<Relationship Id="${id}" Type="${RELATIONS}/part" Target="${target}"/>`,
  );
  return `${XML}<Relationships>${rows.join("")}</Relationships>`;
}

/** A Word document with this content of `w:body`. */
export function docxOf(body: string): Buffer {
  return zipOf({
    "[Content_Types].xml": `${XML}<Types/>`,
    "word/document.xml": `${XML}<w:document xmlns:w="urn:w"><w:body>${body}</w:body></w:document>`,
  });
}

export const paragraph = (text: string): string => `<w:p><w:r><w:t xml:space="preserve">${text}</w:t></w:r></w:p>`;

export const wordTable = (rows: readonly (readonly string[])[]): string =>
  `<w:tbl><w:tblPr/>${rows
    .map((row) => `<w:tr>${row.map((cell) => `<w:tc><w:tcPr/>${paragraph(cell)}</w:tc>`).join("")}</w:tr>`)
    .join("")}</w:tbl>`;

/** A workbook with these contents of `sheetData`, in the order given. */
export function xlsxOf(
  sheets: readonly string[],
  strings: readonly string[] = [],
  styles = "<cellXfs><xf numFmtId='0'/><xf numFmtId='14'/></cellXfs>",
): Buffer {
  // The order of the book is that of its list, and not that of the names of its parts.
  const names = sheets.map((_, at) => `sheet${sheets.length - at}`);
  return zipOf({
    "xl/workbook.xml": `${XML}<workbook xmlns:r="${RELATIONS}"><workbookPr/><sheets>${names
      .map((name, at) => `<sheet name="${name}" sheetId="${at + 1}" r:id="r${at}"/>`)
      .join("")}</sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": relationsOf(
      Object.fromEntries(names.map((name, at) => [`r${at}`, `worksheets/${name}.xml`])),
    ),
    "xl/sharedStrings.xml": `${XML}<sst>${strings.map((text) => `<si>${text}</si>`).join("")}</sst>`,
    "xl/styles.xml": `${XML}<styleSheet>${styles}</styleSheet>`,
    ...Object.fromEntries(
      sheets.map((data, at) => [
        `xl/worksheets/${names[at]}.xml`,
        `${XML}<worksheet><sheetData>${data}</sheetData></worksheet>`,
      ]),
    ),
  });
}

/** A presentation whose slides have these paragraphs. */
export function pptxOf(slides: readonly (readonly string[])[]): Buffer {
  const names = slides.map((_, at) => `slide${slides.length - at}`);
  return zipOf({
    "ppt/presentation.xml": `${XML}<p:presentation xmlns:r="${RELATIONS}"><p:sldIdLst>${names
      .map((_, at) => `<p:sldId id="${256 + at}" r:id="r${at}"/>`)
      .join("")}</p:sldIdLst></p:presentation>`,
    "ppt/_rels/presentation.xml.rels": relationsOf(
      Object.fromEntries(names.map((name, at) => [`r${at}`, `slides/${name}.xml`])),
    ),
    ...Object.fromEntries(
      slides.map((lines, at) => [
        `ppt/slides/${names[at]}.xml`,
        `${XML}<p:sld><p:txBody>${lines
          .map((line) => `<a:p><a:r><a:t>${line}</a:t></a:r></a:p>`)
          .join("")}<a:p><a:fld type="slidenum"><a:t>${at + 1}</a:t></a:fld></a:p></p:txBody></p:sld>`,
      ]),
    ),
  });
}

/** A PDF with a page for each text, in a font that every reader has. */
export function pdfOf(pages: readonly string[]): Buffer {
  const objects: string[] = ["<</Type/Catalog/Pages 2 0 R>>"];
  const kids = pages.map((_, at) => `${4 + at * 2} 0 R`).join(" ");
  objects.push(
    `<</Type/Pages/Count ${pages.length}/Kids[${kids}]>>`,
    "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
  );
  pages.forEach((text, at) => {
    const lines = text.split("\n").map((line) => `(${line.replaceAll(/[\\()]/g, "\\$&")}) Tj 0 -16 Td`);
    const stream = `BT /F1 12 Tf 72 720 Td ${lines.join(" ")} ET`;
    objects.push(
      `<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents ${5 + at * 2} 0 R>>`,
      `<</Length ${stream.length}>>\nstream\n${stream}\nendstream`,
    );
  });
  return pdfFile(objects);
}

/** A PDF as word processors write Chinese: signs by the numbers of a font, and a table from these to what they mean. */
export function chinesePdfOf(text: string): Buffer {
  const codes = [...text].map((_, at) => (at + 1).toString(16).padStart(4, "0"));
  const meant = [...text].map((sign, at) => `<${codes[at]}> <${sign.codePointAt(0)!.toString(16).padStart(4, "0")}>`);
  const table =
    "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def 1 begincodespacerange " +
    `<0000> <ffff> endcodespacerange ${meant.length} beginbfchar\n${meant.join("\n")}\nendbfchar endcmap end end`;
  const stream = `BT /F1 12 Tf 72 720 Td <${codes.join("")}> Tj ET`;
  return pdfFile([
    "<</Type/Catalog/Pages 2 0 R>>",
    "<</Type/Pages/Count 1/Kids[4 0 R]>>",
    "<</Type/Font/Subtype/Type0/BaseFont/Song/Encoding/Identity-H/DescendantFonts[6 0 R]/ToUnicode 7 0 R>>",
    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents 5 0 R>>",
    `<</Length ${stream.length}>>\nstream\n${stream}\nendstream`,
    "<</Type/Font/Subtype/CIDFontType2/BaseFont/Song/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor 8 0 R/DW 1000>>",
    `<</Length ${table.length}>>\nstream\n${table}\nendstream`,
    "<</Type/FontDescriptor/FontName/Song/Flags 4/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700/StemV 80>>",
  ]);
}

function pdfFile(objects: readonly string[]): Buffer {
  let text = "%PDF-1.4\n";
  const offsets = objects.map((object, at) => {
    const offset = text.length;
    text += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const start = text.length;
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  for (const offset of offsets) text += `${String(offset).padStart(10, "0")} 00000 n \n`;
  return Buffer.from(
    `${text}trailer\n<</Size ${objects.length + 1}/Root 1 0 R>>\nstartxref\n${start}\n%%EOF\n`,
    "latin1",
  );
}
