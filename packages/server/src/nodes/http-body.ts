import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { AppError, encodeJson, isFileValue, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import type { Files, OpenFile } from "../files/files.ts";
import { fieldsRefused } from "./http-fields.ts";
import { typeOf } from "./http-media.ts";

/** What a request carries, as its author wrote it: secrets are still marks, files still ids. */
export type RequestBody =
  | { readonly kind: "value"; readonly value: Json }
  | { readonly kind: "form"; readonly fields: JsonObject }
  | { readonly kind: "multipart"; readonly fields: JsonObject }
  | { readonly kind: "file"; readonly file: Json };

/** A body ready to be sent, once. */
export interface EncodedBody {
  readonly content: Buffer | Readable;
  readonly length: number;
  /** The content type it has when the author names none. */
  readonly contentType: string;
  /** Whether that type holds whatever the author says: a boundary must be the right one. */
  readonly isOwnType: boolean;
}

export interface EncodeOptions {
  /** The author's content type. */
  readonly contentType: string | null;
  /** Puts secrets in the place of their marks. */
  readonly reveal: (text: string) => string;
  /** Opens a file of the tenant. */
  readonly open: (id: string) => Promise<OpenFile>;
  /** Bytes of what is held in memory; files are as large as they are. */
  readonly bytesMax: number;
}

/**
 * The bytes of a body. Text goes as it is, a map as a form when the author says so, every other value as JSON; files go
 * from the store to the network a chunk at a time, and their length is known before.
 */
export async function encodeBody(body: RequestBody, options: EncodeOptions): Promise<EncodedBody> {
  const { contentType, reveal, bytesMax } = options;
  switch (body.kind) {
    case "value": {
      const value = revealed(body.value, reveal);
      const isForm = typeOf(contentType) === "application/x-www-form-urlencoded" && isJsonObject(value);
      if (isForm) return inMemory(formText(value), contentType!, bytesMax);
      if (typeof value === "string") return inMemory(value, "text/plain; charset=utf-8", bytesMax);
      return inMemory(encodeJson(value), "application/json", bytesMax);
    }
    case "form": {
      const text = formText(revealed(body.fields, reveal) as JsonObject);
      return inMemory(text, "application/x-www-form-urlencoded", bytesMax);
    }
    case "multipart":
      return multipart(body.fields, options);
    case "file": {
      const { value, bytes } = await openFile(body.file, "file", options);
      const content = Readable.from(bytes, { objectMode: false });
      return { content, length: value.size, contentType: value.mime_type, isOwnType: false };
    }
  }
}

function inMemory(text: string, contentType: string, bytesMax: number): EncodedBody {
  const content = Buffer.from(text);
  checkSize(content.length, bytesMax);
  return { content, length: content.length, contentType, isOwnType: false };
}

function checkSize(size: number, limit: number): void {
  if (size <= limit) return;
  const setting = "the request limit of http steps";
  throw new AppError("PAYLOAD_TOO_LARGE", { what: "the body of the request", size, limit, setting });
}

/** The same value with every text revealed; values without a mark are not copied. Names of members are no texts. */
function revealed(value: Json, reveal: (text: string) => string): Json {
  if (typeof value === "string") return reveal(value);
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => revealed(item, reveal));
    return items.every((item, i) => item === (value as readonly Json[])[i]) ? value : items;
  }
  if (!isJsonObject(value)) return value;
  let changed = false;
  const members = Object.entries(value).map(([name, member]): [string, Json] => {
    const shown = revealed(member, reveal);
    changed ||= shown !== member;
    return [name, shown];
  });
  return changed ? Object.fromEntries(members) : value;
}

function formText(fields: JsonObject): string {
  const form = new URLSearchParams();
  for (const [name, value] of pairsOf(fields)) form.append(name, value);
  return form.toString();
}

/** The members of a map as pairs: a list gives one pair for each element, null none, a map is JSON text. */
export function* pairsOf(members: { readonly [name: string]: Json }): Generator<readonly [string, string]> {
  for (const [name, value] of Object.entries(members)) {
    for (const one of Array.isArray(value) ? (value as readonly Json[]) : [value]) {
      if (one !== null) yield [name, typeof one === "string" ? one : encodeJson(one)];
    }
  }
}

interface Part {
  readonly head: Buffer;
  readonly content: Buffer | OpenFile;
}

/** `multipart/form-data` as browsers write it (RFC 7578): files as files, all else as text. */
async function multipart(fields: JsonObject, options: EncodeOptions): Promise<EncodedBody> {
  const boundary = `weft-${randomBytes(16).toString("hex")}`;
  const parts: Part[] = [];
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? (value as readonly Json[]) : [value]) {
      if (one === null) continue;
      if (isFileValue(one)) {
        const file = await openFile(one, `multipart.${name}`, options);
        const type = `content-type: ${file.value.mime_type}\r\n`;
        parts.push({
          head: partHead(boundary, name, `; filename="${quotable(file.value.name)}"`, type),
          content: file,
        });
      } else {
        const text = revealed(one, options.reveal);
        const content = Buffer.from(typeof text === "string" ? text : encodeJson(text));
        parts.push({ head: partHead(boundary, name, "", ""), content });
      }
    }
  }
  const end = Buffer.from(`--${boundary}--\r\n`);
  const held = parts.reduce(
    (sum, { head, content }) => sum + head.length + 2 + (Buffer.isBuffer(content) ? content.length : 0),
    end.length,
  );
  checkSize(held, options.bytesMax);
  const length = parts.reduce((sum, { content }) => sum + (Buffer.isBuffer(content) ? 0 : content.value.size), held);
  return {
    content: Readable.from(written(parts, end), { objectMode: false }),
    length,
    contentType: `multipart/form-data; boundary=${boundary}`,
    isOwnType: true,
  };
}

async function* written(parts: readonly Part[], end: Buffer): AsyncGenerator<Uint8Array> {
  const newLine = Buffer.from("\r\n");
  for (const { head, content } of parts) {
    yield head;
    if (Buffer.isBuffer(content)) yield content;
    else yield* content.bytes;
    yield newLine;
  }
  yield end;
}

function partHead(boundary: string, name: string, rest: string, more: string): Buffer {
  return Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${quotable(name)}"${rest}\r\n${more}\r\n`);
}

/** A name between quotes, as the HTML standard escapes it: nothing in it ends the name or begins another header. */
function quotable(name: string): string {
  return name.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
}

async function openFile(value: Json, field: string, { open }: EncodeOptions): Promise<OpenFile> {
  if (!isFileValue(value))
    throw fieldsRefused(`${field} must be a file, such as an upload or the body of an http step`);
  return open(value.id);
}

/** Opens files of a tenant; where there is no store, every file is one that cannot be opened. */
export function opener(files: Files | null, tenant: string): EncodeOptions["open"] {
  return async (id) => {
    if (!files) throw new AppError("FILE_NOT_FOUND", { file: id });
    return files.open(tenant, id);
  };
}
