import type { StatementSync } from "node:sqlite";
import type { OwnBorder, PruneResult } from "./journal.ts";
import { ORPHAN_MS } from "./rules.ts";
import type { SqliteStore } from "./sqlite-store.ts";

/** Runs looked at in one transaction: some milliseconds, so that flushes get their turn between two steps. */
const STEP = 1000;

const DAY_MS = 24 * 60 * 60 * 1000;

const SCAN = `
select run_key, tenant, workflow, idempotency_key, finished_at, created_at from run where run_key > ? order by run_key limit ${STEP}`;
const ORPHAN = `
update payload set orphaned_at = ?2 where payload_key in (select payload_key from payload_name where run_key = ?1)
  and not exists (select 1 from payload_name as other
    where other.payload_key = payload.payload_key and other.run_key <> ?1)`;
const DELETE_SUBMISSION = `delete from submission where tenant = ? and key = ? and run_key = ?`;
const DELETE_PAYLOADS = `
delete from payload where payload_key in (
  select payload_key from payload where orphaned_at <= ?1 and not exists (
    select 1 from payload_name where payload_name.payload_key = payload.payload_key) limit ${STEP})`;
const DELETE_WORKERS = `
delete from worker where worker_key <> coalesce(?, 0)
  and not exists (select 1 from run where finished_at is null and run.owner = worker.worker_key)`;
const BY_RUN = ["payload_name", "snapshot", "entry"] as const;

/** When a run must have ended to be deleted: in general, and for some workflows. */
export interface Borders {
  readonly finishedBefore: number;
  readonly own: readonly OwnBorder[];
}

/** `next` is the key to go on behind; null when the walk and the payloads are done. */
export interface PruneStep extends PruneResult {
  readonly next: number | null;
}

/**
 * Retention, in steps. Runs are walked in the order of their keys: no index on the end of a run is kept for it, since
 * every run would pay for that index and only this walk would read it.
 */
export class SqlitePrune {
  private readonly store: SqliteStore;
  private readonly statements: Record<
    "scan" | "orphan" | "deleteSubmission" | "deletePayloads" | "deleteWorkers" | "deleteRun",
    StatementSync
  >;
  private readonly deleteBy: readonly StatementSync[];

  constructor(store: SqliteStore) {
    this.store = store;
    const { db } = store;
    this.statements = {
      scan: db.prepare(SCAN),
      orphan: db.prepare(ORPHAN),
      deleteSubmission: db.prepare(DELETE_SUBMISSION),
      deletePayloads: db.prepare(DELETE_PAYLOADS),
      deleteWorkers: db.prepare(DELETE_WORKERS),
      deleteRun: db.prepare("delete from run where run_key = ?"),
    };
    this.deleteBy = BY_RUN.map((table) => db.prepare(`delete from ${table} where run_key = ?`));
  }

  /** One step behind `afterKey`. */
  step(afterKey: number, { finishedBefore, own }: Borders, now: number): PruneStep {
    const scanned = this.statements.scan.all(afterKey);
    const borders = new Map(own.map((one) => [JSON.stringify([one.tenant, one.workflow]), one.finishedBefore]));
    const latest = Math.max(finishedBefore, ...borders.values());
    const ended = scanned.filter(({ tenant, workflow, finished_at }) => {
      const border = borders.get(JSON.stringify([tenant, workflow])) ?? finishedBefore;
      return finished_at !== null && Number(finished_at) < border;
    });
    const last = scanned.at(-1);
    if (ended.length > 0) {
      this.store.transaction(() => {
        for (const { run_key, tenant, idempotency_key } of ended) {
          const runKey = Number(run_key);
          this.statements.orphan.run(runKey, now);
          if (idempotency_key !== null) this.statements.deleteSubmission.run(tenant!, idempotency_key!, runKey);
          for (const statement of this.deleteBy) statement.run(runKey);
          this.statements.deleteRun.run(runKey);
        }
      });
    }
    // Keys follow time: a run that was created a day after the border cannot have ended before it, nor any behind it.
    const beyond = scanned.every(({ created_at }) => Number(created_at) > latest + DAY_MS);
    if (last && scanned.length === STEP && !beyond)
      return { runs: ended.length, payloads: 0, next: Number(last["run_key"]) };
    const payloads = this.store.transaction(() => {
      this.statements.deleteWorkers.run(this.store.member);
      return Number(this.statements.deletePayloads.run(now - ORPHAN_MS).changes);
    });
    // Payloads left over are taken by a further step: behind the last run there is nothing else to do.
    const next = payloads === STEP ? Number.MAX_SAFE_INTEGER : null;
    return { runs: ended.length, payloads, next };
  }
}
