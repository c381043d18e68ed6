import { AppError } from "@weftwork/core";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryDatabase, sqliteDatabase } from "../db/database-sqlite.ts";
import type { Database } from "../db/database.ts";
import { EnvironmentSecrets } from "./environment.ts";
import { SecretKeeper } from "./keeper.ts";
import { masterKeys, passingMasterKeys, type MasterKeys } from "./master-key.ts";
import type { BoundSecret } from "./secrets.ts";
import { SecretTables } from "./store.ts";
import { takeSecrets } from "./variables.ts";

const key = (): string => randomBytes(32).toString("base64");
let database: Database;
beforeEach(async () => void (database = await memoryDatabase()));
afterEach(() => database.close());

function keeperOf(keys: MasterKeys = passingMasterKeys(), environment: Record<string, string> = {}): SecretKeeper {
  return new SecretKeeper({
    environment: new EnvironmentSecrets(environment),
    tables: new SecretTables(database),
    keys,
    now: () => 1_000,
  });
}

async function valueOf(keeper: SecretKeeper, name: string, tenant = "t"): Promise<string> {
  const found = (await keeper.load(tenant, [name])).get(name);
  if (found === undefined) return "none";
  return found instanceof AppError ? found.code : found.value.reveal();
}

describe("the store", () => {
  test("gives back what was stored, with its hosts, and each tenant has its own", async () => {
    const keeper = keeperOf();
    expect(await keeper.set("t", "KEY", { value: "value one\n", hosts: ["*.Example.com"] })).toEqual({
      name: "KEY",
      source: "store",
      hosts: ["*.example.com"],
      updated_at: "1970-01-01T00:00:01.000Z",
      hidden: false,
    });
    await keeper.set("other", "KEY", { value: "another" });
    const found = (await keeper.load("t", ["KEY", "NONE"])).get("KEY") as BoundSecret;
    expect([found.value.reveal(), found.hosts[0]!.text, found.place]).toEqual(["value one", "*.example.com", "store"]);
    expect(await valueOf(keeper, "KEY", "other")).toBe("another");
    expect(await valueOf(keeper, "NONE")).toBe("none");
  });

  test("a new value keeps the hosts unless others are given; removed is gone", async () => {
    const keeper = keeperOf();
    await keeper.set("t", "KEY", { value: "first", hosts: ["a.example"] });
    await keeper.set("t", "KEY", { value: "second" });
    expect(await keeper.list("t")).toMatchObject([{ name: "KEY", hosts: ["a.example"] }]);
    expect(await valueOf(keeper, "KEY")).toBe("second");
    await keeper.remove("t", "KEY");
    expect(await valueOf(keeper, "KEY")).toBe("none");
    await expect(keeper.remove("t", "KEY")).rejects.toMatchObject({ code: "SECRET_NOT_FOUND" });
  });

  test("five that set the same secret at once all end, and one of them wins whole", async () => {
    const keys = passingMasterKeys();
    const shared = Array.from({ length: 5 }, () => keeperOf(keys));
    await Promise.all(shared.map((keeper, i) => keeper.set("t", "KEY", { value: `value ${i}` })));
    expect(await valueOf(shared[0]!, "KEY")).toMatch(/^value [0-4]$/);
  });

  test("holds no value and no key in the clear", async () => {
    const folder = mkdtempSync(join(tmpdir(), "weft-secrets-"));
    const file = await sqliteDatabase({ folder });
    const keys = masterKeys({}, folder);
    const keeper = new SecretKeeper({
      environment: new EnvironmentSecrets({}),
      tables: new SecretTables(file),
      keys,
      now: () => 0,
    });
    await keeper.set("t", "KEY", { value: "canary-canary" });
    await file.close();
    const master = readFileSync(join(folder, "master.key"));
    for (const name of readdirSync(folder).filter((one) => one !== "master.key")) {
      const bytes = readFileSync(join(folder, name));
      for (const text of ["canary-canary", Buffer.from("canary-canary").toString("base64"), master.toString().trim()])
        expect(bytes.includes(text)).toBe(false);
      expect(bytes.includes(Buffer.from(master.toString(), "base64"))).toBe(false);
    }
    rmSync(folder, { recursive: true });
  });

  test.each([
    ["a name in small letters", "key", "long enough", undefined],
    ["a short value", "KEY", "abc", undefined],
    ["a long value", "KEY", "x".repeat(20_000), undefined],
    ["a value that is no text", "KEY", "a\0bcdef", undefined],
    ["a wrong host", "KEY", "long enough", ["https://a.example/path"]],
    ["any host", "KEY", "long enough", ["*"]],
  ])("refuses %s, and says nothing of the value", async (_, name, value, hosts) => {
    const given = hosts === undefined ? { value } : { value, hosts };
    const error = await keeperOf()
      .set("t", name, given)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "SECRET_INVALID" });
    expect(JSON.stringify([(error as AppError).message, (error as AppError).details])).not.toContain(value);
  });
});

