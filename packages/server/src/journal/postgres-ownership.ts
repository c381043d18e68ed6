import type { OwnedRun, Release, RunHead, WorkerIdentity } from "./journal.ts";
import { integers } from "./postgres-arrays.ts";
import type { HeadRow } from "./postgres-heads.ts";
import { HEAD_COLUMNS, headOf } from "./postgres-heads.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import { ask, run } from "./postgres-pool.ts";
import { TAKEOVER_GRACE_MS } from "./rules.ts";

/** States of a worker's row: once it is not live it never is again. */
const [, DEAD, LEFT] = [0, 1, 2];

const JOIN = `
insert into worker (name, incarnation, pid, joined_at, lease_until, state)
values ($1, $2, $3, now_ms(), now_ms() + $4, 0) returning worker_key`;
export const RENEW = `
update worker set lease_until = now_ms() + $2 where worker_key = $1 and state = 0 returning worker_key`;
/** Locked like a takeover, behind the flushes that are under way: whoever claims afterwards meets none of them. */
const LEAVE = `
update worker set state = ${LEFT} where worker_key in (
  select worker_key from worker where worker_key = $1 and state = 0 for update)`;

/**
 * Workers whose lease has ended are ended for good. The row is locked against flushes: one that is still under way keeps
 * its worker for this turn, and none can begin afterwards.
 */
const END_DEAD = `
update worker set state = ${DEAD} where worker_key in (
  select worker_key from worker where state = 0 and lease_until + ${TAKEOVER_GRACE_MS} <= now_ms()
  for update skip locked)`;

/**
 * Up to $2 free runs, in one compare-and-set. For each class two reads along `run_free (owner, rank, available_at,
 * run_key)`, which stop at the limit; the order names all its columns and the time is asked once, or the planner would
 * read the class to its end and sort. Rows that another claim has locked are passed over.
 */
export const CLAIM = `
with left_behind as materialized (
  select run.* from worker, lateral (
    select run_key, rank, 0::int8 as due, worker.state as origin from run
    where run.owner = worker.worker_key and finished_at is null
    order by owner, rank, available_at, run_key limit $2 for no key update of run skip locked) as run
  where worker.state <> 0
),
due as materialized (
  select run.* from generate_series(0, 3) as class, lateral (
    select run_key, rank, available_at as due, 0 as origin from run
    where owner is null and rank = class and available_at <= (select now_ms()) and finished_at is null
    order by owner, rank, available_at, run_key limit $2 for no key update of run skip locked) as run
),
picked as materialized (
  select * from (select * from left_behind union all select * from due) as free order by rank, due, run_key limit $2
),
taken as (
  update run set owner = member.worker_key, epoch = epoch + 1, available_at = null,
    crash_count = case picked.origin when ${DEAD} then crash_count + 1 when ${LEFT} then 0 else crash_count end
  from picked, (
    select worker_key from worker where worker_key = $1 and state = 0 and lease_until > now_ms() for key share) as member
  where run.run_key = any (array(select run_key from picked)) and run.run_key = picked.run_key
  returning ${HEAD_COLUMNS}, picked.due
)
select * from taken order by rank, due, run_key`;

/** Workers that own nothing any more leave no trace; keys are never used again. */
const FORGET = `
delete from worker where worker_key in (
  select worker_key from worker where state <> 0 and not exists (
    select from run where run.owner = worker.worker_key and run.finished_at is null)
  for update skip locked)`;

const LOCK_RUNS = `select run_key from run where run_key = any ($1::int8[]) order by run_key for no key update`;
/**
 * Behind the lock and in a newer snapshot: an input that was offered before is seen. Runs are found by their keys: `coalesce`
 * keeps the planner from reading all that the owner has.
 */
export const RELEASE = `
update run set owner = null, crash_count = crash_count * released.keeps, available_at = case
  when exists (select from inbox where inbox.run_key = run.run_key) then now_ms() else released.available_at end
from unnest($2::int8[], $3::int4[], $4::int8[], $5::int4[]) as released (run_key, epoch, available_at, keeps)
where run.run_key = any ($2::int8[]) and run.run_key = released.run_key and run.epoch = released.epoch
  and coalesce(run.owner, 0) = $1 and coalesce(run.finished_at, 0) = 0`;
const OWNED = `select run_key, epoch from run where owner = $1 and finished_at is null`;

/** Who owns what. The database's clock alone says which leases have ended. */
export class PostgresOwnership {
  private readonly pool: PostgresPool;

  constructor(pool: PostgresPool) {
    this.pool = pool;
  }

  async join(worker: WorkerIdentity): Promise<number> {
    const values = [worker.name, worker.incarnation, worker.pid, worker.leaseMs];
    const [row] = await this.pool.query<{ worker_key: number }>({ text: JOIN, values });
    return row!.worker_key;
  }

  async renew(member: number, leaseMs: number): Promise<boolean> {
    return (await this.pool.query({ name: "renew", text: RENEW, values: [member, leaseMs] })).length > 0;
  }

  async leave(member: number): Promise<void> {
    await this.pool.query({ text: LEAVE, values: [member] });
  }

  /** Not repeated when the answer is lost: what the first one took, only `owned` would tell. */
  async claim(member: number, limit: number): Promise<readonly RunHead[]> {
    await this.pool.query({ name: "end_dead", text: END_DEAD });
    const rows = await this.pool.use(
      (client) => run<HeadRow>(client, { name: "claim", text: CLAIM, values: [member, limit] }),
      { once: true },
    );
    return rows.map((row) => headOf(row));
  }

  async forget(): Promise<void> {
    await this.pool.query({ text: FORGET });
  }

  async ownedBy(member: number): Promise<readonly OwnedRun[]> {
    const rows = await this.pool.query<{ run_key: number; epoch: number }>({
      name: "owned",
      text: OWNED,
      values: [member],
    });
    return rows.map(({ run_key, epoch }) => ({ runKey: run_key, epoch }));
  }

  async release(member: number, runs: readonly Release[]): Promise<number> {
    if (runs.length === 0) return 0;
    const keys = integers(runs.map(({ runKey }) => runKey));
    const epochs = integers(runs.map(({ epoch }) => epoch));
    const times = integers(runs.map(({ availableAt }) => availableAt));
    const keeps = integers(runs.map(({ keepsCrashes = false }) => Number(keepsCrashes)));
    return this.pool.transaction(async (client) => {
      await run(client, { name: "lock_runs", text: LOCK_RUNS, values: [keys] });
      const result = await ask(client, {
        name: "release",
        text: RELEASE,
        values: [member, keys, epochs, times, keeps],
      });
      return result.rowCount ?? 0;
    });
  }
}
