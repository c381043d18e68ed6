import { afterAll, beforeAll, expect, test } from "vitest";
import { onEveryDatabase, type OpenTestDatabase, type TestDatabase } from "../db/database.testing.ts";
import { WebhookTable, type StoredWebhook } from "./store.ts";

const webhook = (more: Partial<StoredWebhook> = {}): StoredWebhook => ({
  tenant: "t",
  workflow: "app",
  node: "hook",
  tokenHash: "h1",
  secret: "KEY",
  createdAt: 1_800_000_000_000,
  ...more,
});

function facts(open: OpenTestDatabase): void {
  let opened: TestDatabase;
  let table: WebhookTable;
  beforeAll(async () => {
    opened = await open();
    table = new WebhookTable(opened.database);
  });
  afterAll(() => opened.close());

  test("a webhook is found by the hash of its token, for its tenant only", async () => {
    expect(await table.put(webhook())).toEqual(webhook());
    expect(await table.byToken("t", "h1")).toEqual(webhook());
    expect(await table.byToken("other", "h1")).toBeNull();
    expect(await table.byToken("t", "h2")).toBeNull();
  });

  test("another token takes the place of the one before; its secret stays unless one is given", async () => {
    const next = { ...webhook({ tokenHash: "h2" }), secret: undefined };
    expect((await table.put(next)).secret).toBe("KEY");
    expect(await table.byToken("t", "h1")).toBeNull();
    expect((await table.put(webhook({ tokenHash: "h3", secret: null }))).secret).toBeNull();
    expect(await table.list("t")).toEqual([webhook({ tokenHash: "h3", secret: null })]);
    await Promise.all(["a", "b", "c"].map((tokenHash) => table.put(webhook({ tokenHash }))));
    expect(await table.list("t")).toHaveLength(1);
  });

  test("tenants, workflows and nodes are kept apart; removing tells whether there was one", async () => {
    await table.put(webhook({ tenant: "other", tokenHash: "o1" }));
    await table.put(webhook({ node: "second", tokenHash: "s1" }));
    expect([await table.remove("t", "app", "hook"), await table.remove("t", "app", "hook")]).toEqual([true, false]);
    expect((await table.list("t")).map(({ node }) => node)).toEqual(["second"]);
    expect(await table.list("other")).toHaveLength(1);
  });
}

onEveryDatabase("the table of webhooks", facts);
