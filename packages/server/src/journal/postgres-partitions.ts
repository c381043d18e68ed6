import type { PoolClient } from "pg";
import type { PostgresPool } from "./postgres-pool.ts";
import { run } from "./postgres-pool.ts";

export const DAY_MS = 24 * 60 * 60 * 1000;
/** Partitions are made this many days ahead: a server that does not run its upkeep for a week goes on unharmed. */
const DAYS_AHEAD = 8;
/** Rows that are moved behind a lock. More of them stay in the default partition until their runs are pruned. */
export const MOVED_MAX = 5000;
/** Days in the default partition that are looked at in one go. */
const DAYS_MAX = 32;

const PARTITIONS = `
select relname as name, substring(relname from 'entry_d(\\d+)$')::int4 as day from pg_class
where relnamespace = current_schema()::regnamespace and relname ~ '^entry_d\\d+$' and relkind = 'r'
order by day`;

/** The days of the default partition, each found by one step in its index, however many rows a day has. */
const DAYS_IN_DEFAULT = `
with recursive days as (
  (select run_day from entry_default order by run_day limit 1)
  union all
  select (select run_day from entry_default where run_day > days.run_day order by run_day limit 1)
  from days where days.run_day is not null
)
select run_day from days where run_day is not null limit ${DAYS_MAX}`;
const ROWS_OF_DAY = `
select count(*)::int4 as rows from (select from entry_default where run_day = $1 limit ${MOVED_MAX + 1}) as counted`;

/** Nothing is ended or begun on that day that is to be kept: open runs, and ended ones within their border. */
const DAY_IS_OVER = `
select not exists (
  select from run where run_day = $1 and coalesce(finished_at, 9223372036854775807) >= coalesce((
    select own.border from unnest($3::text[], $4::text[], $5::int8[]) as own (tenant, workflow, border)
    where own.tenant = run.tenant and own.workflow = run.workflow limit 1), $2)
) as over`;
const DAY_HAS_RUNS = `select exists (select from run where run_day = $1) as found`;
/** Days are entered through the block range index on them, which only a bitmap scan can use. */
const BY_DAY = "set local enable_bitmapscan = on";

/** Partitions are made and dropped by one process at a time. */
const LOCK_PARTITIONS = "select pg_advisory_xact_lock(hashtext('weft partition ' || current_schema()))";

interface Partition {
  readonly name: string;
  readonly day: number;
}

/**
 * The partitions of the rows, one for each day on which runs were created.
 *
 * P1. They are made ahead. A day that nobody made one for is taken by the default partition (F28): its rows are moved
 *     when they are few, otherwise they stay there and go run by run, and the day never gets a partition. Either way
 *     nothing waits for longer than a lock may, and nothing is tried for ever.
 * P2. A partition is dropped only when no run of its day is left, looked at again behind the lock.
 */
export class PostgresPartitions {
  private readonly pool: PostgresPool;

  constructor(pool: PostgresPool) {
    this.pool = pool;
  }

  /** Makes the partitions of the days to come. Returns how many rows lay in none, counted up to a limit. */
  async ensure(now: number): Promise<number> {
    const today = Math.floor(now / DAY_MS);
    const there = new Set((await this.all()).map(({ day }) => day));
    const stray = new Map<number, number>();
    for (const { run_day } of await this.pool.query<{ run_day: number }>({ text: DAYS_IN_DEFAULT })) {
      const [row] = await this.pool.query<{ rows: number }>({ text: ROWS_OF_DAY, values: [run_day] });
      stray.set(run_day, row!.rows);
    }
    const wanted = new Set(Array.from({ length: DAYS_AHEAD + 1 }, (_, ahead) => today - 1 + ahead));
    for (const day of stray.keys()) if (day <= today) wanted.add(day);
    for (const day of wanted) {
      if (there.has(day) || (stray.get(day) ?? 0) > MOVED_MAX) continue;
      await this.make(day).catch(ignoreLocked);
    }
    return [...stray.values()].reduce((sum, rows) => sum + rows, 0);
  }

  /** Days before `day` that have a partition, all of whose runs may be deleted by the borders. */
  async over(day: number, borders: readonly unknown[]): Promise<readonly number[]> {
    const days: number[] = [];
    for (const partition of await this.all()) {
      if (partition.day >= day) continue;
      const values = [partition.day, ...borders];
      const [row] = await this.pool.transaction(async (client) => {
        await client.query(BY_DAY);
        return run<{ over: boolean }>(client, { text: DAY_IS_OVER, values });
      });
      if (row!.over) days.push(partition.day);
    }
    return days;
  }

  /** Drops the partitions of days before `day` that hold no run. One that is in use now is left for the next time. */
  async drop(day: number): Promise<void> {
    for (const partition of await this.all()) {
      if (partition.day >= day || (await this.pool.transaction((client) => hasRuns(client, partition.day)))) continue;
      await this.pool
        .transaction(async (client) => {
          await client.query("set local lock_timeout = 500");
          await client.query(LOCK_PARTITIONS);
          // Another process may have dropped it while we looked.
          if (!(await isThere(client, partition.name))) return;
          await client.query(`lock table entry, ${partition.name} in access exclusive mode`);
          // Looked at again behind the lock: a creation writes its run and its first row in one statement.
          if (!(await hasRuns(client, partition.day))) await client.query(`drop table ${partition.name}`);
        })
        .catch(ignoreLocked);
    }
  }

  private all(): Promise<readonly Partition[]> {
    return this.pool.query<{ name: string; day: number }>({ text: PARTITIONS });
  }

  private async make(day: number): Promise<void> {
    const name = `entry_d${day}`;
    await this.pool.transaction(async (client) => {
      await client.query("set local lock_timeout = 1000");
      await client.query(LOCK_PARTITIONS);
      if (await isThere(client, name)) return;
      await client.query(`create table ${name} (like entry including all)`);
      await client.query("lock table entry, entry_default in access exclusive mode");
      // More may have come since they were counted; what then takes long ends at the limit of statements, and is counted
      // as too many the next time.
      await client.query(
        `with moved as (delete from entry_default where run_day = ${day} returning *) insert into ${name} select * from moved`,
      );
      await client.query(`alter table entry attach partition ${name} for values from (${day}) to (${day + 1})`);
    });
  }
}

async function isThere(client: PoolClient, name: string): Promise<boolean> {
  const text = "select from pg_class where relname = $1 and relnamespace = current_schema()::regnamespace";
  return (await client.query(text, [name])).rowCount === 1;
}

async function hasRuns(client: PoolClient, day: number): Promise<boolean> {
  await client.query(BY_DAY);
  const [row] = await run<{ found: boolean }>(client, { text: DAY_HAS_RUNS, values: [day] });
  return row!.found;
}

/** Somebody has the table: rows go to the default partition meanwhile, and the next turn tries again. */
function ignoreLocked(error: unknown): void {
  if ((error as { code?: unknown }).code !== "STORE_UNAVAILABLE") throw error;
}
