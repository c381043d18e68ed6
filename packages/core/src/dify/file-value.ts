import { fileKind, isFileValue, type FileValue } from "../base/file.ts";
import type { Json, JsonObject } from "../base/json.ts";
import { numberAt, textAt } from "./read.ts";
import { FILE_MARK } from "./selector.ts";

/**
 * A file as the nodes of an imported graph see it, out of what callers give: a file of the store, the id of one
 * (`upload_file_id`), or an address. A map that is none of these stays as it is. Nothing is looked up.
 */
export function difyFile(given: JsonObject): JsonObject {
  if (isFileValue(given)) return localFile(given.id, { ...given });
  if (given["dify_model_identity"] === FILE_MARK) return given;
  const url = textAt(given, "url") || textAt(given, "remote_url");
  const id = textAt(given, "upload_file_id");
  if (id !== "") return localFile(id, given);
  return url === "" ? given : remoteFile(url, given);
}

/** The files of a value: one, or those of a list. What is none stays. */
export function difyFiles(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(difyFiles);
  return value !== null && typeof value === "object" ? difyFile(value as JsonObject) : value;
}

/** Id of the file in the store; null for one that lies elsewhere. */
export function storedId(file: JsonObject): string | null {
  const ids = [textAt(file, "related_id"), textAt(file, "upload_file_id"), textAt(file, "id")];
  return ids.find((id) => isFileValue({ type: "file", id })) ?? null;
}

function localFile(id: string, given: JsonObject): JsonObject {
  const filename = textAt(given, "name") || textAt(given, "filename");
  const mimeType = textAt(given, "mime_type");
  return {
    dify_model_identity: FILE_MARK,
    id: null,
    type: kindOf(given, mimeType),
    transfer_method: "local_file",
    remote_url: null,
    reference: id,
    related_id: id,
    filename,
    extension: extensionOf(filename),
    mime_type: mimeType === "" ? null : mimeType,
    size: numberAt(given, "size"),
    url: `/api/files/${id}/content`,
  };
}

function remoteFile(url: string, given: JsonObject): JsonObject {
  const filename = textAt(given, "name") || textAt(given, "filename") || lastPart(url);
  const mimeType = textAt(given, "mime_type");
  return {
    dify_model_identity: FILE_MARK,
    id: null,
    type: kindOf(given, mimeType),
    transfer_method: "remote_url",
    remote_url: url,
    reference: null,
    related_id: null,
    filename,
    extension: extensionOf(filename),
    mime_type: mimeType === "" ? null : mimeType,
    size: numberAt(given, "size"),
    url,
  };
}

const KINDS: ReadonlySet<string> = new Set(["image", "document", "audio", "video", "custom"]);

function kindOf(given: JsonObject, mimeType: string): string {
  const said = textAt(given, "type");
  if (KINDS.has(said)) return said;
  return mimeType === "" ? "document" : fileKind(mimeType);
}

function lastPart(url: string): string {
  const path = url.replace(/[?#].*$/, "").replace(/^[a-z]+:\/\/[^/]*/i, "");
  const part = path.slice(path.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "" : name.slice(dot).toLowerCase();
}

/** A file of the store out of one of an imported graph. */
export function storedFile(value: FileValue, kind?: string): JsonObject {
  return localFile(value.id, kind === undefined ? { ...value } : { ...value, type: kind });
}
