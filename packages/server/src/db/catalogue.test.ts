import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { catalogueConformance } from "./catalogue.conformance.ts";
import { memoryCatalogue } from "./catalogue-memory.ts";
import { postgresCatalogue } from "./catalogue-postgres.ts";
import { sqliteCatalogue } from "./catalogue-sqlite.ts";
import { testPostgres } from "./test-postgres.ts";
import { nextVersion } from "./version-number.ts";

catalogueConformance("the memory catalogue", async () => {
  const catalogue = memoryCatalogue();
  return { catalogue, close: () => catalogue.close() };
});

catalogueConformance("the SQLite catalogue", async () => {
  const folder = mkdtempSync(join(tmpdir(), "catalogue-"));
  let catalogue = await sqliteCatalogue({ folder });
  return {
    catalogue,
    async reopen() {
      await catalogue.close();
      catalogue = await sqliteCatalogue({ folder });
      return catalogue;
    },
    async close() {
      await catalogue.close();
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
    const database = await postgres.create();
    let catalogue = await postgresCatalogue({ url: database.url, connectionsMax: 8 });
    return {
      catalogue,
      async reopen() {
        await catalogue.close();
        catalogue = await postgresCatalogue({ url: database.url });
        return catalogue;
      },
      async close() {
        await catalogue.close();
        await database.drop();
      },
    };
  });

  test("processes that open a fresh PostgreSQL database at once all find its tables", async () => {
    const database = await postgres.create();
    const all = await Promise.all(Array.from({ length: 4 }, () => postgresCatalogue({ url: database.url })));
    expect(await Promise.all(all.map((one) => one.list("acme")))).toEqual([[], [], [], []]);
    await Promise.all(all.map((one) => one.close()));
    await database.drop();
  });

  test("a PostgreSQL server that is not there is STORE_UNAVAILABLE", async () => {
    await expect(postgresCatalogue({ url: "postgres://127.0.0.1:1/x" })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
  });
}

test("a store that a newer version has written is refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "catalogue-"));
  await (await sqliteCatalogue({ folder })).close();
  const db = new DatabaseSync(join(folder, "catalogue.db"));
  db.exec("insert into catalogue_migration (name, timestamp) values ('9999_from_the_future', '2030')");
  db.close();
  await expect(sqliteCatalogue({ folder })).rejects.toMatchObject({
    code: "STORE_VERSION",
    details: { found: "9999_from_the_future" },
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
