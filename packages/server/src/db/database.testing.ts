import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { postgresDatabase } from "./database-postgres.ts";
import { memoryDatabase, sqliteDatabase } from "./database-sqlite.ts";
import type { Database } from "./database.ts";
import { testPostgres } from "./test-postgres.ts";

/** A fresh database with all tables, which is gone when it is closed. */
export interface TestDatabase {
  readonly database: Database;
  /** Other processes may share it: it is on PostgreSQL. */
  readonly isShared: boolean;
  close(): Promise<void>;
}

export type OpenTestDatabase = () => Promise<TestDatabase>;

const postgres = await testPostgres();

/**
 * Facts that hold on every kind of database: SQLite in memory, SQLite in a data folder, and PostgreSQL, where they are
 * skipped when there is no server. `facts` tells of one of them, which it opens before its tests. Where they take their
 * time, the folder is left out.
 */
export function onEveryDatabase(
  what: string,
  facts: (open: OpenTestDatabase) => void,
  { folder = true }: { readonly folder?: boolean } = {},
): void {
  describe(`${what} in memory`, () => facts(inMemory));
  if (folder) describe(`${what} of a data folder`, () => facts(inFolder));
  describe(`${what} on PostgreSQL`, () => {
    if (postgres) facts(onPostgres);
    else
      test.skip("no PostgreSQL at WEFT_TEST_POSTGRES_URL or 127.0.0.1:5432: start one to run these", () => undefined);
  });
}

async function inMemory(): Promise<TestDatabase> {
  const database = await memoryDatabase();
  return { database, isShared: false, close: () => database.close() };
}

async function inFolder(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "weft-tables-"));
  const database = await sqliteDatabase({ folder });
  return {
    database,
    isShared: false,
    async close() {
      await database.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function onPostgres(): Promise<TestDatabase> {
  const { url, drop } = await postgres!.create();
  const database = await postgresDatabase({ url, connectionsMax: 8 });
  return {
    database,
    isShared: true,
    async close() {
      await database.close();
      await drop();
    },
  };
}
