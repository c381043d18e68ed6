import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { databaseFacts } from "./database-facts.ts";
import { testPostgres } from "./test-postgres.ts";

const postgres = await testPostgres();

describe.skipIf(postgres === null)("a PostgreSQL server", () => {
  let database: { readonly url: string; drop(): Promise<void> };
  beforeAll(async () => {
    database = await postgres!.create();
  });
  afterAll(() => database.drop());

  test("says its version, its room and its time", async () => {
    const facts = await databaseFacts(database.url, 5000);
    expect(facts.version).toMatch(/^\d+/);
    expect(facts.maxConnections).toBeGreaterThan(0);
    expect(facts.connections).toBeGreaterThan(0);
    // The same machine has the same clock; the question takes its time.
    expect(Math.abs(facts.clockDifferenceMs)).toBeLessThanOrEqual(facts.roundTripMs + 50);
  });
});

describe("a server that is none", () => {
  test("is an error within the time, also when it takes the connection and says nothing", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    try {
      await expect(databaseFacts(`postgres://a:b@127.0.0.1:${port}/c`, 300)).rejects.toThrow(/timeout/i);
    } finally {
      silent.close();
    }
    await expect(databaseFacts(`postgres://a:b@127.0.0.1:${port}/c`, 300)).rejects.toThrow(/ECONNREFUSED/);
  });
});
