import { decodeText } from "./decode.ts";
import type { DocumentLimits, TextOptions } from "./documents.ts";
import type { DocumentKind } from "./kinds.ts";
import { damaged } from "./problem.ts";
import { Zip } from "./zip.ts";

/**
 * The text of a document of this kind. A reader is loaded when it is first needed. May take long and much memory: this
 * runs in a thread that can be ended.
 */
export async function extractDocument(
  kind: DocumentKind,
  bytes: Uint8Array,
  limits: DocumentLimits,
  options: TextOptions,
): Promise<string> {
  const plain = (): string => decodeText(bytes, options.encoding);
  const zip = (): Zip => new Zip(bytes, limits);
  try {
    switch (kind) {
      case "text":
        return plain();
      case "html":
        return options.html === "text" ? (await import("./formats/html.ts")).htmlText(plain()) : plain();
      case "json":
        return (await import("./formats/data.ts")).jsonText(plain());
      case "yaml":
        return (await import("./formats/data.ts")).yamlText(plain());
      case "properties":
        return (await import("./formats/data.ts")).propertiesText(plain());
      case "vtt":
        return (await import("./formats/data.ts")).vttText(plain());
      case "csv":
        return (await import("./formats/csv.ts")).csvText(plain());
      case "tsv":
        return (await import("./formats/csv.ts")).csvText(plain(), "\t");
      case "pdf":
        return await (await import("./formats/pdf.ts")).pdfText(bytes, limits.pagesMax);
      case "docx":
        return (await import("./formats/docx.ts")).docxText(zip());
      case "xlsx":
        return (await import("./formats/xlsx.ts")).xlsxText(zip());
      case "pptx":
        return (await import("./formats/pptx.ts")).pptxText(zip());
      case "odt":
        return (await import("./formats/odt.ts")).odtText(zip());
      case "epub":
        return (await import("./formats/epub.ts")).epubText(zip());
      case "eml":
        return await (await import("./formats/eml.ts")).emlText(bytes);
    }
  } catch (error) {
    // A parser that calls itself for each level runs out of stack before it runs out of memory.
    if (error instanceof RangeError) throw damaged("it is nested deeper than it can be read");
    throw error;
  }
}
