/**
 * The statements of a flush, put together from the parts that a batch needs. Each combination is one named prepared
 * statement; nearly every batch of a running server is one of three.
 *
 * Plans: every connection has hash and merge joins and sequential scans off, so a table is always entered by an index.
 * Between the parts of a statement, which are 64 rows long, `= any (array(...))` stands for a join.
 *
 * Order of locks, here and everywhere in this driver:
 *   1. lanes of concurrency keys (advisory, in the order of their numbers)
 *   2. the worker's row   a flush shares it (`for key share`), a takeover has it alone (`for update`); a renewal changes
 *                         no key and meets neither
 *   3. runs by run key    then entries, snapshots and inbox rows of those runs
 *   4. submissions and payloads by (tenant, key or hash)
 *   5. counters by tenant; each lane of a process has its own shard
 *   6. tasks by (run, name), and their counts by (pool, shard): see the task store, which locks 2 and 3 before
 *
 * A flush reads runs in the snapshot of its statement and may wait for its worker row behind a takeover. That is safe:
 * a takeover ends the worker for good (`state`), and a row lock is taken on the newest version of a row.
 */
export interface FlushParts {
  readonly creations: boolean;
  /** Creations with an idempotency key. */
  readonly keys: boolean;
  readonly rows: boolean;
  readonly changes: boolean;
  readonly snapshots: boolean;
  readonly payloads: boolean;
  readonly inputs: boolean;
}

export interface FlushStatement {
  readonly name: string;
  readonly text: string;
  /** Names of the parameters, in order. */
  readonly parameters: readonly string[];
}

const MEMBER = `
member as materialized (
  select worker_key from worker where worker_key = :member and state = 0 and lease_until > now_ms() for key share
)`;

/**
 * Rows of runs that exist. `offset 0` keeps each look a look by key: given the other conditions, the planner would read
 * all open runs of the owner through `run_free`.
 */
const ROWS = `
input as materialized (
  select * from unnest(:row_keys::int8[], :row_tenants::text[], :row_epochs::int4[], :row_seqs::int4[],
    :row_froms::int4[], :row_lengths::int4[], :row_statuses::text[], :row_started::int8[], :row_finished::int8[],
    :row_errors::text[])
    as input (run_key, tenant, epoch, seq, body_from, body_length, status, started_at, finished_at, error_code)
),
fit as materialized (
  select input.*, run.run_day
  from member, input, lateral (
    select run_day, tenant, owner, epoch, finished_at, slotted from run where run.run_key = input.run_key offset 0) as run,
  lateral (
    select from entry
    where entry.run_day = run.run_day and entry.run_key = input.run_key and entry.seq = input.seq - 1
    offset 0) as before
  where run.tenant = input.tenant and run.owner = member.worker_key and run.epoch = input.epoch
    and run.finished_at is null and (:slots or not run.slotted or input.finished_at is null)
)`;

const CREATIONS = `
creation as materialized (
  select * from json_to_recordset(:creations::json) as creation (
    run_key int8, run_day int4, tenant text, epoch int4, id text, workflow text, version text, version_hash text, rank int2,
    metadata text, created_at int8, fingerprint text, slotted bool, status text, started_at int8, finished_at int8,
    error_code text, available_at int8, key text, key_fingerprint text, expires_at int8, body_from int4, body_length int4)
),
made as (
  insert into run (run_key, run_day, tenant, id, workflow, version, version_hash, rank, metadata, created_at, fingerprint,
    idempotency_key, slotted, status, started_at, finished_at, error_code, available_at, epoch, owner, crash_count)
  select creation.run_key, run_day, tenant, id, workflow, version, version_hash, rank,
    metadata, created_at, fingerprint, key, slotted, coalesce(status, 'pending'), started_at, finished_at, error_code,
    case when finished_at is null then available_at end, epoch,
    case when available_at is null then member.worker_key end, 0
  from member, creation
  where key is null or not exists (
    select from submission
    where submission.tenant = creation.tenant and submission.key = creation.key and submission.expires_at > now_ms())
  on conflict do nothing
  returning run_key, tenant, status, finished_at, idempotency_key
)`;

/** A key that another flush took at the same moment undoes the whole statement (`race` divides by zero); see there. */
const KEYS = `
keyed as (
  insert into submission (tenant, key, run_key, fingerprint, expires_at)
  select tenant, key, run_key, key_fingerprint, expires_at from creation
  where key is not null and run_key = any (array(select run_key from made)) order by tenant, key
  on conflict (tenant, key) do update
    set run_key = excluded.run_key, fingerprint = excluded.fingerprint, expires_at = excluded.expires_at
    where submission.expires_at <= now_ms()
  returning run_key
)`;

const ROW_ENTRIES = `
  select run_day, run_key, seq, epoch, substring(:bodies::bytea from body_from for body_length) from fit`;
const CREATION_ENTRIES = `
  select run_day, run_key, 1, epoch, substring(:bodies::bytea from body_from for body_length)
  from creation where run_key = any (array(select run_key from made))`;

