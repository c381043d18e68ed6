import type { BlobStore } from "./blob.ts";

const CHUNK_BYTES = 64 * 1024;

/** Keeps blobs in this process; they end with it. */
export function memoryBlobs(): BlobStore {
  const blobs = new Map<string, Uint8Array>();
  return {
    async put(key, bytes) {
      blobs.set(key, bytes);
    },
    async get(key) {
      return blobs.get(key) ?? null;
    },
    async write(key, source) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of source) chunks.push(chunk);
      blobs.set(key, Buffer.concat(chunks));
    },
    async read(key) {
      const bytes = blobs.get(key);
      return bytes ? pieces(bytes) : null;
    },
    async delete(key) {
      blobs.delete(key);
    },
    async close() {
      blobs.clear();
    },
  };
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}
