import { hash } from "node:crypto";
import { AppError } from "@weftwork/core";
import type { Journal, RunHead, RunPage, RunQuery, RunRecord, RunStats } from "./journal.ts";
import { Batch } from "../base/batch.ts";
import { integers, texts } from "./postgres-arrays.ts";
import type { HeadRow } from "./postgres-heads.ts";
import { HEAD_COLUMNS, headOf, runByItsId } from "./postgres-heads.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import type { Place, StatusGroup } from "./rules.ts";
import { decodeCursor, isText, mergePages, pageSize, statusGroups } from "./rules.ts";

/** One statement, so that snapshot and rows are of one moment. The day picks the partition. */
const READ = `
with day as materialized (select run_day from run where run_key = $1),
snapshot_row as materialized (select seq, body from snapshot where run_key = $1 and seq > $2 and $4)
select 0 as epoch, seq, body, true as is_snapshot from snapshot_row
union all
(select epoch, seq, body, false from entry
 where run_day = (select run_day from day) and run_key = $1
   and seq > greatest($2, coalesce((select seq from snapshot_row), 0))
 order by seq limit $3)
order by is_snapshot desc, seq`;
/** The same of several runs, whole: $1 keys. */
export const READ_RUNS = `
select asked.at::int4, found.* from unnest($1::int8[]) with ordinality as asked (run_key, at), lateral (
  select 0 as epoch, seq, body, true as is_snapshot from snapshot where run_key = asked.run_key
  union all
  select epoch, seq, body, false from entry
  where run_day = (select run_day from run where run.run_key = asked.run_key) and entry.run_key = asked.run_key
    and seq > coalesce((select seq from snapshot where snapshot.run_key = asked.run_key), 0)
) as found
order by asked.at, is_snapshot desc, seq`;
const PAYLOADS = `select hash, bytes from payload where tenant = $1 and hash = any ($2::text[]) and bytes is not null`;
/** No column but those of the index is read. */
export const KNOWN = `select hash from payload where tenant = $1 and hash = any ($2::text[])`;
/** $1 tenants, $2 ids. */
export const HEADS = `
select asked.at::int4, run.* from unnest($1::text[], $2::text[]) with ordinality as asked (tenant, id, at), lateral (
  ${runByItsId(HEAD_COLUMNS)}) as run`;
/** Runs of which one statement reads: many callers share it, and few large runs do not fill the memory together. */
const READ_MAX = 16;
/** Statements of each kind at the same time: a large run keeps back no others, nor does a store that does not answer. */
const CALLS = 4;
const HEADS_MAX = 256;
const STATS = `
select coalesce(sum(submitted), 0)::int8 as submitted, coalesce(sum(succeeded), 0)::int8 as succeeded,
  coalesce(sum(failed), 0)::int8 as failed, coalesce(sum(cancelled), 0)::int8 as cancelled
from counter where tenant = $1`;

interface ReadRow {
  readonly epoch: number;
  readonly seq: number;
  readonly body: Buffer;
  readonly is_snapshot: boolean;
}

const SOON = { soon: (callback: () => void) => void setImmediate(callback) };

/** What is asked in the same moment, or while the same is on its way, becomes one statement. */
export class PostgresQueries {
  private readonly pool: PostgresPool;
  private readonly heads: Batch<readonly [tenant: string, id: string], RunHead | null>;
  private readonly whole: Batch<number, readonly ReadRow[]>;

  constructor(pool: PostgresPool) {
    this.pool = pool;
    this.heads = new Batch({ clock: SOON, max: HEADS_MAX, calls: CALLS, call: (asked) => this.readHeads(asked) });
    this.whole = new Batch({ clock: SOON, max: READ_MAX, calls: CALLS, call: (keys) => this.readWhole(keys) });
  }

  async read(runKey: number, options: NonNullable<Parameters<Journal["read"]>[1]>): Promise<RunRecord> {
    const { afterSeq = 0, limit = null, snapshot = false } = options;
    if (snapshot && afterSeq === 0 && limit === null) return recordOf(runKey, await this.whole.add(runKey), 0);
    const values = [runKey, afterSeq, limit, snapshot];
    return recordOf(runKey, await this.pool.query<ReadRow>({ name: "read", text: READ, values }), afterSeq);
  }

  private async readWhole(keys: readonly number[]): Promise<readonly (readonly ReadRow[])[]> {
    const rows = await this.pool.query<ReadRow & { readonly at: number }>({
      name: "read_runs",
      text: READ_RUNS,
      values: [integers(keys)],
    });
    const found = Map.groupBy(rows, ({ at }) => at);
    return keys.map((_, index) => found.get(index + 1) ?? []);
  }

