import { sql, type RawBuilder } from "kysely";

/** The present time in milliseconds, as a part of a statement. */
export type SqlClock = () => RawBuilder<number | string>;

/** The clock of a PostgreSQL server: the same for all processes that compare times with it. */
export const serverClock: SqlClock = () => sql`(extract(epoch from clock_timestamp()) * 1000)::int8`;

/** The clock of this process, for a database that only this process has. */
export function processClock(now: () => number): SqlClock {
  return () => sql`cast(${now()} as bigint)`;
}
