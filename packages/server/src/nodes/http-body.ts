import { pipeline, type Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { AppError, encodeJson, type Json, isJsonObject } from "@weftwork/core";

/** What `decode` takes apart; sent as `accept-encoding`. */
export const ENCODINGS_ACCEPTED = "gzip, deflate, br";

/**
 * The bytes of a request's body and the content type they have when the author names none. Text goes as it is, a map
 * as a form when the author says so, everything else as JSON.
 */
export function encodeBody(body: Json, contentType: string | null): { bytes: Buffer; contentType: string } {
  if (typeof body === "string") return { bytes: Buffer.from(body), contentType: "text/plain; charset=utf-8" };
  if (contentType !== null && mediaType(contentType) === "application/x-www-form-urlencoded" && isJsonObject(body)) {
    const form = new URLSearchParams();
    appendPairs(form, body);
    return { bytes: Buffer.from(form.toString()), contentType };
  }
  return { bytes: Buffer.from(encodeJson(body)), contentType: "application/json" };
}

/** Adds the members of a map as pairs: a list gives one pair for each element, null none, a map is JSON text. */
export function appendPairs(pairs: URLSearchParams, members: { readonly [name: string]: Json }): void {
  for (const [name, value] of Object.entries(members)) {
    for (const one of Array.isArray(value) ? (value as readonly Json[]) : [value]) {
      if (one !== null) pairs.append(name, typeof one === "string" ? one : encodeJson(one));
    }
  }
}

export interface ReadOptions {
  /** The `content-encoding` of the answer. */
  readonly encoding: string | null;
  /** Bytes after decompression. */
  readonly limit: number;
  /** Stop at the limit and return what there is, instead of failing. */
  readonly cut?: boolean;
}

/**
 * Reads an answer's body to its end, decompressed, in memory bounded by the limit: a small file that unpacks to a
 * thousand times its size ends at the limit like any other. Leaving early closes the connection.
 */
export async function readBody(body: Readable, options: ReadOptions): Promise<Buffer> {
  const { limit, cut = false } = options;
  const decoder = decoderOf(options.encoding);
  const source: Readable = decoder ? pipeline(body, decoder, () => {}) : body;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit && !cut) throw tooLarge(size, limit);
      chunks.push(chunk);
      if (size >= limit && cut) break;
    }
  } catch (error) {
    // Nothing at all is not a valid compressed stream, yet servers send it where they mean an empty body.
    const nothing = decoder?.bytesWritten === 0 && body.readableEnded && isCutShort(error);
    if (!nothing) throw error;
  }
  return Buffer.concat(chunks);
}

function isCutShort(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "Z_BUF_ERROR";
}

export function tooLarge(size: number, limit: number): AppError {
  return new AppError("RESULT_TOO_LARGE", { size, limit, setting: "the response limit of http steps" });
}

function decoderOf(encoding: string | null): (Transform & { bytesWritten: number }) | null {
  switch (encoding?.trim().toLowerCase() ?? "") {
    case "":
    case "identity":
      return null;
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    default:
      // Several encodings one over the other are refused too: each layer multiplies what a small answer costs.
      throw new UnreadableBody("it is compressed in a way that was not asked for");
  }
}

/** Why a body that arrived whole cannot be used. Asking again would bring the same. */
export class UnreadableBody extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "UnreadableBody";
  }
}

/**
 * The value of a body: parsed where it is JSON (or `as` says so), else text; bytes as base64 when these are asked for.
 * An empty body is null where JSON is expected, else empty text.
 */
export function decodeBody(bytes: Buffer, contentType: string | null, as: "auto" | "json" | "text" | "bytes"): Json {
  if (as === "bytes") return bytes.toString("base64");
  const json = as === "json" || (as === "auto" && isJsonType(contentType));
  if (bytes.length === 0) return json ? null : "";
  const text = decodeText(bytes, contentType);
  if (!json) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new UnreadableBody("its body is not JSON");
  }
}

/** A readable part of a body for an error's details, whatever it is. */
export function excerptOf(bytes: Buffer, length: number): string {
  const text = new TextDecoder().decode(bytes);
  return text.length > length ? text.slice(0, length).toWellFormed() + "…" : text;
}

function decodeText(bytes: Buffer, contentType: string | null): string {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(contentType ?? "")?.[1];
  const decoder = textDecoder(charset ?? "utf-8");
  try {
    return decoder.decode(bytes);
  } catch {
    // Old pages name no charset and are not UTF-8; the web reads them as Windows-1252.
    if (charset === undefined && mediaType(contentType ?? "").startsWith("text/")) {
      return new TextDecoder("windows-1252").decode(bytes);
    }
    throw new UnreadableBody("its body is not text; ask for bytes with response: bytes");
  }
}

function textDecoder(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset, { fatal: true });
  } catch {
    throw new UnreadableBody("its charset is unknown");
  }
}

function isJsonType(contentType: string | null): boolean {
  return contentType !== null && /^(application|text)\/([^;]+\+)?json$/.test(mediaType(contentType));
}

function mediaType(contentType: string): string {
  return contentType.split(";", 1)[0]!.trim().toLowerCase();
}
