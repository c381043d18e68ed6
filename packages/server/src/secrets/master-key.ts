import { AppError } from "@weftwork/core";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { KEY_BYTES } from "./sealing.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Random bytes have about thirty different ones among 32; fewer than this never happens. */
const DISTINCT_MIN = 17;

/**
 * The keys that wrap data keys. They stand outside the database: in the environment, or in a file of their own.
 */
export interface MasterKeys {
  /** What is wrapped from now on is wrapped with this; null where there is none yet. */
  current(): Buffer | null;
  /** Open what was wrapped before. */
  old(): readonly Buffer[];
  /** Makes a key where there is none. Throws `MASTER_KEY_MISSING` where only an operator can. */
  create(): Buffer;
  /** Makes a new key and keeps the one before as old. Where keys are given by an operator this does nothing. */
  renew(): void;
  /** Nothing is wrapped with old keys any more. */
  forgetOld(): void;
  /** Whether an operator has given the key. */
  readonly isGiven: boolean;
}

/**
 * Reads the keys: `WEFT_MASTER_KEY` or `WEFT_MASTER_KEY_FILE`, the same with `_OLD`, else `master.key` in the folder,
 * which is written when it is first needed. Without a folder the key must be given. Throws `MASTER_KEY_INVALID`.
 */
export function masterKeys(environment: Environment, folder: string | null): MasterKeys {
  const given = givenKey(environment, "WEFT_MASTER_KEY");
  const givenOld = givenKey(environment, "WEFT_MASTER_KEY_OLD");
  const file = folder === null ? null : join(folder, "master.key");
  const inFile = (path: string | null): Buffer | null => (path === null ? null : keyInFile(path));
  if (given !== null) {
    // A key that was made here opens what was stored before the operator gave one.
    const before = [givenOld, inFile(file), inFile(file && oldFile(file))];
    return {
      current: () => given,
      old: () => before.filter((key) => key !== null),
      create: () => given,
      renew() {},
      forgetOld() {},
      isGiven: true,
    };
  }
  let current = inFile(file);
  let old = inFile(file && oldFile(file));
  const create = (): Buffer => {
    if (current !== null) return current;
    if (file === null) throw new AppError("MASTER_KEY_MISSING", { reason: "several servers may share this store" });
    current = writeKey(file);
    return current;
  };
  return {
    current: () => current,
    old: () => [givenOld, old].filter((key) => key !== null),
    create,
    renew() {
      if (file === null || current === null) return;
      // A process that dies between the two finds the old key, and makes a new one then. A renewal that was cut off
      // before is taken up: its old key may still be needed.
      if (old === null) {
        renameSync(file, oldFile(file));
        [old, current] = [current, null];
      }
      create();
    },
    forgetOld() {
      old = null;
      if (file !== null) rmSync(oldFile(file), { force: true });
    },
    isGiven: false,
  };
}

/** One of a process that keeps nothing. */
export function passingMasterKeys(): MasterKeys {
  const key = randomBytes(KEY_BYTES);
  return { current: () => key, old: () => [], create: () => key, renew() {}, forgetOld() {}, isGiven: false };
}

function oldFile(file: string): string {
  return `${file}.old`;
}

function givenKey(environment: Environment, variable: string): Buffer | null {
  const text = environment[variable]?.trim() ?? "";
  const file = environment[`${variable}_FILE`]?.trim() ?? "";
  if (text !== "" && file !== "") {
    const reason = `${variable}_FILE is set as well; keep one of the two`;
    throw new AppError("MASTER_KEY_INVALID", { variable, reason });
  }
  if (text !== "") return readMasterKey(text, variable);
  if (file === "") return null;
  const key = keyInFile(file, `${variable}_FILE`);
  if (key !== null) return key;
  throw new AppError("MASTER_KEY_INVALID", { variable: `${variable}_FILE`, reason: "there is no such file" });
}

function keyInFile(file: string, shown = file): Buffer | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown";
    if (code === "ENOENT") return null;
    throw new AppError("MASTER_KEY_INVALID", { variable: shown, reason: `the file cannot be read (${code})` });
  }
  return readMasterKey(text, shown);
}

/** A text as a master key, or `MASTER_KEY_INVALID`: 32 bytes in base64 that look random. Says nothing of the text. */
export function readMasterKey(text: string, variable: string): Buffer {
  const invalid = (reason: string): AppError => new AppError("MASTER_KEY_INVALID", { variable, reason });
  const trimmed = text.trim();
  if (!/^[\w+/-]*={0,2}$/.test(trimmed)) throw invalid("it is not base64");
  const key = Buffer.from(trimmed, "base64");
  if (key.length !== KEY_BYTES) throw invalid(`it has ${key.length} bytes`);
  if (new Set(key).size < DISTINCT_MIN) throw invalid("it repeats few bytes, so it is not random");
  if (key.every((byte) => byte >= 0x20 && byte < 0x7f)) throw invalid("it is written text, so it can be guessed");
  return key;
}

/** Writes a new key, for the owner's eyes only; one that another process has just written counts. */
function writeKey(file: string): Buffer {
  const key = randomBytes(KEY_BYTES);
  let handle: number;
  try {
    handle = openSync(file, "wx", 0o600);
  } catch (error) {
    const other = (error as NodeJS.ErrnoException).code === "EEXIST" ? keyInFile(file) : null;
    if (other !== null) return other;
    throw error;
  }
  try {
    writeSync(handle, `${key.toString("base64")}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  return key;
}
