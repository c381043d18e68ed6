import { createHash } from "node:crypto";
import { sql } from "kysely";
import type { Database } from "./database.ts";

/**
 * A short name for a PostgreSQL database, the same for all who use it and another for every other database: what stores
 * that share a service are told apart by. It survives a failover, and is another one after a restore elsewhere.
 */
export async function storeIdentity(database: Database): Promise<string> {
  const { rows } = await database.call((db) =>
    sql<{ system: string; name: string }>`
      select (select system_identifier::text from pg_control_system()) as system, current_database()::text as name
    `.execute(db),
  );
  const { system, name } = rows[0]!;
  return createHash("sha256").update(`${system}/${name}`).digest("hex").slice(0, 12);
}
