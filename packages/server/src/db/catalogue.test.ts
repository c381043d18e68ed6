import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { catalogueConformance } from "./catalogue.conformance.ts";
import { memoryCatalogue } from "./catalogue-memory.ts";
import { sqlCatalogue } from "./catalogue-sql.ts";
import { postgresDatabase } from "./database-postgres.ts";
import { memoryDatabase, sqliteDatabase } from "./database-sqlite.ts";
import { testPostgres } from "./test-postgres.ts";
import { nextVersion } from "./version-number.ts";

catalogueConformance("the memory catalogue", async () => {
  return { catalogue: memoryCatalogue(), close: async () => undefined };
});

catalogueConformance("the catalogue on SQLite in memory", async () => {
  const database = await memoryDatabase();
  return { catalogue: sqlCatalogue(database), close: () => database.close() };
});

catalogueConformance("the SQLite catalogue", async () => {
  const folder = mkdtempSync(join(tmpdir(), "catalogue-"));
  let database = await sqliteDatabase({ folder });
  return {
    catalogue: sqlCatalogue(database),
    async reopen() {
      await database.close();
      database = await sqliteDatabase({ folder });
      return sqlCatalogue(database);
    },
    async close() {
      await database.close();
      rmSync(folder, { recursive: true });
    },
  };
});

const postgres = await testPostgres();
if (postgres === null) {
  describe("the PostgreSQL catalogue", () => {
    test.skip("no PostgreSQL at WEFT_TEST_POSTGRES_URL or 127.0.0.1:5432: start one to run these", () => undefined);
  });
} else {
  catalogueConformance("the PostgreSQL catalogue", async () => {
    const fresh = await postgres.create();
    let database = await postgresDatabase({ url: fresh.url, connectionsMax: 8 });
    return {
      catalogue: sqlCatalogue(database),
      async reopen() {
        await database.close();
        database = await postgresDatabase({ url: fresh.url });
        return sqlCatalogue(database);
      },
      async close() {
        await database.close();
        await fresh.drop();
      },
    };
  });

  test("processes that open a fresh PostgreSQL database at once all find its tables", async () => {
    const fresh = await postgres.create();
    const all = await Promise.all(Array.from({ length: 4 }, () => postgresDatabase({ url: fresh.url })));
    expect(await Promise.all(all.map((one) => sqlCatalogue(one).list("acme")))).toEqual([[], [], [], []]);
    await Promise.all(all.map((one) => one.close()));
    await fresh.drop();
  });

  test("a PostgreSQL server that is not there is STORE_UNAVAILABLE", async () => {
    await expect(postgresDatabase({ url: "postgres://127.0.0.1:1/x" })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
  });
}

test("a store to which a newer version has only added can be worked on", async () => {
  const folder = mkdtempSync(join(tmpdir(), "catalogue-"));
  await (await sqliteDatabase({ folder })).close();
  const db = new DatabaseSync(join(folder, "catalogue.db"));
  db.exec("insert into catalogue_migration (name, timestamp) values ('9999_future', '2030')");
  db.close();
  const opened = await sqliteDatabase({ folder });
  expect(await opened.call((tables) => tables.selectFrom("workflow").selectAll().execute())).toEqual([]);
  await opened.close();
  rmSync(folder, { recursive: true });
});

test("a store whose newer version did more than add is refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "catalogue-"));
  await (await sqliteDatabase({ folder })).close();
  const db = new DatabaseSync(join(folder, "catalogue.db"));
  db.exec("insert into catalogue_migration (name, timestamp) values ('9999_future_breaking', '2030')");
  db.close();
  await expect(sqliteDatabase({ folder })).rejects.toMatchObject({
    code: "STORE_VERSION",
    details: { found: "9999_future_breaking" },
  });
  rmSync(folder, { recursive: true });
});

test.each([
  [[], "0.0.1"],
  [["0.0.1"], "0.0.2"],
  [["1.9.9", "1.10.0"], "1.10.1"],
  [["2.0.0-rc.1", "1.9.0"], "2.0.0"],
  [["2.0.0-rc.1", "2.0.0"], "2.0.1"],
  [["latest"], "0.0.1"],
  [["1.0.0+build.7"], "1.0.1"],
])("after %j comes %s", (taken, next) => expect(nextVersion(taken)).toBe(next));
