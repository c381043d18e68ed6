import { DocumentProblem } from "./problem.ts";

/** How a document is read. `text`: as it stands, once its encoding is known. */
export type DocumentKind =
  | "text"
  | ("html" | "json" | "yaml" | "csv" | "tsv" | "properties" | "vtt")
  | ("pdf" | "docx" | "xlsx" | "pptx" | "odt" | "epub" | "eml");

const TEXT_EXTENSIONS =
  "txt text log md mdx markdown rst adoc tex srt xml xsd xsl svg jsonl ndjson json5 jsonc toml ini cfg conf env sql graphql proto " +
  "css scss sass less js mjs cjs jsx ts mts cts tsx vue svelte py pyi ipynb rb php java kt kts groovy gradle scala clj go rs c h cc cpp " +
  "cxx hpp cs fs swift m mm dart lua pl pm r jl hs erl ex exs sh bash zsh fish bat ps1 psm1 dockerfile makefile cmake tf diff patch";

const EXTENSIONS: ReadonlyMap<string, DocumentKind> = new Map<string, DocumentKind>([
  ...TEXT_EXTENSIONS.split(" ").map((extension) => [extension, "text"] as const),
  ["html", "html"],
  ["htm", "html"],
  ["xhtml", "html"],
  ["json", "json"],
  ["yaml", "yaml"],
  ["yml", "yaml"],
  ["csv", "csv"],
  ["tsv", "tsv"],
  ["properties", "properties"],
  ["vtt", "vtt"],
  ["pdf", "pdf"],
  ["docx", "docx"],
  ["docm", "docx"],
  ["xlsx", "xlsx"],
  ["xlsm", "xlsx"],
  ["pptx", "pptx"],
  ["pptm", "pptx"],
  ["odt", "odt"],
  ["epub", "epub"],
  ["eml", "eml"],
]);

const OFFICE = "application/vnd.openxmlformats-officedocument";
const MEDIA_TYPES: ReadonlyMap<string, DocumentKind> = new Map<string, DocumentKind>([
  ["text/html", "html"],
  ["application/xhtml+xml", "html"],
  ["application/json", "json"],
  ["application/yaml", "yaml"],
  ["application/x-yaml", "yaml"],
  ["text/yaml", "yaml"],
  ["text/x-yaml", "yaml"],
  ["text/csv", "csv"],
  ["text/tab-separated-values", "tsv"],
  ["text/x-java-properties", "properties"],
  ["text/vtt", "vtt"],
  ["application/pdf", "pdf"],
  [`${OFFICE}.wordprocessingml.document`, "docx"],
  [`${OFFICE}.spreadsheetml.sheet`, "xlsx"],
  [`${OFFICE}.presentationml.presentation`, "pptx"],
  ["application/vnd.oasis.opendocument.text", "odt"],
  ["application/epub+zip", "epub"],
  ["message/rfc822", "eml"],
  ["application/xml", "text"],
  ["application/javascript", "text"],
  ["application/x-sh", "text"],
  ["application/sql", "text"],
  ["application/toml", "text"],
  ["application/x-ndjson", "text"],
]);

/** What these are saved as to be read. */
const CONVERTED: ReadonlyMap<string, string> = new Map([
  ["doc", "docx"],
  ["rtf", "docx"],
  ["xls", "xlsx"],
  ["xlsb", "xlsx"],
  ["ods", "xlsx"],
  ["ppt", "pptx"],
  ["odp", "pptx"],
  ["msg", "eml"],
  ["mobi", "epub"],
]);

/** How the document of this name and media type is read: by its extension first. Throws a problem of kind `type`. */
export function documentKind(name: string, mimeType: string): DocumentKind {
  const extension = extensionOf(name);
  const type = mimeType.split(";", 1)[0]!.trim().toLowerCase();
  const kind = EXTENSIONS.get(extension);
  if (kind !== undefined) return kind;
  const instead = CONVERTED.get(extension);
  if (instead !== undefined) {
    throw new DocumentProblem("type", `the format .${extension} is not read here; save it as .${instead} before`);
  }
  const byType = MEDIA_TYPES.get(type) ?? (type.startsWith("text/") ? "text" : undefined);
  if (byType !== undefined) return byType;
  const what = extension === "" ? "it has no extension" : `the extension .${extension} is not known`;
  throw new DocumentProblem("type", `${what}, and its media type ${type || "is not given"} says no more`);
}

/** Whether documents of this name are read. */
export function isDocumentName(name: string): boolean {
  return EXTENSIONS.has(extensionOf(name));
}

/** Every extension that is read. */
export function documentExtensions(): readonly string[] {
  return [...EXTENSIONS.keys()];
}

/** In lower case, without its dot. A file that is only an extension, as `Dockerfile`, is one. */
function extensionOf(name: string): string {
  const last = name.split(/[/\\]/).at(-1)!.toLowerCase();
  const dot = last.lastIndexOf(".");
  return (dot <= 0 ? last.slice(dot + 1) : last.slice(dot + 1)).slice(0, 32);
}
