import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BlobStore } from "./blob.ts";

/** Keeps blobs as files of a folder, two levels deep. A file appears whole or not at all: written aside, then renamed. */
export function fsBlobs(options: { readonly folder: string }): BlobStore {
  const pathOf = (key: string): string => {
    if (!/^[A-Za-z0-9_-]{1,64}\/[0-9a-f]{64}$/.test(key)) throw new Error(`not a blob key: ${key}`);
    const [tenant, hash] = key.split("/") as [string, string];
    return join(options.folder, tenant, hash.slice(0, 2), hash);
  };
  return {
    async put(key, bytes) {
      const path = pathOf(key);
      await mkdir(dirname(path), { recursive: true });
      const aside = `${path}.${randomUUID()}`;
      const file = await open(aside, "wx");
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(aside, path);
    },
    async get(key) {
      try {
        return await readFile(pathOf(key));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
        throw error;
      }
    },
    async delete(key) {
      await rm(pathOf(key), { force: true });
    },
    async close() {},
  };
}
