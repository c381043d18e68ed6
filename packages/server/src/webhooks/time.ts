import { sql, type RawBuilder } from "kysely";

/** The time in milliseconds, as a part of a statement: where processes compare times, one clock decides. */
export type DatabaseTime = () => RawBuilder<number>;

/** The clock of PostgreSQL, at the beginning of the statement. */
export const databaseTime: DatabaseTime = () =>
  sql<number>`cast(floor(extract(epoch from statement_timestamp()) * 1000) as bigint)`;

/** The clock of this process: for a database that one process has for itself. */
export function processTime(clock: { now(): number }): DatabaseTime {
  return () => sql<number>`cast(${Math.floor(clock.now())} as bigint)`;
}
