import { AppError } from "@weftwork/core";
import type { Kysely, Transaction } from "kysely";
import { Migrator } from "kysely/migration";
import { MIGRATIONS, type Tables } from "./schema.ts";

/** Which steps a store has had. Named for the catalogue: the journal may lie in the same database. */
const TABLE = "catalogue_migration";

/** The name of a step ends like this when an older version cannot work on what it leaves. */
const BREAKING = "_breaking";

/** Holds other processes off until the transaction ends. */
export type LockTables = (transaction: Transaction<Tables>) => Promise<void>;

/**
 * Brings the tables to what this version needs. Safe to run twice, and at once from several processes: with a lock all is
 * one transaction behind it; without, the store has one owner.
 *
 * Steps only add, so a store with steps that this version does not know is one that it can work on: an upgrade is rolled
 * out, or back, process by process. Where a step does more than add, its name says so, and the store is refused.
 */
export async function migrate(db: Kysely<Tables>, lock: LockTables | null = null): Promise<void> {
  if (lock === null) return takeSteps(db);
  await db.transaction().execute(async (transaction) => {
    await lock(transaction);
    await takeSteps(transaction);
  });
}

async function takeSteps(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...MIGRATIONS }) },
    migrationTableName: TABLE,
    migrationLockTableName: `${TABLE}_lock`,
  });
  const known = Object.keys(MIGRATIONS).length;
  const taken = await applied(db);
  const newer = taken.filter((name) => !Object.hasOwn(MIGRATIONS, name));
  const breaking = newer.find((name) => name.endsWith(BREAKING));
  const missing = Object.keys(MIGRATIONS).find((name) => !taken.includes(name));
  if (breaking !== undefined) throw new AppError("STORE_VERSION", { found: breaking, known });
  if (newer.length > 0) {
    // A step of ours behind one that is newer would be taken out of its order.
    if (missing !== undefined) throw new AppError("STORE_VERSION", { found: newer.at(-1)!, known });
    return;
  }
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
