import type { BlobStore } from "./blob.ts";

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
    async delete(key) {
      blobs.delete(key);
    },
    async close() {
      blobs.clear();
    },
  };
}
