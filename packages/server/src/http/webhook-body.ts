import { Readable } from "node:stream";
import { Busboy, type BusboyInstance } from "@fastify/busboy";
import { AppError, mediaType, type Json, type WebhookBody } from "@weftwork/core";

/** A file of a call, to be stored. */
export interface WebhookFile {
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array;
}

const PARTS_MAX = 100;
const HEADER_PAIRS_MAX = 50;

/** All bytes of a body. Throws `PAYLOAD_TOO_LARGE` as soon as it is longer than the limit. */
export async function readBytes(body: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Left in the middle, what is still to come is not read, and the connection ends with the answer.
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw tooLarge("more", limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function tooLarge(size: string, limit: number): AppError {
  return new AppError("PAYLOAD_TOO_LARGE", {
    what: "The body of the call",
    size,
    limit,
    setting: "nothing: webhooks take no more, so send a link to it",
  });
}

/** A body taken apart as its content type says. Files are given to `store`, one after the other. */
export async function takeApart(
  bytes: Buffer,
  contentType: string | null,
  store: (file: WebhookFile) => Promise<Json>,
): Promise<WebhookBody> {
  switch (mediaType(contentType)) {
    case "application/x-www-form-urlencoded":
      return { type: "form", fields: firstOf(new URLSearchParams(bytes.toString("utf8"))), files: {} };
    case "multipart/form-data":
      return multipart(bytes, contentType!, store);
    case "application/octet-stream":
      return {
        type: "file",
        file: await store({ name: "body.bin", mimeType: "application/octet-stream", bytes }),
      };
    default:
      return { type: "text", text: bytes.toString("utf8") };
  }
}

/** The first value of each name. */
export function firstOf(entries: Iterable<readonly [string, string]>): Readonly<Record<string, string>> {
  const first = new Map<string, string>();
  for (const [name, value] of entries) if (!first.has(name)) first.set(name, value);
  return Object.fromEntries(first);
}

async function multipart(
  bytes: Buffer,
  contentType: string,
  store: (file: WebhookFile) => Promise<Json>,
): Promise<WebhookBody> {
  const fields: [string, string][] = [];
  const parts: (WebhookFile & { readonly field: string })[] = [];
  await new Promise<void>((resolve, reject) => {
    const broken = (reason: string): void =>
      reject(new AppError("WEBHOOK_REFUSED", { reason: `Invalid multipart body: ${reason}` }));
    let parser: BusboyInstance;
    try {
      parser = new Busboy({
        headers: { "content-type": contentType },
        limits: { parts: PARTS_MAX, fieldSize: bytes.length + 1, headerPairs: HEADER_PAIRS_MAX },
      });
    } catch (error) {
      return broken(error instanceof Error ? error.message : String(error));
    }
    parser.on("field", (name, value) => void fields.push([name, value]));
    parser.on("file", (field, stream, name, _encoding, mimeType) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => void chunks.push(chunk));
      stream.on("error", (error) => broken(error.message));
      stream.on("end", () => void parts.push({ field, name: name || field, mimeType, bytes: Buffer.concat(chunks) }));
    });
    parser.on("partsLimit", () => broken(`it has more than ${PARTS_MAX} parts`));
    parser.on("error", (error) => broken(error instanceof Error ? error.message : String(error)));
    parser.on("finish", resolve);
    Readable.from([bytes]).pipe(parser);
  });
  const files = new Map<string, Json>();
  for (const { field, ...file } of parts) if (!files.has(field)) files.set(field, await store(file));
  return { type: "form", fields: firstOf(fields), files: Object.fromEntries(files) };
}
