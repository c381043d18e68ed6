import { afterAll, beforeAll, expect, test } from "vitest";
import { onEveryDatabase, type OpenTestDatabase, type TestDatabase } from "../db/database.testing.ts";
import { SecretTables, type SecretRow } from "./store.ts";

const row = (version: number, more: Partial<SecretRow> = {}): SecretRow => ({
  tenant: "t",
  name: "KEY",
  version,
  hosts: ["a.example", "*.b.example"],
  sealed: `sealed ${version}`,
  createdAt: 1_800_000_000_000,
  updatedAt: 1_800_000_000_000 + version,
  ...more,
});

function facts(open: OpenTestDatabase): void {
  let opened: TestDatabase;
  let tables: SecretTables;
  beforeAll(async () => {
    opened = await open();
    tables = new SecretTables(opened.database);
  });
  afterAll(() => opened.close());

  test("a version follows the one before it, and of several that try to be next one is", async () => {
    expect(await tables.put(row(2))).toBe(false);
    expect(await Promise.all([tables.put(row(1)), tables.put(row(1)), tables.put(row(1))])).toEqual(
      expect.arrayContaining([true, false, false]),
    );
    const next = await Promise.all([tables.put(row(2)), tables.put(row(2)), tables.put(row(3, { version: 5 }))]);
    expect(next.filter(Boolean)).toHaveLength(1);
    expect(await tables.find("t", ["KEY", "OTHER"])).toEqual([row(2)]);
  });

  test("tenants and names are kept apart; removing tells whether there was one", async () => {
    await tables.put(row(1, { name: "B" }));
    await tables.put(row(1, { tenant: "other" }));
    expect((await tables.list("t")).map(({ name }) => name)).toEqual(["B", "KEY"]);
    expect([await tables.remove("t", "B"), await tables.remove("t", "B")]).toEqual([true, false]);
    expect(await tables.list("other")).toHaveLength(1);
  });

  test("the first data key stays, and is wrapped anew only in the place of the wrapping that was read", async () => {
    const added = await Promise.all(
      ["one", "two", "three"].map((wrapped) => tables.addDataKey({ tenant: "t", wrapped })),
    );
    const { wrapped } = added[0]!;
    expect(added).toEqual(Array.from({ length: 3 }, () => ({ tenant: "t", wrapped })));
    expect(await tables.rewrap("t", "not this", "new")).toBe(false);
    expect(await tables.rewrap("t", wrapped, "new")).toBe(true);
    expect(await tables.dataKeys()).toEqual([{ tenant: "t", wrapped: "new" }]);
    await tables.dropDataKey({ tenant: "t", wrapped });
    expect(await tables.dataKey("t")).toEqual({ tenant: "t", wrapped: "new" });
    await tables.dropDataKey({ tenant: "t", wrapped: "new" });
    expect(await tables.dataKey("t")).toBeNull();
  });
}

onEveryDatabase("the tables of secrets", facts);
