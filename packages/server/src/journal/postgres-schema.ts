import { hash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@weftwork/core";
import type { Client, PoolClient } from "pg";

/**
 * The tables of the PostgreSQL journal, as numbered steps, kept with their checksums in `migration`.
 *
 * P1. Steps are only ever added, and only add: a version works on a store with steps that it does not know, so that an
 *     upgrade is rolled out, or back, process by process. One that does more marks its checksum with `!`. A step that
 *     has been taken is never changed: its checksum is compared at every start.
 * P2. Rows of runs are partitioned by the day the run was created, so that (day, run, seq) can be unique and retention
 *     drops whole tables. The default partition takes the rows of a day that nobody made a partition for.
 * P3. No indexed column is written between a run's first and last row, so updates on the way stay within their page.
 * P4. `now_ms()` is the only clock. A test replaces it; nothing else decides by time.
 */
export const POSTGRES_MIGRATIONS: readonly string[] = [
  `
  create function now_ms() returns bigint language sql volatile parallel safe
    as 'select (extract(epoch from clock_timestamp()) * 1000)::bigint';

  create sequence run_keys increment by 10000;

  create table worker (
    worker_key bigint generated always as identity primary key,
    name text not null, incarnation text not null, pid integer not null, joined_at bigint not null,
    lease_until bigint not null, state smallint not null
  ) with (fillfactor = 50);

  create table run (
    run_key bigint primary key, run_day integer not null,
    tenant text not null, id text not null,
    workflow text not null, version text not null, version_hash text not null,
    rank smallint not null, metadata text not null, created_at bigint not null, fingerprint text not null,
    idempotency_key text, slotted boolean not null,
    status text not null, started_at bigint, finished_at bigint, error_code text,
    available_at bigint, epoch integer not null, owner bigint, crash_count integer not null
  ) with (fillfactor = 90);
  create unique index run_id on run (tenant, id);
  create index run_created on run (tenant, created_at, run_key);
  create index run_workflow on run (tenant, workflow, created_at, run_key);
  create index run_open on run (tenant, created_at, run_key) where finished_at is null;
  create index run_bad on run (tenant, created_at, run_key) where status in ('failed', 'cancelled');
  create index run_free on run (owner, rank, available_at, run_key) where finished_at is null;
  create index run_day on run using brin (run_day) with (autosummarize = on);

  create table entry (
    run_day integer not null, run_key bigint not null, seq integer not null, epoch integer not null, body bytea not null,
    primary key (run_day, run_key, seq)
  ) partition by range (run_day);
  create table entry_default partition of entry default;

  create table snapshot (run_key bigint primary key, seq integer not null, body bytea not null);

  create table submission (
    tenant text not null, key text not null, run_key bigint not null, fingerprint text not null, expires_at bigint not null,
    primary key (tenant, key)
  );

  create table inbox (
    place bigint generated always as identity primary key,
    run_key bigint not null, input_id text not null, body text not null
  );
  create unique index inbox_input on inbox (run_key, input_id);

  create table slot (
    place bigint generated always as identity primary key,
    run_key bigint not null, lane text not null, held boolean not null, leaving boolean not null, lane_limit integer not null
  );
  create unique index slot_run on slot (run_key);
  create index slot_lane on slot (lane, held, place);

  create table payload (
    tenant text not null, hash text not null, size bigint not null, bytes bytea, orphaned_at bigint,
    primary key (tenant, hash)
  );
  alter table payload alter column bytes set storage external;
  create index payload_orphan on payload (orphaned_at) where orphaned_at is not null;

  create table payload_name (
    run_key bigint not null, tenant text not null, hash text not null, primary key (run_key, hash)
  );
  create index payload_name_payload on payload_name (tenant, hash);

  create table counter (
    tenant text not null, shard smallint not null,
    submitted bigint not null, succeeded bigint not null, failed bigint not null, cancelled bigint not null,
    primary key (tenant, shard)
  ) with (fillfactor = 50);
  `,
  // Tasks that other processes do, and what marks a worker as a user's own.
  `
  alter table worker add column own text;

  create table task (
    run_key bigint not null, task text not null, tenant text not null, run_id text not null,
    epoch integer not null, owner bigint not null, pool text not null, rank smallint not null,
    holder bigint, taking bigint, takes integer not null, posted_at bigint not null, told_at bigint not null, body bytea not null,
    primary key (run_key, task)
  ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0.5);
  alter table task alter column body set storage external;
  create index task_waiting on task (pool, rank, posted_at) where holder is null;
  create index task_told on task (told_at) where holder is null;
  create index task_held on task (holder) where holder is not null;

  create table task_count (
    pool text not null, shard smallint not null, waiting bigint not null, held bigint not null, primary key (pool, shard)
  ) with (fillfactor = 50);
  `,
  // Tasks that must not be done twice: who took one is not forgotten.
  `
  alter table task add column once boolean not null default false;
  `,
];

/** What the checksum of a step begins with that older versions cannot work on. */
const BREAKING = "!";

/** A step waits this long for a table that others use: behind it wait all who come after, and their leases with them. */
const LOCK_MS = 500;
/** The longest pause before it tries again; it gives up after so many tries. */
const PAUSE_MS_MAX = 2000;
const TRIES = 200;

const checksumOf = (step: string): string => hash("sha256", step.replaceAll(/\s+/g, " ")).slice(0, 16);

/**
 * Brings the schema to the newest step, or to `upTo`. Safe to run by several processes at once, and while others work:
 * each step is one transaction under one lock, which holds nobody up for longer than half a second and is tried again
 * for some minutes. One that is killed in the middle leaves nothing.
 */
export async function migratePostgres(
  client: Client | PoolClient,
  schema: string,
  upTo = POSTGRES_MIGRATIONS.length,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      while (await takeStep(client, schema, upTo));
      return;
    } catch (error) {
      await client.query("rollback").catch(() => undefined);
      if ((error as { code?: unknown }).code !== LOCKED || tries === TRIES) throw error;
      await sleep(Math.min(PAUSE_MS_MAX, 50 * tries) * (0.8 + Math.random() * 0.4));
    }
  }
}

