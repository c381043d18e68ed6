import type { StatementSync } from "node:sqlite";
import type { OfferedInput, OfferResult, StoredInput } from "./journal.ts";
import { checkInputs, isText } from "./rules.ts";
import type { SqliteStore } from "./sqlite-store.ts";

const FIND_RUN = `select run_key, finished_at from run where tenant = ? and id = ?`;
const INSERT = `insert into inbox (run_key, input_id, body) values (?, ?, ?) on conflict do nothing`;
const WAKE = `
update run set available_at = min(coalesce(available_at, ?2), ?2) where run_key = ?1 and owner is null`;
const TAKE = `delete from inbox where run_key = ? and input_id = ?`;
const CLEAR = `delete from inbox where run_key = ?`;
/** Oldest first by the table's own order; a finished run has no rows here. */
const READ = `
select inbox.run_key, input_id, body from inbox join run using (run_key)
where run.owner = ? order by inbox.place limit ?`;

/** Inputs that wait for the run's owner. `put`, `take` and `clear` are part of the caller's transaction. */
export class SqliteInbox {
  private readonly store: SqliteStore;
  private readonly rowBytesMax: number;
  private readonly statements: Record<"findRun" | "insert" | "wake" | "take" | "clear" | "read", StatementSync>;

  constructor(store: SqliteStore, rowBytesMax: number) {
    this.store = store;
    this.rowBytesMax = rowBytesMax;
    const { db } = store;
    this.statements = {
      findRun: db.prepare(FIND_RUN),
      insert: db.prepare(INSERT),
      wake: db.prepare(WAKE),
      take: db.prepare(TAKE),
      clear: db.prepare(CLEAR),
      read: db.prepare(READ),
    };
  }

  offer(inputs: readonly OfferedInput[], now: number): readonly OfferResult[] {
    checkInputs(inputs, this.rowBytesMax);
    return this.store.transaction(() =>
      inputs.map(({ tenant, runId, inputId, body }) => {
        const run = isText(tenant) && isText(runId) ? this.statements.findRun.get(tenant, runId) : undefined;
        if (!run) return "not_found";
        if (run["finished_at"] !== null) return "finished";
        return this.put(Number(run["run_key"]), inputId, body, now) ? "offered" : "duplicate";
      }),
    );
  }

  /** Puts an input before the run, and makes the run due where nobody owns it. False: it is there already. */
  put(runKey: number, inputId: string, body: string, now: number): boolean {
    if (this.statements.insert.run(runKey, inputId, body).changes === 0) return false;
    this.store.withInput.add(runKey);
    if (this.statements.wake.run(runKey, now).changes === 0) this.store.woken = true;
    return true;
  }

  take(runKey: number, inputId: string): void {
    this.statements.take.run(runKey, inputId);
  }

  /** The run has ended; nobody takes its inputs any more. */
  clear(runKey: number): void {
    this.statements.clear.run(runKey);
    this.store.withInput.delete(runKey);
  }

  read(workerKey: number, limit: number): readonly StoredInput[] {
    return this.statements.read.all(workerKey, limit).map((row) => ({
      runKey: Number(row["run_key"]),
      inputId: String(row["input_id"]),
      body: String(row["body"]),
    }));
  }
}
