import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { AppError, type JsonObject } from "@weftwork/core";
import type { PieceType, StreamLog, StreamPiece } from "./streamlog.ts";

const SCHEMA = `
create table if not exists piece (
  run_key integer not null, row integer not null, epoch integer not null, number integer not null,
  at integer not null, scope text not null, node text not null, attempt integer not null,
  type text not null, data text not null);
create unique index if not exists piece_place on piece (run_key, row, epoch, number)`;
const INSERT = "insert or ignore into piece values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const READ = `
select * from piece where run_key = ?1 and (row, epoch, number) > (?2, ?3, ?4)
  and (?5 is null or type = ?5) and (?6 is null or node = ?6)
order by row, epoch, number limit ?7`;
// In SQLite the other columns of a max() come from the row that has it (https://sqlite.org/lang_select.html#bareagg).
const STANDING = `
select scope, node, attempt, type, max(printf('%012d%010d%016d', row, epoch, number)) from piece
where run_key = ? and type in ('text_delta', 'attempt_superseded') group by scope, node`;
const NEXT_RUN = "select min(run_key) as run_key from piece where run_key > ?";
const LAST_AT = "select at from piece where run_key = ? order by row desc, epoch desc, number desc limit 1";

/** SQLITE_CORRUPT and SQLITE_NOTADB (https://sqlite.org/rescode.html). */
const BROKEN: ReadonlySet<unknown> = new Set([11, 26]);

type Statements = Record<"insert" | "read" | "standing" | "nextRun" | "lastAt" | "remove", StatementSync>;

/**
 * Pieces in `stream.db` of a data folder, whose lock the opener holds. The file is made with the first piece.
 *
 * Nothing waits for the disk (`synchronous=OFF`): a crash of the process loses nothing that was appended; a crash of the
 * machine may lose the file, which is then begun anew.
 */
export function sqliteStreamLog(options: { readonly folder: string }): StreamLog {
  const path = join(options.folder, "stream.db");
  let open: { readonly db: DatabaseSync; readonly statements: Statements } | null = null;
  let closed = false;

  /** Null while there is no file and none is to be made. */
  function use<T>(make: boolean, work: (statements: Statements, db: DatabaseSync) => T, otherwise: T): T {
    if (closed) throw new AppError("STORE_UNAVAILABLE", { reason: "the stream log is closed" });
    try {
      if (!open && !make && !existsSync(path)) return otherwise;
      open ??= openFile(path);
      return work(open.statements, open.db);
    } catch (error) {
      if (BROKEN.has((error as { errcode?: number } | null)?.errcode)) {
        open?.db.close();
        open = null;
        removeFile(path);
      }
      throw storeError(error);
    }
  }

  return {
    shared: false,
    async append(pieces) {
      use(
        true,
        ({ insert }, db) => {
          db.exec("begin");
          try {
            for (const { runKey, row, epoch, number, at, scope, node, attempt, type, data } of pieces)
              insert.run(runKey, row, epoch, number, at, scope, node, attempt, type, JSON.stringify(data));
            db.exec("commit");
          } catch (error) {
            if (db.isTransaction) db.exec("rollback");
            throw error;
          }
        },
        undefined,
      );
    },
    async read(runKey, { behind, limit, type, node }) {
      return use<readonly StreamPiece[]>(
        false,
        ({ read }) =>
          read
            .all(runKey, behind.row, behind.epoch, behind.number, type ?? null, node ?? null, limit)
            .map((row) => pieceOf(row as Row)),
        [],
      );
    },
    async standing(runKeys) {
      return use(
        false,
        ({ standing }) =>
          runKeys.flatMap((runKey) =>
            standing
              .all(runKey)
              .map((row) => row as Row)
              .filter((row) => row["type"] === "text_delta")
              .map((row) => ({
                runKey,
                scope: String(row["scope"]),
                node: String(row["node"]),
                attempt: Number(row["attempt"]),
              })),
          ),
        [],
      );
    },
    async quietRuns(before, afterKey, limit) {
      return use(
        false,
        ({ nextRun, lastAt }) => {
          const quiet: number[] = [];
          for (let key = next(nextRun, afterKey); key !== null && quiet.length < limit; key = next(nextRun, key))
            if (Number(lastAt.get(key)!["at"]) < before) quiet.push(key);
          return quiet;
        },
        [],
      );
    },
    async remove(runKeys) {
      use(
        false,
        ({ remove }) => {
          for (const key of runKeys) remove.run(key);
        },
        undefined,
      );
    },
    async close() {
      closed = true;
      open?.db.close();
      open = null;
    },
  };
}

type Row = Readonly<Record<string, unknown>>;

function openFile(path: string): { readonly db: DatabaseSync; readonly statements: Statements } {
  const db = new DatabaseSync(path, { timeout: 250 });
  try {
    db.exec("pragma journal_mode = wal; pragma synchronous = off");
    db.exec(SCHEMA);
    const statements = {
      insert: db.prepare(INSERT),
      read: db.prepare(READ),
      standing: db.prepare(STANDING),
      nextRun: db.prepare(NEXT_RUN),
      lastAt: db.prepare(LAST_AT),
      remove: db.prepare("delete from piece where run_key = ?"),
    };
    return { db, statements };
  } catch (error) {
    db.close();
    throw error;
  }
}

function removeFile(path: string): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
}

function next(statement: StatementSync, afterKey: number): number | null {
  const key = statement.get(afterKey)?.["run_key"];
  return key === null || key === undefined ? null : Number(key);
}

function pieceOf(row: Row): StreamPiece {
  return {
    runKey: Number(row["run_key"]),
    row: Number(row["row"]),
    epoch: Number(row["epoch"]),
    number: Number(row["number"]),
    at: Number(row["at"]),
    scope: String(row["scope"]),
    node: String(row["node"]),
    attempt: Number(row["attempt"]),
    type: String(row["type"]) as PieceType,
    data: JSON.parse(String(row["data"])) as JsonObject,
  };
}

function storeError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const reason = `the stream log: ${error instanceof Error ? error.message : String(error)}`;
  return new AppError("STORE_UNAVAILABLE", { reason }, { cause: error });
}
