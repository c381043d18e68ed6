import { sql, type RawBuilder } from "kysely";
import type { Database } from "./database.ts";

/** The present time in whole milliseconds, as a part of a statement: where processes compare times, one clock decides. */
export type SqlClock = () => RawBuilder<number>;

/**
 * The clock of a PostgreSQL server, as it was when the statement began. It stands still within a statement, so an index
 * can be asked with it; and a statement that had to wait for a lock takes nothing that ended while it waited.
 */
export const serverClock: SqlClock = () =>
  sql<number>`cast(floor(extract(epoch from statement_timestamp()) * 1000) as bigint)`;

/** The clock of this process, for a database that only this process has. */
export function processClock(now: () => number): SqlClock {
  return () => sql<number>`cast(${Math.floor(now())} as bigint)`;
}

/** Asks a database for the time of such a clock: milliseconds since 1970. */
export async function databaseTime(database: Database, clock: SqlClock): Promise<number> {
  const { rows } = await database.call((db) => sql<{ now: number | string }>`select ${clock()} as now`.execute(db));
  return Number(rows[0]!.now);
}
