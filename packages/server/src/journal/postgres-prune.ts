import type { PruneOptions, PruneResult } from "./journal.ts";
import { integers, texts } from "./postgres-arrays.ts";
import { DAY_MS, type PostgresPartitions } from "./postgres-partitions.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import { ORPHAN_MS } from "./rules.ts";

/** Runs looked at in one statement. */
const STEP = 1000;

/**
 * Runs in the order of their keys, and which of them ended before their border. No index on the end of a run is kept for
 * it: every run would pay for that index, and only this walk would read it.
 */
export const SCAN = `
select coalesce(max(run_key), 0) as last, count(*)::int4 as count, coalesce(min(created_at), 0) as oldest,
  array_agg(run_key) filter (where finished_at < coalesce((
    select own.border from unnest($3::text[], $4::text[], $5::int8[]) as own (tenant, workflow, border)
    where own.tenant = scanned.tenant and own.workflow = scanned.workflow limit 1), $2))::text as ended
from (
  select run_key, tenant, workflow, created_at, finished_at from run where run_key > $1 order by run_key limit ${STEP}
) as scanned`;
/**
 * All that belongs to the runs, but for the rows of days ($2) whose partition is dropped when the last run of the day is
 * gone. A run that ended stays ended, so the keys are all that has to be known. Payloads are only marked: one may be
 * named again for a day.
 */
export const DELETE = `
with ended as materialized (
  delete from run where run_key = any ($1::int8[]) and finished_at is not null
  returning run_key, run_day, tenant, idempotency_key
),
keys as materialized (
  select array_agg(run_key) as keys, array_agg(distinct run_day) filter (where run_day <> all ($2::int4[])) as days
  from ended
),
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

/** Retention. Safe to run by several processes at once; each statement is a transaction, harmless when repeated. */
export class PostgresPrune {
  private readonly pool: PostgresPool;
  private readonly partitions: PostgresPartitions;

  constructor(pool: PostgresPool, partitions: PostgresPartitions) {
    this.pool = pool;
    this.partitions = partitions;
  }

  async prune(finishedBefore: number, { own = [], goOn = () => true }: PruneOptions = {}): Promise<PruneResult> {
    let [runs, payloads] = [0, 0];
    const borders = [
      finishedBefore,
      texts(own.map(({ tenant }) => tenant)),
      texts(own.map(({ workflow }) => workflow)),
      integers(own.map((one) => one.finishedBefore)),
    ];
    const latest = own.reduce((max, one) => Math.max(max, one.finishedBefore), finishedBefore);
    const lastDay = Math.floor(latest / DAY_MS);
    const over = integers(await this.partitions.over(lastDay, borders));
    for (let after = 0; goOn();) {
      const [scanned] = await this.pool.query<{ last: number; count: number; oldest: number; ended: string | null }>({
        name: "prune_scan",
        text: SCAN,
        values: [after, ...borders],
      });
      const { last, count, oldest, ended } = scanned!;
      if (ended !== null) {
        const [deleted] = await this.pool.query<{ runs: number }>({
          name: "prune",
          text: DELETE,
          values: [ended, over],
        });
        runs += deleted!.runs;
      }
      // Keys follow time but for blocks that lay unused: a run that was created later cannot have ended before.
      if (count < STEP || oldest > latest + DAY_MS) break;
      after = last;
    }
    for (let deleted = STEP; deleted === STEP && goOn(); payloads += deleted) {
      deleted = await this.pool.use(async (client) => (await client.query(DELETE_PAYLOADS)).rowCount ?? 0);
    }
    await this.pool.query({ text: DELETE_INPUTS });
    await this.partitions.drop(lastDay);
    return { runs, payloads };
  }
}
