import { AppError } from "@weftwork/core";
import { createTarDecoder, type ParsedTarEntry } from "modern-tar";
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { damaged, DATABASES, MANIFEST_NAME, readManifest, type BackupFile, type Manifest } from "./manifest.ts";

export interface RestoreOptions {
  readonly file: string;
  /** The data folder to make. It must not exist, or be empty. */
  readonly folder: string;
}

/** Bytes of a manifest; a million files need about 150 MB. */
const MANIFEST_BYTES_MAX = 512 * 1024 * 1024;

/**
 * Makes a data folder out of an archive that `writeBackup` made. Every file is checked against the manifest and every
 * database for damage before the folder gets its name, so it is there whole or not at all. Links, other paths and
 * unknown entries are refused: `BACKUP_DAMAGED`.
 *
 * Open runs go on when the folder is served. Where the server that was backed up still runs, they would be done twice.
 */
export async function restoreBackup({ file, folder: given }: RestoreOptions): Promise<Manifest> {
  const folder = resolve(given);
  if (!existsSync(file)) throw new AppError("RESTORE_NOT_POSSIBLE", { reason: `there is no file ${file}` });
  if (existsSync(folder) && (await readdir(folder)).length > 0) {
    throw new AppError("RESTORE_NOT_POSSIBLE", { reason: `${folder} is not empty; name a new folder` });
  }
  await mkdir(dirname(folder), { recursive: true });
  const aside = `${folder}.restoring-${process.pid}`;
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { mode: 0o700 });
  try {
    const manifest = await extract(file, aside);
    for (const name of DATABASES) if (existsSync(join(aside, name))) checkDatabase(join(aside, name), name);
    await rm(folder, { recursive: true, force: true });
    await rename(aside, folder);
    return manifest;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function extract(file: string, into: string): Promise<Manifest> {
  let manifest: Manifest | null = null;
  let awaited = new Map<string, BackupFile>();
  try {
    for await (const entry of entries(file)) {
      const { name, type } = entry.header;
      if (type !== "file") throw damaged(`its entry ${name} is a ${type}`);
      if (manifest === null) {
        if (name !== MANIFEST_NAME) throw damaged(`it begins with ${name} and not with ${MANIFEST_NAME}`);
        manifest = readManifest(await textOf(entry));
        awaited = new Map(manifest.files.map((one) => [one.path, one]));
        continue;
      }
      const expected = awaited.get(name);
      if (!expected) throw damaged(`its entry ${name} is not in the manifest, or comes twice`);
      awaited.delete(name);
      await extractFile(entry, expected, into);
    }
  } catch (error) {
    throw error instanceof AppError || isSystemError(error) ? error : damaged(reasonOf(error));
  }
  if (manifest === null) throw damaged("it is empty");
  if (awaited.size > 0) throw damaged(`it ends before ${[...awaited.keys()][0]}`);
  return manifest;
}

async function* entries(file: string): AsyncGenerator<ParsedTarEntry> {
  const bytes = createReadStream(file);
  const unzipped = createGunzip();
  bytes.on("error", (error) => unzipped.destroy(error));
  // The types of Node's and of the library's streams are two descriptions of the same class.
  const stream = Readable.toWeb(bytes.pipe(unzipped)) as ReadableStream<Uint8Array>;
  try {
    yield* stream.pipeThrough(createTarDecoder({ strict: true }));
  } finally {
    bytes.destroy();
    unzipped.destroy();
  }
}

async function textOf({ body }: ParsedTarEntry): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MANIFEST_BYTES_MAX) throw damaged(`its manifest is larger than ${MANIFEST_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function extractFile({ body }: ParsedTarEntry, expected: BackupFile, into: string): Promise<void> {
  const path = join(into, ...expected.path.split("/"));
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const target = await open(path, "wx", 0o600);
  const hash = createHash("sha256");
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > expected.size) break;
      hash.update(chunk);
      await target.write(chunk);
    }
    await target.sync();
  } finally {
    await target.close();
  }
  if (size !== expected.size || hash.digest("hex") !== expected.sha256) {
    throw damaged(`${expected.path} is not what the manifest says`);
  }
}

function checkDatabase(path: string, name: string): void {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const found = db.prepare("pragma quick_check").all();
    const verdict = String(found[0]?.["quick_check"]);
    if (verdict !== "ok") throw damaged(`${name}: ${verdict}`);
  } catch (error) {
    throw error instanceof AppError ? error : damaged(`${name}: ${reasonOf(error)}`);
  } finally {
    db.close();
  }
}

/** The disk, not the archive, is at fault. */
function isSystemError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return typeof code === "string" && /^E[A-Z]+$/.test(code);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
