import { AppError } from "@weftwork/core";
import { packTar, type TarSource } from "modern-tar/fs";
import { createWriteStream, existsSync } from "node:fs";
import { mkdtemp, open, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import { MANIFEST_NAME, manifestText, type Manifest } from "./manifest.ts";
import { blobSources, missingBlobs, snapshotDatabases, sourceOf, type Source } from "./snapshot.ts";

export interface BackupOptions {
  /** The data folder; a server may own it and be at work. */
  readonly folder: string;
  /** The archive to write. It must not exist. */
  readonly file: string;
  readonly now: Date;
  /** Version of the product, for the manifest. */
  readonly version: string;
}

/** Times that a folder is read in which old runs are being deleted. */
const ATTEMPTS = 3;

/**
 * Writes a data folder into one archive (tar, gzip): the journal with all its runs, the published workflows, the sealed
 * secrets, files and large values. The key that seals the secrets is not in it.
 *
 * The file appears whole or not at all. Throws `BACKUP_NOT_POSSIBLE` where there is nothing to back up or the file is
 * there already.
 */
export async function writeBackup(options: BackupOptions): Promise<Manifest> {
  const folder = resolve(options.folder);
  const file = resolve(options.file);
  if (!existsSync(join(folder, "journal.db"))) {
    throw new AppError("BACKUP_NOT_POSSIBLE", { reason: `${folder} has no journal: it is no data folder` });
  }
  if (existsSync(file)) throw new AppError("BACKUP_NOT_POSSIBLE", { reason: `${file} exists already` });
  for (let attempt = 1; ; attempt += 1) {
    const last = attempt === ATTEMPTS;
    const manifest = await attemptBackup({ ...options, folder, file }, last);
    if (manifest !== null) return manifest;
  }
}

/** Null when old runs were deleted while the folder was read, so that not all fits together: then it is read again. */
async function attemptBackup(options: BackupOptions, last: boolean): Promise<Manifest | null> {
  const { folder, file, now, version } = options;
  // Beside the archive: there must be room for it there anyway.
  const aside = await mkdtemp(join(dirname(file), ".weft-backup-"));
  try {
    const names = snapshotDatabases(folder, aside);
    const blobs = await blobSources(folder);
    const missing = missingBlobs(join(aside, "journal.db"), blobs);
    if (missing.length > 0) {
      if (!last) return null;
      const reason = `${missing.length} large value(s) that its runs name are not in the folder, such as ${missing[0]}`;
      throw new AppError("BACKUP_NOT_POSSIBLE", { reason });
    }
    const databases = await Promise.all(names.map((name) => sourceOf(name, join(aside, name))));
    const sources = [...databases.filter((one) => one !== null), ...blobs];
    const files = sources.map(({ path, size, sha256 }) => ({ path, size, sha256 }));
    const manifest: Manifest = { created_at: now.toISOString(), weftwork: version, files };
    await pack(join(aside, "archive"), manifest, sources);
    await rename(join(aside, "archive"), file);
    await syncFolder(dirname(file));
    return manifest;
  } catch (error) {
    if (last || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return null;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function pack(archive: string, manifest: Manifest, sources: readonly Source[]): Promise<void> {
  const text = manifestText(manifest);
  const mtime = new Date(manifest.created_at);
  const entries: TarSource[] = [
    { type: "content", target: MANIFEST_NAME, content: text, mtime, mode: 0o600 },
    ...sources.map(({ path, from }): TarSource => ({ type: "file", source: from, target: path, mtime, mode: 0o600 })),
  ];
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  await pipeline(packTar(entries, { concurrency: 2 }), gzip, createWriteStream(archive, { flags: "wx", mode: 0o600 }));
  const written = await open(archive, "r+");
  try {
    await written.sync();
  } finally {
    await written.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders; there a rename is as durable as it gets.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
