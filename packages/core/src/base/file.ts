import { isJsonObject } from "./json.ts";
import type { Json } from "./value.ts";

/**
 * A file as a value of a workflow: what it is, and the id under which its bytes lie in the file store. Whoever opens it
 * goes by the id alone; the other members are for those who read the value, and prove nothing.
 */
export interface FileValue {
  readonly type: "file";
  /** `file-` and a UUID. */
  readonly id: string;
  readonly name: string;
  readonly mime_type: string;
  /** Bytes. */
  readonly size: number;
  /** Hash of the bytes, in hexadecimal. */
  readonly sha256: string;
}

const FILE_ID = /^file-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text has the form of the id of a file. */
export function isFileId(text: string): boolean {
  return FILE_ID.test(text);
}

/** Whether a value stands for a file: a map of `type: file` with the id of one. Its other members may be missing. */
export function isFileValue(value: Json | undefined): value is Json & Pick<FileValue, "type" | "id"> {
  return isJsonObject(value) && value["type"] === "file" && typeof value["id"] === "string" && isFileId(value["id"]);
}

/** What people take a file for, as Dify names it. */
export type FileKind = "image" | "audio" | "video" | "document" | "custom";

const DOCUMENTS: ReadonlySet<string> = new Set([
  "application/epub+zip",
  "application/json",
  "application/msword",
  "application/pdf",
  "application/rtf",
  "application/vnd.ms-excel",
  "application/vnd.ms-powerpoint",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  "application/xml",
  "application/yaml",
  "message/rfc822",
]);

/** The kind of a file by its media type. */
export function fileKind(mimeType: string): FileKind {
  const type = mimeType.toLowerCase();
  const [family] = type.split("/", 1);
  if (family === "image" || family === "audio" || family === "video") return family;
  return family === "text" || DOCUMENTS.has(type) ? "document" : "custom";
}
