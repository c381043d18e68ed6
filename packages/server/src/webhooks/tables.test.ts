import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { serverClock } from "../db/database-clock.ts";
import { postgresDatabase } from "../db/database-postgres.ts";
import { memoryDatabase, sqliteDatabase } from "../db/database-sqlite.ts";
import { testPostgres } from "../db/test-postgres.ts";
import { tablesConformance } from "./tables.conformance.ts";

tablesConformance("webhook tables in memory", async () => {
  const database = await memoryDatabase();
  return { database, skipsLocked: false, time: null, close: () => database.close() };
});

tablesConformance("webhook tables of a data folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "webhooks-"));
  const database = await sqliteDatabase({ folder });
  return {
    database,
    skipsLocked: false,
    time: null,
    async close() {
      await database.close();
      await rm(folder, { recursive: true });
    },
  };
});

const postgres = await testPostgres();
if (postgres === null) {
  describe("webhook tables on PostgreSQL", () => {
    test.skip("no PostgreSQL at WEFT_TEST_POSTGRES_URL or 127.0.0.1:5432: start one to run these", () => undefined);
  });
} else {
  tablesConformance("webhook tables on PostgreSQL", async () => {
    const { url, drop } = await postgres.create();
    const database = await postgresDatabase({ url, connectionsMax: 8 });
    return {
      database,
      skipsLocked: true,
      time: serverClock,
      async close() {
        await database.close();
        await drop();
      },
    };
  });
}
