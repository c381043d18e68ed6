import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "@weftwork/core";
import type { BlobStore } from "./blob.ts";

/** Where blobs are written before they have their name. No tenant can be called so. */
const ASIDE = ".aside";

/**
 * Keeps blobs as files of a folder, two levels deep. A file appears whole or not at all: written aside, then renamed.
 * What an earlier process left aside is removed before the first write; one process owns the folder at a time.
 */
export function fsBlobs(options: { readonly folder: string }): BlobStore {
  const aside = join(options.folder, ASIDE);
  let swept: Promise<void> | null = null;
  const pathOf = (key: string): string => {
    if (!/^[A-Za-z0-9_-]{1,64}\/[0-9a-f]{64}$/.test(key)) throw new Error(`not a blob key: ${key}`);
    const [tenant, hash] = key.split("/") as [string, string];
    return join(options.folder, tenant, hash.slice(0, 2), hash);
  };

  /** Tried again by the next write where it fails. */
  async function sweep(): Promise<void> {
    try {
      await rm(aside, { recursive: true, force: true });
    } catch (error) {
      swept = null;
      throw error;
    }
  }

  async function store(key: string, source: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
    const path = pathOf(key);
    await (swept ??= sweep());
    await Promise.all([mkdir(aside, { recursive: true }), mkdir(dirname(path), { recursive: true })]);
    const unfinished = join(aside, randomUUID());
    try {
      const file = await open(unfinished, "wx");
      try {
        await file.writeFile(source);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(unfinished, path);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
    await syncFolder(dirname(path));
  }

  return {
    put: store,
    async get(key) {
      return orNull(readFile(pathOf(key)));
    },
    write: store,
    async read(key) {
      const path = pathOf(key);
      return (await orNull(stat(path))) && chunksOf(path, key);
    },
    async delete(key) {
      await rm(pathOf(key), { force: true });
    },
    list: () => keysOf(options.folder),
    async close() {},
  };
}

async function* keysOf(folder: string): AsyncGenerator<string> {
  const namesIn = async (path: string): Promise<readonly string[]> => (await orNull(readdir(path))) ?? [];
  for (const tenant of await namesIn(folder)) {
    if (tenant === ASIDE) continue;
    for (const part of await namesIn(join(folder, tenant))) {
      for (const hash of await namesIn(join(folder, tenant, part))) yield `${tenant}/${hash}`;
    }
  }
}

async function* chunksOf(path: string, key: string): AsyncGenerator<Uint8Array> {
  const file = await orNull(open(path, "r"));
  if (!file) throw new AppError("PAYLOAD_NOT_FOUND", { hash: key });
  try {
    for await (const chunk of file.createReadStream({ autoClose: false })) yield chunk as Buffer;
  } finally {
    await file.close();
  }
}

/** The new name outlives a loss of power only when the folder is written too. Windows knows no such call. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function orNull<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
