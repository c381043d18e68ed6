import pg from "pg";
import type { Connections } from "../connections/pool.ts";
import { exactNumbers } from "../db/postgres-numbers.ts";
import type { IndexedRun, SearchHit, SearchIndex, SearchQuery } from "./search.ts";

export interface PostgresSearchOptions {
  readonly url: string;
  readonly tenant: string;
  /** Made when it is not there. */
  readonly schema?: string;
  /** Connections that are shared with others, which read 64-bit integers as numbers; left out, it has its own. */
  readonly connections?: Connections;
}

/**
 * The words are lexemes as they are: no dictionary of the database changes them. Two processes that make the same tables
 * at once would meet in the catalogue: one goes first. What a table holds is told by its number; when that changes, a new
 * table is filled and the old one is left to the operator.
 */
const MAKE = `
select pg_advisory_xact_lock(hashtext('weft search'));
create schema if not exists %S;
create table if not exists %S.search_doc_1 (
  tenant text not null, run_key bigint not null, id text not null, created_at bigint not null,
  put_at bigint, words tsvector not null,
  primary key (tenant, run_key));
create index if not exists search_doc_1_words on %S.search_doc_1 using gin (words);
create index if not exists search_doc_1_place on %S.search_doc_1 (tenant, created_at, run_key);
create index if not exists search_doc_1_open on %S.search_doc_1 (tenant, put_at) where put_at is not null;
create table if not exists %S.search_progress_1 (tenant text primary key, until bigint not null);
create sequence if not exists %S.search_put_1`;
const PROGRESS = "select until from %S.search_progress_1 where tenant = $1";
const BEGIN_PROGRESS = "insert into %S.search_progress_1 (tenant, until) values ($1, 0) on conflict do nothing";
const ADVANCE = "update %S.search_progress_1 set until = $3 where tenant = $1 and until = $2";
const PUT = `
insert into %S.search_doc_1 (tenant, run_key, id, created_at, put_at, words)
values ($1, $2, $3, $4, case when $5::boolean then nextval('%S.search_put_1') end, array_to_tsvector($6::text[]))
on conflict (tenant, run_key) do update set put_at = excluded.put_at, words = excluded.words`;
const COLUMNS = "run_key, id, created_at";
const FIND = `
select ${COLUMNS} from %S.search_doc_1
where tenant = $1 and words @@ $2::tsquery and ($3::bigint is null or (created_at, run_key) < ($3, $4::bigint))
  and ($5::bigint is null or created_at > $5) and ($6::bigint is null or created_at < $6)
order by created_at desc, run_key desc limit $7`;
const OPEN = `select ${COLUMNS} from %S.search_doc_1 where tenant = $1 and put_at is not null order by put_at limit $2`;
const STILL_OPEN = `
update %S.search_doc_1 set put_at = nextval('%S.search_put_1')
where tenant = $1 and run_key = any ($2::bigint[]) and put_at is not null`;
const OLDEST = `select ${COLUMNS} from %S.search_doc_1 where tenant = $1 order by created_at, run_key limit $2`;
const REMOVE = "delete from %S.search_doc_1 where tenant = $1 and run_key = any ($2::bigint[])";

interface Row {
  readonly run_key: number;
  readonly id: string;
  readonly created_at: number;
}

/** The index in tables beside the journal's. Several processes may fill it: of two that advance it at once, one does. */
export async function postgresSearch(options: PostgresSearchOptions): Promise<SearchIndex> {
  const schema = `"${(options.schema ?? "weft").replaceAll('"', '""')}"`;
  const named = (text: string): string => text.replaceAll("%S", schema);
  const pool = options.connections ?? ownPool(options.url);
  try {
    await pool.query(named(MAKE));
  } catch (error) {
    await pool.end();
    throw error;
  }
  return new PostgresSearch(pool, options.tenant, named);
}

class PostgresSearch implements SearchIndex {
  private readonly pool: Connections;
  private readonly tenant: string;
  private readonly named: (text: string) => string;
  private closing: Promise<void> | null = null;

  constructor(pool: Connections, tenant: string, named: (text: string) => string) {
    this.pool = pool;
    this.tenant = tenant;
    this.named = named;
  }

  async progress(): Promise<number> {
    const { rows } = await this.pool.query<{ until: number }>(this.named(PROGRESS), [this.tenant]);
    return rows[0]?.until ?? 0;
  }

  async put(runs: readonly IndexedRun[], advance: { from: number; to: number } | null): Promise<boolean> {
    if (runs.length === 0 && advance === null) return true;
    const client = await this.pool.connect();
    try {
      await client.query("begin");
      if (advance) {
        await client.query(this.named(BEGIN_PROGRESS), [this.tenant]);
        const { rowCount } = await client.query(this.named(ADVANCE), [this.tenant, advance.from, advance.to]);
        if (rowCount === 0) {
          await client.query("rollback");
          return false;
        }
      }
      // In the order of their keys: two processes that put the same runs do not wait for each other in a circle. Those
      // that are open get their turn in the order given, which is that of their creation.
      for (const { runKey, id, createdAt, open, words } of runs.toSorted((a, b) => a.runKey - b.runKey))
        await client.query(this.named(PUT), [this.tenant, runKey, id, createdAt, open, [...words]]);
      await client.query("commit");
      return true;
    } catch (error) {
      await client.query("rollback").catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }

  async find({ words, after, createdAfter, createdBefore, limit }: SearchQuery): Promise<readonly SearchHit[]> {
    const asked = words.map(({ text, prefix }) => `'${text.replaceAll(/['\\]/g, "$&$&")}'${prefix ? ":*" : ""}`);
    return this.hits(FIND, [
      asked.join(" & "),
      after?.createdAt ?? null,
      after?.runKey ?? null,
      bigint(createdAfter),
      bigint(createdBefore),
      limit,
    ]);
  }

  async open(limit: number): Promise<readonly SearchHit[]> {
    return this.hits(OPEN, [limit]);
  }

  async stillOpen(runKeys: readonly number[]): Promise<void> {
    if (runKeys.length > 0) await this.pool.query(this.named(STILL_OPEN), [this.tenant, [...runKeys]]);
  }

  async oldest(limit: number): Promise<readonly SearchHit[]> {
    return this.hits(OLDEST, [limit]);
  }

  async remove(runKeys: readonly number[]): Promise<void> {
    if (runKeys.length > 0) await this.pool.query(this.named(REMOVE), [this.tenant, [...runKeys]]);
  }

  close(): Promise<void> {
    return (this.closing ??= this.pool.end());
  }

  private async hits(text: string, values: readonly unknown[]): Promise<readonly SearchHit[]> {
    const { rows } = await this.pool.query<Row>(this.named(text), [this.tenant, ...values]);
    return rows.map(({ run_key, id, created_at }) => ({ runKey: run_key, id, createdAt: created_at }));
  }
}

function bigint(ms: number | undefined): number | null {
  return ms === undefined || !Number.isFinite(ms) ? null : Math.trunc(ms);
}

function ownPool(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 2,
    idleTimeoutMillis: 300_000,
    connectionTimeoutMillis: 5000,
    application_name: "weftwork search",
    statement_timeout: 15_000,
    types: exactNumbers,
  });
  // A connection that breaks while nobody uses it is made again when it is needed.
  pool.on("error", () => undefined);
  return pool;
}