describe("what was done to the rows is found", () => {
  const change = (columns: Record<string, string | number>, name: string): Promise<unknown> =>
    database.call((db) => db.updateTable("secret").set(columns).where("name", "=", name).execute());

  test.each([
    [
      "a row of another name",
      async () => {
        const [a, b] = await database.call((db) => db.selectFrom("secret").selectAll().orderBy("name").execute());
        await change({ sealed: b!.sealed, version: b!.version }, "A");
        await change({ sealed: a!.sealed, version: a!.version }, "B");
      },
    ],
    ["wider hosts", () => change({ hosts: '["a.example","evil.example"]' }, "A")],
    ["another version", () => change({ version: 7 }, "A")],
    [
      "a row of another tenant",
      async () => {
        const row = await database.call((db) =>
          db.selectFrom("secret").select("sealed").where("tenant", "=", "other").executeTakeFirstOrThrow(),
        );
        await change({ sealed: row.sealed }, "A");
      },
    ],
    ["a changed seal", () => change({ sealed: Buffer.alloc(60, 7).toString("base64") }, "A")],
    ["no seal", () => change({ sealed: "" }, "A")],
  ])("%s", async (_, tamper) => {
    const keys = passingMasterKeys();
    const keeper = keeperOf(keys);
    await keeper.set("t", "A", { value: "value of A", hosts: ["a.example"] });
    await keeper.set("t", "B", { value: "value of B", hosts: ["a.example"] });
    await keeper.set("other", "A", { value: "of another", hosts: ["a.example"] });
    await tamper();
    expect(await valueOf(keeper, "A")).toBe("SECRET_UNREADABLE");
  });

  test("the data key of another tenant does not open either", async () => {
    const keys = passingMasterKeys();
    await keeperOf(keys).set("t", "A", { value: "value of A" });
    await keeperOf(keys).set("other", "A", { value: "of another" });
    const { wrapped } = (await new SecretTables(database).dataKey("other"))!;
    await database.call((db) => db.updateTable("secret_key").set({ wrapped }).where("tenant", "=", "t").execute());
    expect(await valueOf(keeperOf(keys), "A")).toBe("MASTER_KEY_WRONG");
  });
});