const placed = (sources: readonly string[]): string => `
placed as (
  insert into entry (run_day, run_key, seq, epoch, body) ${sources.join(" union all ")}
  on conflict do nothing
  returning run_key
)`;

const CHANGES = `
changed as (
  update run set status = fit.status, started_at = coalesce(fit.started_at, run.started_at),
    finished_at = fit.finished_at, error_code = coalesce(fit.error_code, run.error_code)
  from fit
  where run.run_key = fit.run_key and fit.status is not null and fit.run_key = any (array(select run_key from placed))
  returning run.run_key, run.tenant, run.status, run.finished_at
),
emptied as (
  delete from inbox where run_key = any (array(select run_key from changed where finished_at is not null))
)`;

const SNAPSHOTS = `
snapped as (
  insert into snapshot (run_key, seq, body)
  select run_key, seq, substring(:snapshots::bytea from body_from for body_length)
  from unnest(:snapshot_keys::int8[], :snapshot_seqs::int4[], :snapshot_froms::int4[], :snapshot_lengths::int4[])
    as given (run_key, seq, body_from, body_length)
  where run_key = any (array(select run_key from placed))
  on conflict (run_key) do update set seq = excluded.seq, body = excluded.body
)`;

const PAYLOADS = `
given as materialized (
  select * from unnest(:payload_keys::int8[], :payload_tenants::text[], :payload_hashes::text[], :payload_sizes::int8[],
    :payload_froms::int4[], :payload_lengths::int4[]) as given (run_key, tenant, hash, size, bytes_from, bytes_length)
  where run_key = any (array(select run_key from placed))
),
kept as (
  insert into payload (tenant, hash, size, bytes)
  select tenant, hash, size,
    case when bytes_length >= 0 then substring(:payloads::bytea from bytes_from for bytes_length) end
  from given order by tenant, hash, bytes_length desc
  on conflict do nothing
),
wanted as (
  update payload set orphaned_at = null
  where tenant = any (:payload_tenants::text[]) and hash = any (:payload_hashes::text[])
    and tenant || ' ' || hash = any (array(select tenant || ' ' || hash from given)) and orphaned_at + 0 is not null
),
named as (
  insert into payload_name (run_key, tenant, hash) select run_key, tenant, hash from given on conflict do nothing
)`;

const INPUTS = `
taken as (
  delete from inbox
  where run_key = any (array(select run_key from placed)) and run_key || ' ' || input_id = any (:input_names::text[])
)`;

const counted = (sources: readonly string[]): string => `
counted as (
  insert into counter (tenant, shard, submitted, succeeded, failed, cancelled)
  select tenant, :shard::int2, sum(submitted), count(*) filter (where status = 'succeeded'),
    count(*) filter (where status = 'failed'), count(*) filter (where status = 'cancelled')
  from (${sources.join(" union all ")}) as counts
  group by tenant order by tenant
  on conflict (tenant, shard) do update set submitted = counter.submitted + excluded.submitted,
    succeeded = counter.succeeded + excluded.succeeded, failed = counter.failed + excluded.failed,
    cancelled = counter.cancelled + excluded.cancelled
)`;
const MADE_COUNTS = `select tenant, 1 as submitted, case when finished_at is not null then status end as status from made`;
const CHANGED_COUNTS = `select tenant, 0 as submitted, status from changed where finished_at is not null`;

const statements = new Map<string, FlushStatement>();

/** The statement for these parts. Its answer is one row: the keys of the runs whose rows were stored. */
export function flushStatement(parts: FlushParts): FlushStatement {
  const name = `flush_${Object.values(parts).map(Number).join("")}`;
  const known = statements.get(name);
  if (known) return known;
  const ctes = [MEMBER];
  if (parts.creations) ctes.push(CREATIONS);
  if (parts.keys) ctes.push(KEYS);
  if (parts.rows) ctes.push(ROWS);
  ctes.push(placed([...(parts.rows ? [ROW_ENTRIES] : []), ...(parts.creations ? [CREATION_ENTRIES] : [])]));
  if (parts.changes) ctes.push(CHANGES);
  if (parts.snapshots) ctes.push(SNAPSHOTS);
  if (parts.payloads) ctes.push(PAYLOADS);
  if (parts.inputs) ctes.push(INPUTS);
  const counts = [...(parts.creations ? [MADE_COUNTS] : []), ...(parts.changes ? [CHANGED_COUNTS] : [])];
  if (counts.length > 0) ctes.push(counted(counts));
  const race = parts.keys
    ? `, 1 / (case when (select count(*) from keyed) = (select count(*) from made where idempotency_key is not null)
         then 1 else 0 end) as race`
    : "";
  const sql = `with ${ctes.join(",")} select array(select run_key from placed)::text as placed${race}`;
  const parameters: string[] = [];
  const text = sql.replaceAll(/(?<!:):([a-z_]+)/g, (_, parameter: string) => {
    if (!parameters.includes(parameter)) parameters.push(parameter);
    return `$${parameters.indexOf(parameter) + 1}`;
  });
  const statement = { name, text, parameters };
  statements.set(name, statement);
  return statement;
}
