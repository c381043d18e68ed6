import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { AppError } from "@weftwork/core";
import { isBusy } from "./sqlite-errors.ts";

/**
 * The exclusive lock on a data folder, held for the life of the process.
 *
 * L1. The operating system holds it: it ends with the process, however that ends, and cannot be left behind.
 * L2. The number beside it only names the holder in a message; nothing is decided by it.
 * L3. Nothing else in the process may open `lock.db`: closing any handle of a file ends POSIX locks on it.
 */
export interface FolderLock {
  release(): void;
}

/** Throws STORE_IN_USE, with the holder's process id, where another process (or journal) has the folder. */
export function lockFolder(folder: string, pid: number): FolderLock {
  mkdirSync(folder, { recursive: true });
  const pidFile = join(folder, "lock.pid");
  const db = new DatabaseSync(join(folder, "lock.db"), { timeout: 0 });
  try {
    db.exec("begin exclusive");
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw error;
    throw new AppError("STORE_IN_USE", { folder, pid: holder(pidFile) }, { cause: error });
  }
  writeFileSync(pidFile, `${pid}\n`);
  return {
    release() {
      if (!db.isOpen) return;
      db.exec("rollback");
      db.close();
    },
  };
}

function holder(pidFile: string): string {
  try {
    return readFileSync(pidFile, "utf8").trim();
  } catch {
    // The holder has the lock and has not written its number yet.
    return "unknown";
  }
}
