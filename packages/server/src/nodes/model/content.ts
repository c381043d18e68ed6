import { AppError, fileKind, isFileValue, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { ContentPart, MediaKind, Message } from "../../gateway/model.ts";

/** A file that is in the store: it is read when it is known that the model takes its kind. */
export interface StoredPart {
  readonly type: "stored";
  readonly id: string;
  readonly detail?: string;
}

export type DraftPart = ContentPart | StoredPart;

/** A message whose files have not been read. */
export interface DraftMessage {
  readonly role: Message["role"];
  readonly content: string | readonly DraftPart[];
}

/** A message as an author or an imported graph gives it. */
export interface GivenMessage {
  readonly role: Message["role"];
  readonly content: string | readonly JsonObject[];
  /** Files beside the text. */
  readonly files?: Json | undefined;
}

const MEDIA_TYPES: Readonly<Record<MediaKind, string>> = {
  image: "image/*",
  audio: "audio/*",
  video: "video/*",
  document: "application/octet-stream",
};

/** A message with its parts read; the files beside it stand behind its text. */
export function draftMessage({ role, content, files = null }: GivenMessage, detail?: string): DraftMessage {
  const beside = filesIn(files).map((file) => filePart(file, detail));
  if (typeof content === "string") {
    if (beside.length === 0) return { role, content };
    return { role, content: content === "" ? beside : [{ type: "text", text: content }, ...beside] };
  }
  return { role, content: [...content.map((part) => draftPart(part, detail)), ...beside] };
}

/** A part: of a kind that models know, or a file, or a map of a kind and its file. Others are the provider's business. */
function draftPart(part: JsonObject, detail?: string): DraftPart {
  if (isFile(part)) return filePart(part, detail);
  const { type, file, url } = part;
  if (!isKind(type) && type !== "file") return part as JsonObject & ContentPart;
  const look = typeof part["detail"] === "string" ? part["detail"] : detail;
  if (file !== undefined) return filePart(file, look);
  if (typeof url !== "string") throw wrongPart(type, "neither a file nor a url");
  const media = part["media_type"] ?? part["mediaType"];
  const standard = type === "file" ? "application/octet-stream" : MEDIA_TYPES[type];
  return urlPart(url, typeof media === "string" ? media : mediaOf(url, standard), part["name"], look);
}

/** The files of a value: one, or a list of them; texts are addresses of images. Null is none. */
export function filesIn(value: Json | undefined): readonly Json[] {
  if (value === null || value === undefined || value === "") return [];
  return Array.isArray(value) ? (value as readonly Json[]).filter((one) => one !== null) : [value];
}

/** A file of the store, one that came with an imported workflow, or an address. */
export function filePart(file: Json, detail?: string): DraftPart {
  const look = detail === undefined ? {} : { detail };
  if (typeof file === "string") return urlPart(file, mediaOf(file, "image/*"), undefined, detail);
  if (isFileValue(file)) return { type: "stored", id: file.id, ...look };
  if (isImported(file)) {
    const id = [file["related_id"], file["upload_file_id"], file["id"]].find((one) =>
      isFileValue({ type: "file", id: one ?? null }),
    );
    if (typeof id === "string") return { type: "stored", id, ...look };
    const url = file["remote_url"] ?? file["url"];
    const kind = isKind(file["type"]) ? file["type"] : "document";
    const media = typeof file["mime_type"] === "string" ? file["mime_type"] : MEDIA_TYPES[kind];
    if (typeof url === "string") return urlPart(url, media, file["filename"], detail);
  }
  throw wrongPart("file", "no file, such as an upload or the body of an http step, and no address");
}

function urlPart(url: string, mediaType: string, name: Json | undefined, detail?: string): ContentPart {
  if (!/^(?:https?|data):/i.test(url)) throw wrongPart("file", "an address that is neither http, https nor data");
  if (mediaType.startsWith("image/")) return { type: "image", url, ...(detail === undefined ? {} : { detail }) };
  return { type: "file", url, mediaType, ...(typeof name === "string" ? { name } : {}) };
}

function mediaOf(url: string, standard: string): string {
  return /^data:([\w.+-]+\/[\w.+-]+)/i.exec(url)?.[1]?.toLowerCase() ?? standard;
}

/** The kind of a part; null for what every model takes. */
export function kindOfPart(part: ContentPart): MediaKind | null {
  if (part.type === "image") return "image";
  return part.type === "file" ? mediaKind(part.mediaType) : null;
}

export function mediaKind(mediaType: string): MediaKind {
  const kind = fileKind(mediaType);
  return kind === "custom" ? "document" : kind;
}

function isKind(type: Json | undefined): type is MediaKind {
  return type === "image" || type === "audio" || type === "video" || type === "document";
}

function isFile(part: JsonObject): boolean {
  return isFileValue(part) || isImported(part);
}

function isImported(file: Json): file is JsonObject {
  return isJsonObject(file) && file["dify_model_identity"] === "__dify__file__";
}

function wrongPart(type: string, is: string): AppError {
  return new AppError("STEP_FAILED", { reason: `a part of type ${type} in its messages or files is ${is}` });
}
