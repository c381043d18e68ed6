import { hash } from "node:crypto";
import { AppError } from "@weftwork/core";
import type { Journal, RunHead, RunPage, RunQuery, RunRecord, RunStats } from "./journal.ts";
import { texts } from "./postgres-arrays.ts";
import type { HeadRow } from "./postgres-heads.ts";
import { HEAD_COLUMNS, headOf } from "./postgres-heads.ts";
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
const PAYLOADS = `select hash, bytes from payload where tenant = $1 and hash = any ($2::text[]) and bytes is not null`;
/** No column but those of the index is read. */
export const KNOWN = `select hash from payload where tenant = $1 and hash = any ($2::text[])`;
const HEAD = `select ${HEAD_COLUMNS} from run where tenant = $1 and id = $2`;
const STATS = `
select coalesce(sum(submitted), 0)::int8 as submitted, coalesce(sum(succeeded), 0)::int8 as succeeded,
  coalesce(sum(failed), 0)::int8 as failed, coalesce(sum(cancelled), 0)::int8 as cancelled
from counter where tenant = $1`;

export class PostgresQueries {
  private readonly pool: PostgresPool;

  constructor(pool: PostgresPool) {
    this.pool = pool;
  }

  async read(runKey: number, options: NonNullable<Parameters<Journal["read"]>[1]>): Promise<RunRecord> {
    const found = await this.pool.query<{ epoch: number; seq: number; body: Buffer; is_snapshot: boolean }>({
      name: "read",
      text: READ,
      values: [runKey, options.afterSeq ?? 0, options.limit ?? null, options.snapshot ?? false],
    });
    const first = found[0]?.is_snapshot ? found.shift()! : null;
    const snapshot = first && { seq: first.seq, body: first.body.toString() };
    const after = snapshot?.seq ?? options.afterSeq ?? 0;
    const rows = found.map(({ seq, epoch, body }, at) => {
      if (seq !== after + at + 1) {
        throw new AppError("RUN_DAMAGED", { run: runKey, reason: `its row ${after + at + 1} is missing` });
      }
      return { seq, epoch, body: body.toString() };
    });
    return { snapshot, rows };
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
    if (!isText(tenant) || !isText(id)) return null;
    const [row] = await this.pool.query<HeadRow>({ name: "head", text: HEAD, values: [tenant, id] });
    return row ? headOf(row) : null;
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