/** What PostgreSQL says where a lock was not to be had in time. */
const LOCKED = "55P03";

/** Takes the first step that is missing. False when none is. */
async function takeStep(client: Client | PoolClient, schema: string, upTo: number): Promise<boolean> {
  await client.query("begin");
  await client.query(`set local search_path = ${quoteName(schema)}; set local statement_timeout = 0`);
  await client.query("select pg_advisory_xact_lock(hashtext($1))", [`weft migration ${schema}`]);
  await client.query(`create schema if not exists ${quoteName(schema)}`);
  await client.query(
    "create table if not exists migration (step integer primary key, checksum text not null, taken_at timestamptz not null)",
  );
  const { rows } = await client.query<{ step: number; checksum: string }>("select step, checksum from migration");
  const taken = new Map(rows.map(({ step, checksum }) => [step, checksum]));
  const found = Math.max(0, ...taken.keys());
  const known = POSTGRES_MIGRATIONS.length;
  const breaking = rows.some(({ step, checksum }) => step > known && checksum.startsWith(BREAKING));
  if (breaking || (found > known && taken.size < found)) throw new AppError("STORE_VERSION", { found, known });
  for (const [at, sql] of POSTGRES_MIGRATIONS.slice(0, upTo).entries()) {
    const step = at + 1;
    const checksum = checksumOf(sql);
    if (taken.get(step) === checksum) continue;
    if (taken.has(step)) throw new AppError("STORE_VERSION", { found: `another step ${step}`, known });
    await client.query(`set local lock_timeout = ${LOCK_MS}`);
    await client.query(sql);
    await client.query("insert into migration values ($1, $2, now())", [step, checksum]);
    await client.query("commit");
    return true;
  }
  await client.query("commit");
  return false;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Where the owners of runs are told of inputs, by worker key. */
export function inboxChannel(schema: string): string {
  return `weft_inbox_${schema}`;
}

/** The schema as text, the same for the same tables however they came to be. Partitions of days are left out. */
export async function dumpPostgresSchema(client: Client | PoolClient, schema: string): Promise<string> {
  const { rows } = await client.query<{ line: string }>(
    `
    select line from (
      select 1 as part, format('column %s.%s %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then ' not null' else '' end,
        case when a.attidentity <> '' then ' identity ' || a.attidentity::text else '' end,
        case when a.attstorage <> t.typstorage then ' storage ' || a.attstorage::text else '' end) as line,
        c.relname as a, lpad(a.attnum::text, 4, '0') as b
      from pg_class c join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
      where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
      union all
      select 2, format('table %s %s%s', c.relname, coalesce(array_to_string(c.reloptions, ','), ''),
        coalesce(' ' || pg_get_partkeydef(c.oid), '') || coalesce(' ' || pg_get_expr(c.relpartbound, c.oid), '')), c.relname, ''
      from pg_class c where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p')
      union all
      select 3, replace(indexdef, schemaname || '.', ''), indexname, '' from pg_indexes where schemaname = ($1::regnamespace)::text
      union all
      select 4, format('constraint %s.%s %s', conrelid::regclass::text, conname, pg_get_constraintdef(oid)), conname, ''
      from pg_constraint where connamespace = $1::regnamespace
      union all
      select 5, format('sequence %s increment %s', sequencename, increment_by), sequencename, ''
      from pg_sequences where schemaname = ($1::regnamespace)::text
      union all
      select 6, format('function %s %s', proname, prosrc), proname, '' from pg_proc where pronamespace = $1::regnamespace
    ) as parts
    where line !~ 'entry_d[0-9]' order by part, a, b, line`,
    [schema],
  );
  return `-- Made by the schema test from the migrations; do not edit.\n${rows.map(({ line }) => `${line}\n`).join("")}`;
}
