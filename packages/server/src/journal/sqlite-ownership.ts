import type { StatementSync } from "node:sqlite";
import type { OwnedRun, Release, RunHead, WorkerIdentity } from "./journal.ts";
import { PRIORITIES } from "@weftwork/core";
import type { SqliteStore } from "./sqlite-store.ts";
import { HEAD_COLUMNS, headOf } from "./sqlite-store.ts";

const INSERT_WORKER = `
insert into worker (name, incarnation, pid, joined_at) values (?, ?, ?, ?) returning worker_key`;
const LEAVE = `update worker set left_at = ? where worker_key = ? and left_at is null`;
/** Owners of open runs: a walk along the first column of `run_free`, a step an owner. */
const OWNERS = `
with recursive owners (owner) as (
  select min(owner) from run where finished_at is null and owner > 0
  union all
  select (select min(owner) from run where finished_at is null and owner > owners.owner) from owners where owner is not null
)
select owner, worker.left_at from owners left join worker on worker_key = owner where owner is not null`;
/** Both read `run_free (owner, rank, available_at)` in its order and stop at the limit. */
const LEFT_BEHIND = `
select run_key from run where owner = ? and rank = ? and finished_at is null order by available_at, run_key limit ?`;
const DUE = `
select run_key from run
where owner is null and rank = ? and available_at <= ? and finished_at is null order by available_at, run_key limit ?`;
const TAKE = `
update run set owner = ?, epoch = epoch + 1, available_at = null,
  crash_count = case ? when 'crashed' then crash_count + 1 when 'left' then 0 else crash_count end
where run_key = ?
returning ${HEAD_COLUMNS}, slotted, (select max(seq) from entry where entry.run_key = run.run_key) as seq`;
const RELEASE = `
update run set owner = null, crash_count = crash_count * ?, available_at = ?
where run_key = ? and owner = ? and epoch = ? and finished_at is null`;
const OWNED = `select run_key, epoch from run where owner = ? and finished_at is null`;

interface Free {
  readonly runKey: number;
  readonly from: "crashed" | "left" | "nobody";
}

/**
 * Who owns what. One process has the folder, so whoever joins is alive and everyone before is dead: a restart takes
 * over at once.
 */
export class SqliteOwnership {
  private readonly store: SqliteStore;
  private readonly statements: Record<
    "insertWorker" | "leave" | "owners" | "leftBehind" | "due" | "take" | "release" | "owned",
    StatementSync
  >;

  constructor(store: SqliteStore) {
    this.store = store;
    const { db } = store;
    this.statements = {
      insertWorker: db.prepare(INSERT_WORKER),
      leave: db.prepare(LEAVE),
      owners: db.prepare(OWNERS),
      leftBehind: db.prepare(LEFT_BEHIND),
      due: db.prepare(DUE),
      take: db.prepare(TAKE),
      release: db.prepare(RELEASE),
      owned: db.prepare(OWNED),
    };
  }

  join(worker: WorkerIdentity, now: number): number {
    return this.store.transaction(() => {
      const row = this.statements.insertWorker.get(worker.name, worker.incarnation, worker.pid, now);
      const workerKey = Number(row!["worker_key"]);
      this.store.owned.clear();
      this.store.stale = this.statements.owners
        .all()
        .map(({ owner, left_at }) => ({ workerKey: Number(owner), left: left_at !== null }));
      this.store.member = workerKey;
      return workerKey;
    });
  }

  leave(workerKey: number, now: number): void {
    this.store.transaction(() => this.statements.leave.run(now, workerKey));
    if (this.store.member !== workerKey) return;
    this.store.member = null;
    this.store.owned.clear();
  }

  claim(workerKey: number, limit: number, now: number): readonly RunHead[] {
    if (workerKey !== this.store.member) return [];
    const found = this.free(limit, now);
    if (found.length === 0) return [];
    return this.store.transaction(() =>
      found.map(({ runKey, from }) => {
        const row = this.statements.take.get(workerKey, from, runKey)!;
        const head = headOf(row);
        this.store.owned.set(runKey, {
          owner: workerKey,
          epoch: head.epoch,
          tenant: head.tenant,
          slotted: row["slotted"] === 1,
          finished: false,
          seq: Number(row["seq"]),
        });
        return head;
      }),
    );
  }

  private free(limit: number, now: number): readonly Free[] {
    const found: Free[] = [];
    const holding = new Set<number>();
    for (const rank of PRIORITIES.keys()) {
      const leftBehind: Free[] = [];
      for (const { workerKey, left } of this.store.stale) {
        const rows = this.statements.leftBehind.all(workerKey, rank, limit);
        if (rows.length > 0) holding.add(workerKey);
        for (const row of rows) leftBehind.push({ runKey: Number(row["run_key"]), from: left ? "left" : "crashed" });
      }
      found.push(...leftBehind.toSorted((a, b) => a.runKey - b.runKey));
      for (const row of this.statements.due.all(rank, now, limit)) {
        found.push({ runKey: Number(row["run_key"]), from: "nobody" });
      }
      if (found.length >= limit) return found.slice(0, limit);
    }
    // Every class was read to its end, so whoever left nothing behind needs no second look.
    this.store.stale = this.store.stale.filter(({ workerKey }) => holding.has(workerKey));
    return found;
  }

  release(workerKey: number, runs: readonly Release[], now: number): number {
    return this.store.transaction(() => {
      let count = 0;
      for (const { runKey, epoch, availableAt, keepsCrashes = false } of runs) {
        const due = this.store.withInput.has(runKey) && this.hasInput(runKey) ? now : availableAt;
        const { changes } = this.statements.release.run(Number(keepsCrashes), due, runKey, workerKey, epoch);
        if (changes === 0) continue;
        this.store.owned.delete(runKey);
        count += 1;
      }
      return count;
    });
  }

  ownedBy(workerKey: number): readonly OwnedRun[] {
    const rows = this.statements.owned.all(workerKey);
    return rows.map((row) => ({ runKey: Number(row["run_key"]), epoch: Number(row["epoch"]) }));
  }

  private hasInput(runKey: number): boolean {
    return this.store.db.prepare("select 1 from inbox where run_key = ? limit 1").get(runKey) !== undefined;
  }
}
