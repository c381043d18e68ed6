import { sql } from "kysely";
import type { SqlClock } from "../db/database-clock.ts";
import type { Database } from "../db/database.ts";

/** Milliseconds since 1970 by the clock that all processes on the database share. */
export function databaseTime(database: Database, clock: SqlClock): () => Promise<number> {
  return () =>
    database.call(async (db) => {
      const { rows } = await sql<{ now: number | string }>`select ${clock()} as now`.execute(db);
      return Number(rows[0]!.now);
    });
}