describe("the master key", () => {
  test("that an operator gives wrongly is found at the start; without it the secrets fail by themselves", async () => {
    const [right, wrong] = [key(), key()];
    await keeperOf(masterKeys({ WEFT_MASTER_KEY: right }, null)).set("t", "KEY", { value: "some value" });
    await keeperOf(masterKeys({ WEFT_MASTER_KEY: right }, null)).check();
    await expect(keeperOf(masterKeys({ WEFT_MASTER_KEY: wrong }, null)).check()).rejects.toMatchObject({
      code: "MASTER_KEY_WRONG",
    });
    const without = keeperOf(masterKeys({}, null));
    await without.check();
    expect(await valueOf(without, "KEY")).toBe("MASTER_KEY_WRONG");
    await expect(without.set("t", "NEW", { value: "a value" })).rejects.toMatchObject({ code: "MASTER_KEY_WRONG" });
  });

  test("that is lost stands in the way of nothing once its secrets are removed", async () => {
    await keeperOf(masterKeys({ WEFT_MASTER_KEY: key() }, null)).set("t", "KEY", { value: "some value" });
    await keeperOf(masterKeys({}, null)).remove("t", "KEY");
    const later = keeperOf(masterKeys({ WEFT_MASTER_KEY: key() }, null));
    await later.check();
    await later.set("t", "KEY", { value: "a new value" });
    expect(await valueOf(later, "KEY")).toBe("a new value");
  });

  test("is rotated while secrets stay readable: with both keys before, with the new one alone after", async () => {
    const [before, after] = [key(), key()];
    await keeperOf(masterKeys({ WEFT_MASTER_KEY: before }, null)).set("t", "KEY", { value: "some value" });
    const both = (): SecretKeeper =>
      keeperOf(masterKeys({ WEFT_MASTER_KEY: after, WEFT_MASTER_KEY_OLD: before }, null));
    expect(await valueOf(both(), "KEY")).toBe("some value");
    expect(await both().rotate()).toEqual({ rewrapped: 1 });
    expect(await both().rotate()).toEqual({ rewrapped: 0 });
    expect(await valueOf(keeperOf(masterKeys({ WEFT_MASTER_KEY: after }, null)), "KEY")).toBe("some value");
    expect(await valueOf(keeperOf(masterKeys({ WEFT_MASTER_KEY: before }, null)), "KEY")).toBe("MASTER_KEY_WRONG");
  });

  test("of a data folder is made anew, also when an earlier try was cut off", async () => {
    const folder = mkdtempSync(join(tmpdir(), "weft-secrets-"));
    const keeper = (): SecretKeeper => keeperOf(masterKeys({}, folder));
    await keeper().set("t", "KEY", { value: "some value" });
    const first = readFileSync(join(folder, "master.key"), "utf8");
    masterKeys({}, folder).renew();
    expect(await valueOf(keeper(), "KEY")).toBe("some value");
    expect(await keeper().rotate()).toEqual({ rewrapped: 1 });
    expect(readdirSync(folder)).toEqual(["master.key"]);
    expect(readFileSync(join(folder, "master.key"), "utf8")).not.toBe(first);
    expect(await valueOf(keeper(), "KEY")).toBe("some value");
    rmSync(folder, { recursive: true });
  });

  test("that does not open every data key rotates nothing", async () => {
    await keeperOf(masterKeys({ WEFT_MASTER_KEY: key() }, null)).set("t", "KEY", { value: "some value" });
    const folder = mkdtempSync(join(tmpdir(), "weft-secrets-"));
    await expect(keeperOf(masterKeys({}, folder)).rotate()).rejects.toMatchObject({ code: "MASTER_KEY_WRONG" });
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

describe("the environment", () => {
  test("comes before the store: a variable, then a file, which is read anew each time", async () => {
    const folder = mkdtempSync(join(tmpdir(), "weft-secrets-"));
    const file = join(folder, "value");
    const keeper = keeperOf(passingMasterKeys(), {
      WEFT_SECRET_A: "from a variable",
      WEFT_SECRET_A_HOSTS: "a.example, *.b.example,",
      WEFT_SECRET_B_FILE: file,
      WEFT_SECRET_C: "",
    });
    for (const name of ["A", "C"]) await keeper.set("t", name, { value: `stored ${name}` });
    expect(await valueOf(keeper, "A")).toBe("from a variable");
    expect(await valueOf(keeper, "B")).toBe("SECRET_UNREADABLE");
    writeFileSync(file, "from a file\n");
    expect(await valueOf(keeper, "B")).toBe("from a file");
    expect(await valueOf(keeper, "C")).toBe("stored C");
    expect(await keeper.list("t")).toMatchObject([
      { name: "A", source: "environment", hosts: ["a.example", "*.b.example"], updated_at: null },
      { name: "A", source: "store", hidden: true },
      { name: "B", source: "file" },
      { name: "C", source: "store", hidden: false },
    ]);
    rmSync(folder, { recursive: true });
  });

  test("loses its secrets when they are taken, and keeps all else", () => {
    const environment = {
      PATH: "/bin",
      WEFT_SECRET_A: "x",
      WEFT_SECRET_B_FILE: "y",
      WEFT_MASTER_KEY_OLD: "z",
      WEFT_PORT: "1",
    };
    const before = { ...environment };
    expect(takeSecrets(environment)).toEqual(before);
    expect(environment).toEqual({ PATH: "/bin", WEFT_PORT: "1" });
  });
});
