import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testPostgres } from "../db/test-postgres.ts";
import { memorySearch } from "./memory.ts";
import { postgresSearch } from "./postgres.ts";
import { searchConformance } from "./search.conformance.ts";
import { sqliteSearch } from "./sqlite.ts";

describe("in memory", () => {
  searchConformance(async () => {
    const index = memorySearch();
    return { index, close: () => index.close() };
  });
});

describe("in SQLite", () => {
  searchConformance(async () => {
    const folder = await mkdtemp(join(tmpdir(), "weft-search-"));
    const index = sqliteSearch({ folder, tenant: "acme" });
    return {
      index,
      async close() {
        await index.close();
        await rm(folder, { recursive: true });
      },
    };
  });

  test("is kept, and kept apart by tenant; a damaged file is made anew", async () => {
    const folder = await mkdtemp(join(tmpdir(), "weft-search-"));
    const word = [{ text: "a", prefix: false }];
    let index = sqliteSearch({ folder, tenant: "acme" });
    await index.put([{ runKey: 1, id: "one", createdAt: 5, words: ["a"], open: false }], { from: 0, to: 10 });
    await index.close();
    index = sqliteSearch({ folder, tenant: "acme" });
    expect([await index.progress(), await index.find({ words: word, limit: 5 })]).toMatchObject([10, [{ id: "one" }]]);
    await index.close();
    index = sqliteSearch({ folder, tenant: "other" });
    expect([await index.progress(), await index.find({ words: word, limit: 5 })]).toEqual([0, []]);
    await index.close();
    await writeFile(join(folder, "search.db"), "this is no database at all, and long enough to be looked at");
    index = sqliteSearch({ folder, tenant: "acme" });
    expect([await index.progress(), await index.find({ words: word, limit: 5 })]).toEqual([0, []]);
    await index.close();
    await rm(folder, { recursive: true });
  });
});

const server = await testPostgres();

describe.skipIf(server === null)("in PostgreSQL", () => {
  searchConformance(async () => {
    const database = await server!.create();
    const index = await postgresSearch({ url: database.url, tenant: "acme" });
    return {
      index,
      async close() {
        await index.close();
        await database.drop();
      },
    };
  });

  test("two processes make the tables at once, and one of them advances", async () => {
    const database = await server!.create();
    const open = (): ReturnType<typeof postgresSearch> => postgresSearch({ url: database.url, tenant: "acme" });
    const indexes = await Promise.all([open(), open(), open()]);
    const advanced = await Promise.all(indexes.map((index) => index.put([], { from: 0, to: 10 })));
    expect(advanced.filter(Boolean)).toHaveLength(1);
    await Promise.all(indexes.map((index) => index.close()));
    await database.drop();
  });
});
