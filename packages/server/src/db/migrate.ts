import { AppError } from "@weftwork/core";
import type { Kysely } from "kysely";
import { Migrator } from "kysely/migration";
import { MIGRATIONS, type Tables } from "./schema.ts";

/** Which steps a store has had. Named for the catalogue: the journal may lie in the same database. */
const TABLE = "catalogue_migration";

/**
 * Brings the tables to what this version needs. Safe to run twice, and at once from several processes: PostgreSQL holds
 * the others with an advisory lock, and a SQLite folder has one owner. Refuses a store that a newer version has written.
 */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...MIGRATIONS }) },
    migrationTableName: TABLE,
    migrationLockTableName: `${TABLE}_lock`,
  });
  const known = Object.keys(MIGRATIONS).length;
  const newer = (await applied(db)).filter((name) => !Object.hasOwn(MIGRATIONS, name));
  if (newer.length > 0) throw new AppError("STORE_VERSION", { found: newer.at(-1)!, known });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

async function applied(db: Kysely<Tables>): Promise<readonly string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === TABLE)) return [];
  const rows = await db
    .withTables<{ catalogue_migration: { readonly name: string } }>()
    .selectFrom(TABLE)
    .select("name")
    .execute();
  return rows.map((row) => row.name).toSorted();
}