  private async readHeads(
    asked: readonly (readonly [tenant: string, id: string])[],
  ): Promise<readonly (RunHead | null)[]> {
    const rows = await this.pool.query<HeadRow & { readonly at: number }>({
      name: "heads",
      text: HEADS,
      values: [texts(asked.map(([tenant]) => tenant)), texts(asked.map(([, id]) => id))],
    });
    const found = new Map(rows.map((row) => [row.at, headOf(row)]));
    return asked.map((_, index) => found.get(index + 1) ?? null);
  }

  async payloads(tenant: string, hashes: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    if (hashes.length === 0 || !isText(tenant + hashes.join(""))) return new Map();
    const rows = await this.pool.query<{ hash: string; bytes: Buffer }>({
      name: "payloads",
      text: PAYLOADS,
      values: [tenant, texts(hashes)],
    });
    for (const row of rows) {
      if (hash("sha256", row.bytes) !== row.hash) throw new AppError("PAYLOAD_DAMAGED", { hash: row.hash });
    }
    return new Map(rows.map((row) => [row.hash, row.bytes]));
  }

  async known(tenant: string, hashes: readonly string[]): Promise<ReadonlySet<string>> {
    if (hashes.length === 0 || !isText(tenant + hashes.join(""))) return new Set();
    const values = [tenant, texts(hashes)];
    const rows = await this.pool.query<{ hash: string }>({ name: "known", text: KNOWN, values });
    return new Set(rows.map((row) => row.hash));
  }

  async head(tenant: string, id: string): Promise<RunHead | null> {
    return isText(tenant) && isText(id) ? this.heads.add([tenant, id]) : null;
  }

  async find(query: RunQuery): Promise<RunPage> {
    const size = pageSize(query.limit);
    const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
    if (!isText(query.tenant + (query.workflow ?? ""))) return { runs: [], nextCursor: null };
    const groups = statusGroups(query.status).map((group) => this.list(query, group, after, size + 1));
    return mergePages(await Promise.all(groups), size);
  }

  /** Reads the index of the group backwards from the cursor, and stops at the limit. */
  private async list(
    query: RunQuery,
    { kind, statuses }: StatusGroup,
    after: Place | null,
    limit: number,
  ): Promise<RunHead[]> {
    const values: unknown[] = [query.tenant];
    const conditions = ["tenant = $1"];
    const add = (condition: (...names: string[]) => string, ...more: readonly unknown[]): void => {
      conditions.push(condition(...more.map((_, at) => `$${values.length + at + 1}`)));
      values.push(...more);
    };
    // As the indexes say it, or they cannot be used.
    if (kind === "open") add(() => "finished_at is null");
    if (kind === "bad") add(() => "status in ('failed', 'cancelled')");
    if (after) add((time, key) => `(created_at, run_key) < (${time}, ${key})`, after.createdAt, after.runKey);
    if (query.createdAfter !== undefined) add((time) => `created_at > ${time}`, query.createdAfter);
    if (query.createdBefore !== undefined) add((time) => `created_at < ${time}`, query.createdBefore);
    // Few runs are open or ended badly: they are read by time, not among all runs of the workflow.
    const few = kind === "open" || kind === "bad";
    if (query.workflow !== undefined) add((name) => `workflow ${few ? "|| ''" : ""} = ${name}`, query.workflow);
    if (statuses.length > 0) add((list) => `status = any (${list}::text[])`, texts(statuses));
    const text = `select ${HEAD_COLUMNS} from run where ${conditions.join(" and ")}
      order by created_at desc, run_key desc limit ${limit}`;
    return (await this.pool.query<HeadRow>({ text, values })).map((row) => headOf(row));
  }

  async stats(tenant: string): Promise<RunStats> {
    if (!isText(tenant)) return { submitted: 0, open: 0, succeeded: 0, failed: 0, cancelled: 0 };
    const [row] = await this.pool.query<Omit<RunStats, "open">>({ name: "stats", text: STATS, values: [tenant] });
    const { submitted, succeeded, failed, cancelled } = row!;
    return { submitted, open: submitted - succeeded - failed - cancelled, succeeded, failed, cancelled };
  }
}

function recordOf(runKey: number, found: readonly ReadRow[], afterSeq: number): RunRecord {
  const [first] = found;
  const snapshot = first?.is_snapshot ? { seq: first.seq, body: first.body.toString() } : null;
  const after = snapshot?.seq ?? afterSeq;
  const rows = (snapshot ? found.slice(1) : found).map(({ seq, epoch, body }, at) => {
    if (seq !== after + at + 1) {
      throw new AppError("RUN_DAMAGED", { run: runKey, reason: `its row ${after + at + 1} is missing` });
    }
    return { seq, epoch, body: body.toString() };
  });
  return { snapshot, rows };
}
