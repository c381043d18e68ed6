import { AppError, isJsonObject, parseJson, type Json } from "@weftwork/core";

/** The databases of a data folder that a backup holds. What is derived from them is made again and left out. */
export const DATABASES = ["journal.db", "catalogue.db", "stream.db"] as const;

/** Where the bytes of large values and files lie in a data folder. */
export const BLOBS = "blobs";

const FORMAT = "weftwork.backup/1";

/** What an archive says of itself, in its first entry: which files follow, and what their bytes must be. */
export interface Manifest {
  /** RFC 3339: the moment the journal was read. Later runs are not in the backup. */
  readonly created_at: string;
  /** The product that wrote it. */
  readonly weftwork: string;
  readonly files: readonly BackupFile[];
}

export interface BackupFile {
  /** From the data folder, with `/`. */
  readonly path: string;
  readonly size: number;
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
}

export const MANIFEST_NAME = "manifest.json";

/** One path a kind of file, so that no archive can name another place. */
const PATH = /^(?:(?:journal|catalogue|stream)\.db|blobs(?:\/[A-Za-z0-9_-]{1,128}){2,4})$/;

export function manifestText(manifest: Manifest): string {
  return JSON.stringify({ format: FORMAT, ...manifest });
}

/** Reads a manifest out of an archive that anybody may have written. Throws `BACKUP_DAMAGED`. */
export function readManifest(text: string): Manifest {
  const document = parsed(text);
  if (!isJsonObject(document)) throw damaged("its manifest is no object");
  const { format, created_at: createdAt, weftwork, files } = document;
  if (format !== FORMAT) throw damaged(`its format is ${JSON.stringify(format)}; this version reads ${FORMAT}`);
  if (typeof createdAt !== "string" || typeof weftwork !== "string" || !Array.isArray(files)) {
    throw damaged("its manifest has no created_at, weftwork or files");
  }
  const seen = new Set<string>();
  const checked = files.map((file: Json): BackupFile => {
    if (!isJsonObject(file)) throw damaged("its manifest lists something that is no file");
    const { path, size, sha256 } = file;
    if (typeof path !== "string" || !PATH.test(path)) throw damaged(`it names the path ${JSON.stringify(path)}`);
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) throw damaged(`${path} has no size`);
    if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) throw damaged(`${path} has no hash`);
    if (seen.has(path)) throw damaged(`it names ${path} twice`);
    seen.add(path);
    return { path, size, sha256 };
  });
  if (!seen.has("journal.db") || !seen.has("catalogue.db")) throw damaged("it has no journal or no catalogue");
  return { created_at: createdAt, weftwork, files: checked };
}

function parsed(text: string): Json {
  try {
    return parseJson(text);
  } catch (error) {
    throw damaged(`its manifest is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}

export function damaged(reason: string): AppError {
  return new AppError("BACKUP_DAMAGED", { reason });
}

/** Whether a file of the blob folder belongs into a backup; what is being written beside it does not. */
export function isBackupPath(path: string): boolean {
  return PATH.test(path);
}
