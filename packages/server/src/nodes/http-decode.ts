import { pipeline, type Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { AppError, type Json } from "@weftwork/core";
import { tooLarge, UnreadableBody } from "./http-errors.ts";
import { isJsonType, typeOf } from "./http-media.ts";

/** What `unpacked` takes apart; sent as `accept-encoding`. */
export const ENCODINGS_ACCEPTED = "gzip, deflate, br";

/** How many times its size a compressed body may unpack to, once it is larger than small. */
const RATIO_MAX = 100;
const RATIO_BYTES_MIN = 1_000_000;

export interface UnpackOptions {
  /** The `content-encoding` of the answer. */
  readonly encoding: string | null;
  /** Bytes of the body as it comes and as it is unpacked. */
  readonly limit: number;
}

/**
 * A body as it comes, decompressed, a chunk at a time: nothing is asked of the network before the last chunk was taken.
 * Ends with an error behind its limit, before and after decompression, and where it unpacks to more than a hundred times
 * its size. Leaving early closes the connection.
 */
export async function* unpacked(body: Readable, { encoding, limit }: UnpackOptions): AsyncGenerator<Buffer> {
  let [raw, size] = [0, 0];
  async function* counted(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      raw += chunk.length;
      if (raw > limit) throw tooLarge(raw, limit);
      yield chunk;
    }
  }
  try {
    const decoder = decoderOf(encoding);
    const source: AsyncIterable<Buffer> = decoder ? pipeline(body, counted, decoder, () => {}) : counted(body);
    for await (const chunk of source) {
      size += chunk.length;
      if (size > limit) throw tooLarge(size, limit);
      if (decoder && size > RATIO_BYTES_MIN && size > raw * RATIO_MAX) {
        throw new AppError("RESULT_TOO_LARGE", {
          size,
          limit: raw * RATIO_MAX,
          setting: `a body that packs less than ${RATIO_MAX} to 1`,
        });
      }
      yield chunk;
    }
  } catch (error) {
    // Nothing at all is not a valid compressed stream, yet servers send it where they mean an empty body.
    const nothing = raw === 0 && body.readableEnded && isCutShort(error);
    if (!nothing) throw error;
  } finally {
    body.on("error", () => {}).destroy();
  }
}

function isCutShort(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "Z_BUF_ERROR";
}

function decoderOf(encoding: string | null): Transform | null {
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

/** The beginning of a body as readable text, whatever it is; empty where it cannot be read. */
export async function excerptOf(source: AsyncIterable<Buffer>, length: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of source) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= length * 4) break;
    }
  } catch {
    // It is there to help a reader, and its end matters less than the failure it belongs to.
    if (size === 0) return "";
  }
  const text = new TextDecoder().decode(Buffer.concat(chunks).subarray(0, length * 4));
  return text.length > length ? text.slice(0, length).toWellFormed() + "…" : text;
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

function decodeText(bytes: Buffer, contentType: string | null): string {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(contentType ?? "")?.[1];
  const decoder = textDecoder(charset ?? "utf-8");
  try {
    return decoder.decode(bytes);
  } catch {
    // Old pages name no charset and are not UTF-8; the web reads them as Windows-1252.
    if (charset === undefined && typeOf(contentType).startsWith("text/")) {
      return new TextDecoder("windows-1252").decode(bytes);
    }
    throw new UnreadableBody("its body is not text; ask for it with response: file or response: bytes");
  }
}

function textDecoder(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset, { fatal: true });
  } catch {
    throw new UnreadableBody("its charset is unknown");
  }
}
