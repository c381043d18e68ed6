import { createReadStream, statSync } from "node:fs";
import { basename, extname } from "node:path";
import { formOf, ROOT_INPUT, type Json, type JsonObject, type StartField, type Workflow } from "@weftwork/core";
import type { Weft } from "../weft.ts";
import { UsageError } from "./exit.ts";
import { readInputs } from "./inputs.ts";
import { say } from "./language.ts";
import { readInputText } from "./text-files.ts";

/**
 * The inputs of a Dify file's run from `-i name=value` arguments: the fields of its form by name, `query` for the
 * message of a conversation, and system values by full name. A field of files takes `@path`, which is uploaded, or an
 * address, which is fetched when a node reads it; a list of files may be given by repeating it. `root` is the node that
 * the run begins at, where there are several.
 */
export async function difyInputs(
  weft: Pick<Weft, "files">,
  workflow: Workflow,
  given: readonly string[],
  root?: string,
): Promise<JsonObject> {
  const begun = root === undefined ? {} : { [ROOT_INPUT]: root };
  const fields = new Map(formOf(workflow.steps, begun).map((field) => [field.name, field]));
  const files = new Map<string, Json[]>();
  const rest: string[] = [];
  for (const argument of given) {
    const at = argument.indexOf("=");
    const name = nameOf(argument.slice(0, at).trim(), fields, workflow);
    const value = argument.slice(at + 1);
    if (isFileField(fields.get(name)?.type, name))
      files.set(name, [...(files.get(name) ?? []), await fileOf(weft, name, value)]);
    else rest.push(`${name}=${value}`);
  }
  const inputs = readInputs(rest, workflow.inputs, readInputText);
  const taken = [...files].map(
    ([name, list]) => [name, fields.get(name)?.type === "file" ? list.at(-1)! : list] as const,
  );
  return { ...inputs, ...Object.fromEntries(taken) };
}

/** The short names of a message, unless the form has a field of that name. */
function nameOf(name: string, fields: ReadonlyMap<string, StartField>, { dify }: Workflow): string {
  if (fields.has(name) || dify?.mode !== "advanced-chat") return name;
  return name === "query" || name === "files" ? `sys.${name}` : name;
}

function isFileField(type: string | undefined, name: string): boolean {
  return type === "file" || type === "file-list" || name === "sys.files";
}

async function fileOf(weft: Pick<Weft, "files">, name: string, value: string): Promise<Json> {
  if (/^https?:\/\//i.test(value)) return { type: kindOf(value), transfer_method: "remote_url", url: value };
  if (!value.startsWith("@")) throw new UsageError(say("input.file_field", { name }));
  const path = value.slice(1);
  let isFile: boolean;
  try {
    isFile = statSync(path).isFile();
  } catch {
    throw new UsageError(say("file.none", { path }));
  }
  if (!isFile) throw new UsageError(say("file.folder", { path }));
  const mimeType = TYPES[extname(path).toLowerCase()];
  const stored = await weft.files.put({ name: basename(path), mimeType }, createReadStream(path));
  return { ...stored.value };
}

function kindOf(url: string): string {
  const type = TYPES[extname(URL.parse(url)?.pathname ?? "").toLowerCase()] ?? "";
  const [family] = type.split("/", 1);
  return family === "image" || family === "audio" || family === "video" ? family : "document";
}

const OFFICE = "application/vnd.openxmlformats-officedocument";
/** Media types of the files that people give to workflows. */
const TYPES: Readonly<Record<string, string>> = {
  ".txt": "text/plain",
  ".md": "text/markdown",
  ".html": "text/html",
  ".csv": "text/csv",
  ".json": "application/json",
  ".yaml": "application/yaml",
  ".yml": "application/yaml",
  ".xml": "application/xml",
  ".pdf": "application/pdf",
  ".docx": `${OFFICE}.wordprocessingml.document`,
  ".xlsx": `${OFFICE}.spreadsheetml.sheet`,
  ".pptx": `${OFFICE}.presentationml.presentation`,
  ".eml": "message/rfc822",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".mp3": "audio/mpeg",
  ".wav": "audio/wav",
  ".mp4": "video/mp4",
};
