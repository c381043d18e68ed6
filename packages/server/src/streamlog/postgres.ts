import { AppError, type JsonObject } from "@weftwork/core";
import pg from "pg";
import type { Connections } from "../connections/pool.ts";
import { exactNumbers } from "../db/postgres-numbers.ts";
import type { PieceType, StandingText, StreamLog, StreamPiece } from "./streamlog.ts";

export interface PostgresStreamLogOptions {
  readonly url: string;
  /** Made when it is not there. */
  readonly schema?: string;
  readonly connectionsMax?: number;
  /** Connections that are shared with others, which read 64-bit integers as numbers; left out, it has its own. */
  readonly connections?: Connections;
}

/** Two processes that make the same table at once would meet in the catalogue: one goes first. */
const MAKE = `
select pg_advisory_xact_lock(hashtext('weft stream log'));
create schema if not exists %S;
create unlogged table if not exists %T (
  run_key bigint not null, row integer not null, epoch integer not null, number bigint not null,
  at bigint not null, scope text not null, node text not null, attempt integer not null,
  type text not null, data text not null,
  primary key (run_key, row, epoch, number))`;
const INSERT = `
insert into %T select * from unnest($1::bigint[], $2::integer[], $3::integer[], $4::bigint[], $5::bigint[],
  $6::text[], $7::text[], $8::integer[], $9::text[], $10::text[])
on conflict do nothing`;
const READ = `
select * from %T where run_key = $1 and (row, epoch, number) > ($2, $3, $4)
  and ($5::text is null or type = $5) and ($6::text is null or node = $6)
order by row, epoch, number limit $7`;
const STANDING = `
select run_key, scope, node, attempt from (
  select distinct on (run_key, scope, node) run_key, scope, node, attempt, type from %T
  where run_key = any($1::bigint[]) and type in ('text_delta', 'attempt_superseded')
  order by run_key, scope, node, row desc, epoch desc, number desc) as last
where type = 'text_delta'`;
const NEXT_RUN = "select min(run_key) as run_key from %T where run_key > $1";
const LAST_AT = "select at from %T where run_key = $1 order by row desc, epoch desc, number desc limit 1";
const REMOVE = "delete from %T where run_key = any($1::bigint[])";

interface Row {
  readonly run_key: number;
  readonly row: number;
  readonly epoch: number;
  readonly number: number;
  readonly at: number;
  readonly scope: string;
  readonly node: string;
  readonly attempt: number;
  readonly type: PieceType;
  readonly data: string;
}

/** Pieces in an unlogged table: written without the write-ahead log, empty after a crash of the database. */
export async function postgresStreamLog(options: PostgresStreamLogOptions): Promise<StreamLog> {
  const schema = `"${(options.schema ?? "weft").replaceAll('"', '""')}"`;
  const named = (text: string): string => text.replaceAll("%S", schema).replaceAll("%T", `${schema}.stream_piece`);
  const pool = options.connections ?? ownPool(options);

  async function query<R extends object>(text: string, values: readonly unknown[]): Promise<readonly R[]> {
    try {
      return (await pool.query<R & pg.QueryResultRow>(named(text), [...values])).rows;
    } catch (error) {
      const reason = `the stream log: ${error instanceof Error ? error.message : String(error)}`;
      throw new AppError("STORE_UNAVAILABLE", { reason }, { cause: error });
    }
  }

  try {
    // Without parameters several statements are one transaction.
    await pool.query(named(MAKE));
  } catch (error) {
    await pool.end();
    const reason = `the stream log: ${error instanceof Error ? error.message : String(error)}`;
    throw new AppError("STORE_UNAVAILABLE", { reason }, { cause: error });
  }

  return {
    shared: true,
    async append(pieces) {
      const column = <T>(of: (piece: StreamPiece) => T): readonly T[] => pieces.map(of);
      await query(INSERT, [
        column((piece) => piece.runKey),
        column((piece) => piece.row),
        column((piece) => piece.epoch),
        column((piece) => piece.number),
        column((piece) => piece.at),
        column((piece) => piece.scope),
        column((piece) => piece.node),
        column((piece) => piece.attempt),
        column((piece) => piece.type),
        column((piece) => JSON.stringify(piece.data)),
      ]);
    },
    async read(runKey, { behind, limit, type, node }) {
      const values = [runKey, behind.row, behind.epoch, behind.number, type ?? null, node ?? null, limit];
      return (await query<Row>(READ, values)).map(({ run_key, data, ...row }) => ({
        ...row,
        runKey: run_key,
        data: JSON.parse(data) as JsonObject,
      }));
    },
    async standing(runKeys) {
      const rows = await query<Row>(STANDING, [runKeys]);
      return rows.map<StandingText>(({ run_key, scope, node, attempt }) => ({ runKey: run_key, scope, node, attempt }));
    },
    async quietRuns(before, afterKey, limit) {
      const quiet: number[] = [];
      for (let key: number | null = afterKey; quiet.length < limit;) {
        const [next]: readonly { run_key: number | null }[] = await query(NEXT_RUN, [key]);
        key = next?.run_key ?? null;
        if (key === null) break;
        const [last] = await query<{ at: number }>(LAST_AT, [key]);
        if (last && last.at < before) quiet.push(key);
      }
      return quiet;
    },
    async remove(runKeys) {
      await query(REMOVE, [runKeys]);
    },
    async close() {
      await pool.end();
    },
  };
}

function ownPool({ url, connectionsMax = 2 }: PostgresStreamLogOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    idleTimeoutMillis: 300_000,
    connectionTimeoutMillis: 5000,
    application_name: "weftwork stream log",
    statement_timeout: 15_000,
    types: exactNumbers,
  });
  // An idle connection that breaks is replaced; the next query tells if the server is gone.
  pool.on("error", () => undefined);
  return pool;
}
