import type { PruneResult } from "./journal.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import { run } from "./postgres-pool.ts";
import { ORPHAN_MS } from "./rules.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** Runs looked at in one statement. */
const STEP = 1000;
/** Partitions are made this many days ahead: a server that does not run its upkeep for a week goes on unharmed. */
const DAYS_AHEAD = 8;

const SCAN = `
select coalesce(max(run_key), 0) as last, count(*)::int4 as count, coalesce(min(created_at), 0) as oldest,
  array_agg(run_key) filter (where finished_at < $2)::text as ended
from (select run_key, created_at, finished_at from run where run_key > $1 order by run_key limit ${STEP}) as scanned`;
/** All that belongs to the runs. Payloads are only marked: one may be named again for a day. */
export const DELETE = `
with ended as materialized (
  delete from run where run_key = any ($1::int8[]) and coalesce(finished_at < $2, false)
  returning run_key, run_day, tenant, idempotency_key
),
keys as materialized (select array_agg(run_key) as keys, array_agg(distinct run_day) as days from ended),
entries as (
  delete from entry where run_day = any ((select days from keys)::int4[]) and run_key = any ((select keys from keys)::int8[])
),
snapshots as (delete from snapshot where run_key = any ((select keys from keys)::int8[])),
inputs as (delete from inbox where run_key = any ((select keys from keys)::int8[])),
submissions as (
  delete from submission where tenant = any (array(select distinct tenant from ended))
    and key = any (array(select idempotency_key from ended where idempotency_key is not null))
    and run_key = any ((select keys from keys)::int8[])
),
names as (
  delete from payload_name where run_key = any ((select keys from keys)::int8[]) returning tenant, hash
),
orphans as (
  update payload set orphaned_at = now_ms()
  where tenant = any (array(select distinct tenant from names)) and hash = any (array(select distinct hash from names))
    and tenant || ' ' || hash = any (array(select distinct tenant || ' ' || hash from names)) and not exists (
      select from payload_name as other where other.tenant = payload.tenant and other.hash = payload.hash
        and other.run_key <> all ((select keys from keys)::int8[]))
)
select count(*)::int4 as runs from ended`;
const DELETE_PAYLOADS = `
delete from payload where tenant || ' ' || hash = any (array(
  select tenant || ' ' || hash from payload
  where orphaned_at <= (select now_ms()) - ${ORPHAN_MS} and not exists (
    select from payload_name as named where named.tenant = payload.tenant and named.hash = payload.hash)
  limit ${STEP}))
  and orphaned_at <= (select now_ms()) - ${ORPHAN_MS}`;

/** An input that was offered in the moment in which its run ended: the end did not see it, and nobody takes it. */
const DELETE_INPUTS = `
delete from inbox where place = any (array(
  select place from inbox, lateral (
    select from run where run.run_key = inbox.run_key and run.finished_at is not null offset 0) as run
  limit ${STEP}))`;

const PARTITIONS = `
select relname as name, substring(relname from 'entry_d(\\d+)$')::int4 as day from pg_class
where relnamespace = current_schema()::regnamespace and relname ~ '^entry_d\\d+$' and relkind = 'r'
order by day`;
const DAY_HAS_RUNS = `select exists (select from run where run_day = $1) as found`;
const DAYS_IN_DEFAULT = `select distinct run_day from entry_default order by run_day limit 32`;

/** Retention and partitions. Safe to run by several processes at once; each step is harmless when repeated. */
export class PostgresPrune {
  private readonly pool: PostgresPool;

  constructor(pool: PostgresPool) {
    this.pool = pool;
  }

  async prune(finishedBefore: number): Promise<PruneResult> {
    let [runs, payloads] = [0, 0];
    for (let after = 0; ;) {
      const [scanned] = await this.pool.query<{ last: number; count: number; oldest: number; ended: string | null }>({
        name: "prune_scan",
        text: SCAN,
        values: [after, finishedBefore],
      });
      const { last, count, oldest, ended } = scanned!;
      if (ended !== null) {
        const values = [ended, finishedBefore];
        const [deleted] = await this.pool.query<{ runs: number }>({ name: "prune", text: DELETE, values });
        runs += deleted!.runs;
      }
      // Keys follow time but for blocks that lay unused: a run that was created later cannot have ended before.
      if (count < STEP || oldest > finishedBefore + DAY_MS) break;
      after = last;
    }
    for (let deleted = STEP; deleted === STEP; payloads += deleted) {
      deleted = await this.pool.use(async (client) => (await client.query(DELETE_PAYLOADS)).rowCount ?? 0);
    }
    await this.pool.query({ text: DELETE_INPUTS });
    await this.dropPartitions(Math.floor(finishedBefore / DAY_MS));
    return { runs, payloads };
  }

  /** Drops the partitions of days before `day` that hold no run. One that is in use now is left for the next time. */
  private async dropPartitions(day: number): Promise<void> {
    const partitions = await this.pool.query<{ name: string; day: number }>({ text: PARTITIONS });
    for (const partition of partitions) {
      if (partition.day >= day || (await this.hasRuns(partition.day))) continue;
      await this.pool
        .transaction(async (client) => {
          await client.query("set local lock_timeout = 500");
          await client.query(`lock table entry, ${partition.name} in access exclusive mode`);
          // Looked at again behind the lock: a creation writes its run and its first row in one statement.
          const [row] = await run<{ found: boolean }>(client, { text: DAY_HAS_RUNS, values: [partition.day] });
          if (!row!.found) await client.query(`drop table ${partition.name}`);
        })
        .catch(ignoreLocked);
    }
  }

  private async hasRuns(day: number): Promise<boolean> {
    const [row] = await this.pool.query<{ found: boolean }>({ text: DAY_HAS_RUNS, values: [day] });
    return row!.found;
  }

  /** Makes the partitions of the days to come, and moves what the default partition took for want of one (F28). */
  async ensurePartitions(now: number): Promise<void> {
    const today = Math.floor(now / DAY_MS);
    const there = new Set((await this.pool.query<{ day: number }>({ text: PARTITIONS })).map(({ day }) => day));
    const stray = await this.pool.query<{ run_day: number }>({ text: DAYS_IN_DEFAULT });
    const wanted = new Set(Array.from({ length: DAYS_AHEAD + 1 }, (_, ahead) => today - 1 + ahead));
    for (const { run_day } of stray) if (run_day <= today) wanted.add(run_day);
    for (const day of wanted) if (!there.has(day)) await this.makePartition(day).catch(ignoreLocked);
  }

  private async makePartition(day: number): Promise<void> {
    const name = `entry_d${day}`;
    await this.pool.transaction(async (client) => {
      await client.query("set local lock_timeout = 1000");
      await client.query("select pg_advisory_xact_lock(hashtext('weft partition ' || current_schema()))");
      const there = await client.query(
        `select from pg_class where relname = $1 and relnamespace = current_schema()::regnamespace`,
        [name],
      );
      if (there.rowCount) return;
      await client.query(`create table ${name} (like entry including all)`);
      await client.query("lock table entry, entry_default in access exclusive mode");
      await client.query(
        `with moved as (delete from entry_default where run_day = ${day} returning *) insert into ${name} select * from moved`,
      );
      await client.query(`alter table entry attach partition ${name} for values from (${day}) to (${day + 1})`);
    });
  }
}

/** Somebody has the table: rows go to the default partition meanwhile, and the next turn tries again. */
function ignoreLocked(error: unknown): void {
  if ((error as { code?: unknown }).code !== "STORE_UNAVAILABLE") throw error;
}
