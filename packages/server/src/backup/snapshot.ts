import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BLOBS, DATABASES, isBackupPath, type BackupFile } from "./manifest.ts";

/** A file as it will be in the archive, and where its bytes are read. */
export interface Source extends BackupFile {
  readonly from: string;
}

/**
 * Copies the databases of a data folder as they stand at one moment each, while a server writes: `VACUUM INTO` reads
 * in one transaction and holds up nobody (WAL). The journal comes first: the catalogue then knows every version that
 * its runs name, and what the journal names in the blob folder was put there before it.
 */
export function snapshotDatabases(folder: string, into: string): readonly string[] {
  return DATABASES.filter((name) => {
    if (!existsSync(join(folder, name))) return false;
    // Not read-only: a reader must be able to take its place in the log's index, and recover one left by a crash.
    const db = new DatabaseSync(join(folder, name), { timeout: 5000 });
    try {
      db.prepare("vacuum into ?").run(join(into, name));
    } finally {
      db.close();
    }
    return true;
  });
}

/** The files of the blob folder, hashed. One that is removed meanwhile is left out: its run is gone, or is missed below. */
export async function blobSources(folder: string): Promise<readonly Source[]> {
  const root = join(folder, BLOBS);
  if (!existsSync(root)) return [];
  const sources: Source[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const from = join(entry.parentPath, entry.name);
    const path = from.slice(folder.length + 1).replaceAll("\\", "/");
    if (!isBackupPath(path)) continue;
    const source = await sourceOf(path, from);
    if (source !== null) sources.push(source);
  }
  return sources.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** Null when the file is not there any more. */
export async function sourceOf(path: string, from: string): Promise<Source | null> {
  const hash = createHash("sha256");
  let size = 0;
  try {
    for await (const chunk of createReadStream(from) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  return { path, from, size, sha256: hash.digest("hex") };
}

/** Values that a copied journal names in the blob folder and that are not among the blobs. */
export function missingBlobs(journal: string, blobs: readonly Source[]): readonly string[] {
  const there = new Set(blobs.map(({ path }) => path.split("/").at(-1)));
  const db = new DatabaseSync(journal, { readOnly: true });
  try {
    const missing: string[] = [];
    const named = db.prepare(
      "select hash from payload p where bytes is null and exists (select 1 from payload_name n where n.payload_key = p.payload_key)",
    );
    for (const row of named.iterate()) {
      const hash = String(row["hash"]);
      if (!there.has(hash)) missing.push(hash);
    }
    return missing;
  } finally {
    db.close();
  }
}
