import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, test } from "vitest";
import pg from "pg";
import { testPostgres } from "./db/test-postgres.ts";
import { z } from "zod";
import { defineNode } from "./nodes/define-node.ts";
import type { NodeExecutor } from "./nodes/node.ts";
import { openWeft, type WeftOptions } from "./weft.ts";

const postgres = await testPostgres();
const folder = mkdtempSync(join(tmpdir(), "weft-compose-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A node whose type is a word of the language; what is opened before the nodes is open when it is refused. */
function wrongNode(closed: string[]): NodeExecutor {
  return defineNode({
    type: "switch",
    config: z.object({}),
    execute: () => Promise.reject(new Error("never called")),
    close: async () => void closed.push("node"),
  });
}

describe("a process that cannot be put together whole", () => {
  test("lets go of its folder, and closes the nodes that it was given", async () => {
    const store = join(folder, "late-node");
    const closed: string[] = [];
    for (const _ of [1, 2]) {
      const opening = openWeft({ store, nodes: [wrongNode(closed)] });
      await expect(opening).rejects.toMatchObject({ code: "CONFIGURATION_INVALID" });
    }
    expect(closed).toEqual(["node", "node"]);
    await (await openWeft({ store })).close();
  });

  test("lets go of its folder also when it has joined the store already", async () => {
    const store = join(folder, "pools");
    await (await openWeft({ store })).close();
    const db = new DatabaseSync(join(store, "catalogue.db"));
    db.exec("alter table pool_control rename to pool_control_away");
    for (const _ of [1, 2]) await expect(openWeft({ store })).rejects.toThrow("pool_control");
    db.exec("alter table pool_control_away rename to pool_control");
    db.close();
    await (await openWeft({ store })).close();
  });
});

describe.skipIf(!postgres)("a process on PostgreSQL that cannot be put together whole", () => {
  const failures: readonly [string, string, string, WeftOptions, string][] = [
    ["where a node is refused", "word of the language", "select 1", { nodes: [wrongNode([])] }, "select 1"],
    [
      "where it has joined the store",
      "pool_control",
      "alter table pool_control rename to away",
      {},
      "alter table away rename to pool_control",
    ],
    [
      "where a service beside the store cannot be used",
      "Invalid URL",
      "select 1",
      { transport: { type: "redis", url: "no address" } },
      "select 1",
    ],
  ];

  test.each(failures)("keeps no connection and no membership %s", async (_where, says, spoil, options, mend) => {
    const database = await postgres!.create();
    const client = new pg.Client({ connectionString: database.url });
    try {
      await (await openWeft({ store: database.url })).close();
      await client.connect();
      await client.query(spoil);
      await expect(openWeft({ store: database.url, ...options })).rejects.toThrow(says);
      const others =
        "select count(*)::int4 as n from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
      // The server takes a moment to see that a connection has ended.
      await expect.poll(async () => (await client.query(others)).rows, { timeout: 5000 }).toEqual([{ n: 0 }]);
      expect((await client.query("select name from weft.worker where state = 0")).rows).toEqual([]);
      await client.query(mend);
      await (await openWeft({ store: database.url })).close();
    } finally {
      await client.end();
      await database.drop();
    }
  });
});
