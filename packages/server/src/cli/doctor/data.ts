import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { servedAt } from "../address.ts";
import { fail, ok, warn, type Check, type Finding } from "./check.ts";
import { nearest } from "./fsync.ts";

const GIGABYTE = 1024 ** 3;
const FREE_MIN = GIGABYTE;

/** The data folder: whether it is there and can be written, what is left of the disk, who has it, how large it is. */
export const dataCheck: Check = {
  name: "data folder",
  async look({ folder, config }) {
    if (config.databaseUrl !== null) return [ok("doctor.data.unused", { facts: { folder, used: false } })];
    const isThere = existsSync(folder);
    const place = nearest(folder);
    const values = { folder: isThere ? folder : place };
    if (!statSync(place).isDirectory()) return [fail("doctor.data.no_folder", "doctor.data.name", { values })];
    try {
      accessSync(place, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch {
      return [fail("doctor.data.closed", "doctor.data.permit", { values })];
    }
    const first = isThere
      ? ok("doctor.data", {
          values: { folder, size: megabytes(journalBytes(folder)) },
          facts: { folder, exists: true, journal_bytes: journalBytes(folder) },
        })
      : ok("doctor.data.new", { values: { folder }, facts: { folder, exists: false } });
    return [first, spaceOf(place), ...(isThere ? holder(folder) : [])];
  },
};

function spaceOf(folder: string): Finding {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const said = { values: { free: megabytes(free) }, facts: { free_bytes: free } };
  return free < FREE_MIN ? warn("doctor.space", "doctor.space.free", said) : ok("doctor.space", said);
}

function journalBytes(folder: string): number {
  const sizes = ["journal.db", "journal.db-wal"].map(
    (name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size,
  );
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
}

function megabytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(bytes < 100 * 1024 ** 2 ? 1 : 0);
}

/** Who holds the lock. It is asked for reading and for a moment, from a process that never holds it itself. */
function holder(folder: string): readonly Finding[] {
  const path = join(folder, "lock.db");
  if (!existsSync(path)) return [];
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    try {
      db.prepare("select count(*) from sqlite_master").get();
    } finally {
      db.close();
    }
    return [ok("doctor.lock.free", { facts: { locked: false } })];
  } catch (error) {
    // SQLITE_BUSY: somebody has it.
    if ((error as { readonly errcode?: unknown }).errcode !== 5) {
      const reason = (error as Error).message;
      return [fail("doctor.lock.broken", "doctor.data.permit", { values: { reason }, facts: { locked: null } })];
    }
  }
  const pid = pidOf(folder);
  const url = servedAt(folder, pid);
  const facts = { locked: true, pid, url };
  return [ok(url === null ? "doctor.lock.held" : "doctor.lock.served", { values: { pid, url: url ?? "" }, facts })];
}

function pidOf(folder: string): string {
  try {
    return readFileSync(join(folder, "lock.pid"), "utf8").trim();
  } catch {
    // Its holder has the lock and has not written its number yet.
    return "?";
  }
}
