import { hash } from "node:crypto";
import type { SQLInputValue, StatementSync } from "node:sqlite";
import { AppError } from "@weftwork/core";
import type { RunHead, RunPage, RunQuery, RunRecord, RunStats } from "./journal.ts";
import type { Place, StatusGroup } from "./rules.ts";
import { decodeCursor, isText, mergePages, pageSize, statusGroups } from "./rules.ts";
import { isDamage, storeError } from "./sqlite-errors.ts";
import type { SqliteStore } from "./sqlite-store.ts";
import { checksum, HEAD_COLUMNS, headOf } from "./sqlite-store.ts";

const ROWS = `select seq, epoch, crc, body from entry where run_key = ? and seq > ? order by seq limit ?`;
const SNAPSHOT = `select seq, crc, body from snapshot where run_key = ? and seq > ?`;
const END = `select last_seq from run where run_key = ?`;
const PAYLOAD = `select bytes from payload where tenant = ? and hash = ?`;
const KNOWN = `select 1 from payload where tenant = ? and hash = ?`;
const HEAD = `select ${HEAD_COLUMNS} from run where tenant = ? and id = ?`;
const STATS = `select submitted, succeeded, failed, cancelled from counter where tenant = ?`;

/** Reads. Each checks what it hands out, so that a damaged page is an error and never a wrong value (F26). */
export class SqliteQueries {
  private readonly store: SqliteStore;
  private readonly statements: Record<
    "rows" | "snapshot" | "end" | "payload" | "known" | "head" | "stats",
    StatementSync
  >;

  constructor(store: SqliteStore) {
    this.store = store;
    const { db } = store;
    this.statements = {
      rows: db.prepare(ROWS),
      snapshot: db.prepare(SNAPSHOT),
      end: db.prepare(END),
      payload: db.prepare(PAYLOAD),
      known: db.prepare(KNOWN),
      head: db.prepare(HEAD),
      stats: db.prepare(STATS),
    };
  }

  read(runKey: number, options: { snapshot?: boolean; afterSeq?: number; limit?: number }): RunRecord {
    const damaged = (reason: string, cause?: unknown): AppError =>
      new AppError("RUN_DAMAGED", { run: runKey, reason }, { cause });
    try {
      let after = options.afterSeq ?? 0;
      const stored = options.snapshot ? this.statements.snapshot.get(runKey, after) : undefined;
      const snapshot = stored ? { seq: Number(stored["seq"]), body: String(stored["body"]) } : null;
      if (snapshot) {
        if (checksum(runKey, snapshot.seq, 0, snapshot.body) !== stored!["crc"]) throw damaged("its snapshot changed");
        after = snapshot.seq;
      }
      const rows = this.statements.rows.all(runKey, after, options.limit ?? -1).map((row, at) => {
        const [seq, epoch, body] = [Number(row["seq"]), Number(row["epoch"]), String(row["body"])];
        if (seq !== after + at + 1) throw damaged(`its row ${after + at + 1} is missing`);
        if (checksum(runKey, seq, epoch, body) !== row["crc"]) throw damaged(`its row ${seq} changed`);
        return { seq, epoch, body };
      });
      if (options.limit === undefined) this.checkEnd(runKey, rows.at(-1)?.seq ?? after, damaged);
      return { snapshot, rows };
    } catch (error) {
      throw isDamage(error) ? damaged((error as Error).message, error) : storeError(error);
    }
  }

  /** A row that an index no longer leads to would be missed in silence, were it not for what the head says. */
  private checkEnd(runKey: number, last: number, damaged: (reason: string) => AppError): void {
    const run = this.statements.end.get(runKey);
    if (!run) {
      if (last > 0) throw damaged("its head is missing");
    } else if (last === 0 || (run["last_seq"] !== null && Number(run["last_seq"]) > last)) {
      throw damaged(`its rows behind ${last} are missing`);
    }
  }

  payloads(tenant: string, hashes: readonly string[]): ReadonlyMap<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    for (const name of isText(tenant) ? hashes : []) {
      try {
        const bytes = this.statements.payload.get(tenant, name)?.["bytes"];
        if (!(bytes instanceof Uint8Array)) continue;
        if (hash("sha256", bytes) !== name) throw new AppError("PAYLOAD_DAMAGED", { hash: name });
        found.set(name, bytes);
      } catch (error) {
        throw isDamage(error) ? new AppError("PAYLOAD_DAMAGED", { hash: name }, { cause: error }) : storeError(error);
      }
    }
    return found;
  }

  known(tenant: string, hashes: readonly string[]): ReadonlySet<string> {
    if (!isText(tenant)) return new Set();
    return new Set(hashes.filter((name) => this.statements.known.get(tenant, name) !== undefined));
  }

  head(tenant: string, id: string): RunHead | null {
    const row = isText(tenant) && isText(id) ? this.statements.head.get(tenant, id) : undefined;
    return row ? headOf(row) : null;
  }

  find(query: RunQuery): RunPage {
    const size = pageSize(query.limit);
    const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
    if (!isText(query.tenant + (query.workflow ?? ""))) return { runs: [], nextCursor: null };
    return mergePages(
      statusGroups(query.status).map((group) => this.list(query, group, after, size + 1)),
      size,
    );
  }

  /** Reads the index of the group backwards from the cursor, and stops at the limit. */
  private list(query: RunQuery, { kind, statuses }: StatusGroup, after: Place | null, limit: number): RunHead[] {
    const byWorkflow = query.workflow !== undefined && (kind === "any" || kind === "good");
    const index = { any: "run_created", good: "run_created", open: "run_open", bad: "run_bad" }[kind];
    const conditions = ["tenant = ?"];
    const values: SQLInputValue[] = [query.tenant];
    const add = (condition: string, ...more: readonly SQLInputValue[]): void => {
      conditions.push(condition);
      values.push(...more);
    };
    // As the indexes say it, or they cannot be used.
    if (kind === "open") add("finished_at is null");
    if (kind === "bad") add("status in ('failed', 'cancelled')");
    if (after) add("(created_at, run_key) < (?, ?)", after.createdAt, after.runKey);
    if (query.createdAfter !== undefined) add("created_at > ?", query.createdAfter);
    if (query.createdBefore !== undefined) add("created_at < ?", query.createdBefore);
    if (query.workflow !== undefined) add("workflow = ?", query.workflow);
    if (statuses.length > 0) add(`status in (${statuses.map(() => "?").join(", ")})`, ...statuses);
    const sql = `select ${HEAD_COLUMNS} from run indexed by ${byWorkflow ? "run_workflow" : index}
      where ${conditions.join(" and ")} order by created_at desc, run_key desc limit ?`;
    return this.store.db
      .prepare(sql)
      .all(...values, limit)
      .map((row) => headOf(row));
  }

  stats(tenant: string): RunStats {
    const row = isText(tenant) ? this.statements.stats.get(tenant) : undefined;
    const count = (name: string): number => Number(row?.[name] ?? 0);
    const [submitted, succeeded, failed, cancelled] = [
      count("submitted"),
      count("succeeded"),
      count("failed"),
      count("cancelled"),
    ];
    return { submitted, open: submitted - succeeded - failed - cancelled, succeeded, failed, cancelled };
  }
}
