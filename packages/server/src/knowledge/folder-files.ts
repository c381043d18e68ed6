import { constants } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";

export interface FolderFile {
  /** Below the folder, parts with `/` between. */
  readonly path: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

/**
 * All files below a folder by their path, in the order of their code points, up to `filesMax`. Hidden ones and links are
 * left out: what is read lies in the folder. Throws what the file system says of the folder itself.
 */
export async function filesBelow(folder: string, filesMax: number): Promise<readonly FolderFile[]> {
  const files: FolderFile[] = [];
  const walk = async (below: string): Promise<void> => {
    const entries = await readdir(join(folder, below), { withFileTypes: true });
    for (const entry of entries.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
      if (entry.name.startsWith(".") || files.length >= filesMax) continue;
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) {
        const found = await lstat(join(folder, path)).catch(unlessGone);
        if (found) files.push({ path, size: found.size, modifiedMs: Math.round(found.mtimeMs) });
      }
    }
  };
  await walk("");
  return files;
}

/** Whoever works in the folder may take a file away while it is listed. */
function unlessGone(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}

/** The bytes of one of these files; a link that has come into its place is not followed. */
export async function* bytesBelow(folder: string, path: string): AsyncGenerator<Uint8Array> {
  const handle = await open(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    yield* handle.createReadStream({ autoClose: false }) as AsyncIterable<Uint8Array>;
  } finally {
    await handle.close();
  }
}
