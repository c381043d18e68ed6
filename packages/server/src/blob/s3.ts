import { AppError } from "@weftwork/core";
import type { S3mini } from "s3mini";
import type { BlobStore } from "./blob.ts";
import { s3Error, statusOf } from "./s3-errors.ts";
import { s3Requests } from "./s3-requests.ts";

export interface S3BlobsOptions {
  /** Address of the bucket, path-style, with a prefix or without: `https://host:9000/bucket/prefix`. */
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Gives the package `s3mini`; the caller says what to install where it is missing. */
  readonly load: () => Promise<{ readonly S3mini: typeof S3mini }>;
}

/** Bytes of one part. A store asks for 5 MB at least; a stream holds two. At most 10,000 parts: 80 GB. */
export const PART_BYTES = 8 * 1024 * 1024;
/** Parts on their way at once, of a blob that lies in memory whole. */
const PARTS_AT_ONCE = 4;
const TYPE = "application/octet-stream";

/**
 * Keeps blobs in a bucket of an S3-compatible store. An object appears with its last byte: a small one is one request, a
 * large one an upload in parts, which is given up where it fails. Nothing is repeated here: those who ask know how long
 * they may wait. What the store refuses or does not answer is `STORE_UNAVAILABLE` (or `STORE_FULL`), without its text,
 * which may quote keys.
 */
export async function s3Blobs(options: S3BlobsOptions): Promise<BlobStore> {
  const { S3mini } = await options.load();
  const requests = s3Requests();
  const { url, region, accessKeyId, secretAccessKey } = options;
  const s3 = new S3mini({ endpoint: url, region, accessKeyId, secretAccessKey, fetch: requests.fetch });

  async function put(key: string, bytes: Uint8Array): Promise<void> {
    checkKey(key);
    if (bytes.length <= PART_BYTES) return single(key, bytes);
    await inParts(key, async (upload) => {
      const parts: Promise<Part>[] = [];
      for (let at = 0; at < bytes.length; at += PART_BYTES) {
        if (parts.length >= PARTS_AT_ONCE) await parts[parts.length - PARTS_AT_ONCE];
        const part = send(key, upload, bytes.subarray(at, at + PART_BYTES), parts.length + 1);
        // It is awaited further on; until then nobody else may be told that it failed.
        part.catch(() => undefined);
        parts.push(part);
      }
      return Promise.all(parts);
    });
  }

  async function write(key: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    checkKey(key);
    const pieces = partsOf(source);
    const first = await pieces.next();
    const second = first.done ? first : await pieces.next();
    if (second.done) return single(key, first.done ? new Uint8Array(0) : first.value);
    await inParts(key, async (upload) => {
      const parts = [await send(key, upload, first.value, 1), await send(key, upload, second.value, 2)];
      for await (const bytes of pieces) parts.push(await send(key, upload, bytes, parts.length + 1));
      return parts;
    });
  }

  async function single(key: string, bytes: Uint8Array): Promise<void> {
    await told(() => s3.putObject(key, bytes, TYPE));
  }

  async function inParts(key: string, work: (upload: string) => Promise<Part[]>): Promise<void> {
    const upload = await told(() => s3.getMultipartUploadId(key, TYPE));
    try {
      const parts = await work(upload);
      const { etag } = await told(() => s3.completeMultipartUpload(key, upload, parts));
      // A store may answer 200 and then tell in the body that it failed.
      if (!etag) throw unavailable("it did not put the parts together");
    } catch (error) {
      // The first error is the one to tell. Parts that stay behind go by the bucket's rule for unfinished uploads.
      await s3.abortMultipartUpload(key, upload).catch(() => undefined);
      throw error;
    }
  }

  function send(key: string, upload: string, bytes: Uint8Array, number: number): Promise<Part> {
    return told(() => s3.uploadPart(key, upload, bytes, number));
  }

  async function open(key: string): Promise<Response | null> {
    try {
      return await s3.getObjectRaw(key);
    } catch (error) {
      if (statusOf(error) === 404 && !isBucketGone(error)) return null;
      throw s3Error(error);
    }
  }

  async function get(key: string): Promise<Uint8Array | null> {
    checkKey(key);
    const answer = await open(key);
    return answer && whole(answer);
  }

  async function read(key: string): Promise<AsyncIterable<Uint8Array> | null> {
    checkKey(key);
    const there = await told(() => s3.objectExists(key));
    return there === true ? chunksOf(key) : null;
  }

  async function* chunksOf(key: string): AsyncGenerator<Uint8Array> {
    const answer = await open(key);
    if (!answer) throw new AppError("PAYLOAD_NOT_FOUND", { hash: key });
    yield* bodyOf(answer);
  }

  return {
    put,
    get,
    write,
    read,
    async delete(key) {
      checkKey(key);
      try {
        await s3.deleteObject(key);
      } catch (error) {
        if (statusOf(error) !== 404 || isBucketGone(error)) throw s3Error(error);
      }
    },
    close: () => requests.close(),
  };
}

interface Part {
  readonly partNumber: number;
  readonly etag: string;
}

function checkKey(key: string): void {
  if (!/^[A-Za-z0-9_-]{1,64}\/[0-9a-f]{64}$/.test(key)) throw new Error(`not a blob key: ${key}`);
}

function isBucketGone(error: unknown): boolean {
  return (error as { serviceCode?: unknown }).serviceCode === "NoSuchBucket";
}

function unavailable(reason: string): AppError {
  return new AppError("STORE_UNAVAILABLE", { reason: `the object store: ${reason}` });
}

async function told<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw s3Error(error);
  }
}

async function* bodyOf(answer: Response): AsyncGenerator<Uint8Array> {
  if (answer.body === null) return;
  const chunks = answer.body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await told(() => chunks.next());
      if (done) return;
      yield value;
    }
  } finally {
    // One who stops early lets the connection go.
    await chunks.return?.();
  }
}

/** The bytes of an answer in one piece, of the size it announces, so that they are not held twice. */
async function whole(answer: Response): Promise<Uint8Array> {
  const size = Number(answer.headers.get("content-length") ?? Number.NaN);
  if (!Number.isSafeInteger(size)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of bodyOf(answer)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for await (const chunk of bodyOf(answer)) {
    if (at + chunk.length > size) throw unavailable("it sent more bytes than it announced");
    bytes.set(chunk, at);
    at += chunk.length;
  }
  if (at < size) throw unavailable("it sent fewer bytes than it announced");
  return bytes;
}

/** The same bytes in pieces of one part each; the last one may be shorter. */
async function* partsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + PART_BYTES - size);
      waiting.push(part);
      size += part.length;
      at += part.length;
      if (size < PART_BYTES) continue;
      yield Buffer.concat(waiting);
      [waiting, size] = [[], 0];
    }
  }
  if (size > 0) yield Buffer.concat(waiting);
}
