import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testPostgres } from "./db/test-postgres.ts";
import { redisForTests } from "./journal/test-services.ts";
import { openWeft, type Weft } from "./weft.ts";

const postgres = await testPostgres();
const redis = await redisForTests();

const flow = (text: string): string => `name: flow\nsteps:\n  - {id: say, type: template, template: ${text}}\n`;

/** What a process counts of its cache, by level. */
function counted(weft: Weft): Record<string, number> {
  const lines = weft.metrics().filter((line) => /^weft_cache_(hits|misses)_total\{/.test(line));
  return Object.fromEntries(
    lines.map((line) => [/level="(\w+)"/.exec(line)?.[1] ?? "miss", Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

describe.skipIf(!postgres)("metadata read by two processes", () => {
  let database: { readonly url: string; drop(): Promise<void> };
  let one: Weft;
  let two: Weft;
  beforeAll(async () => {
    database = await postgres!.create();
    const cache = "url" in redis ? { cache: { type: "redis" as const, url: redis.url } } : {};
    one = await openWeft({ store: database.url, name: "one", ...cache });
    two = await openWeft({ store: database.url, name: "two", reading: true, ...cache });
  });
  afterAll(async () => {
    await two?.close({ graceMs: 0 });
    await one?.close({ graceMs: 0 });
    await database?.drop();
  });

  test("a version that one publishes is the newest for the other, which reads again only then", async () => {
    for (const [at, text] of ["first", "second", "third"].entries()) {
      const published = await one.workflows.publish(flow(text));
      expect(published.version).toBe(`0.0.${at + 1}`);
      for (const end = performance.now() + 5000; performance.now() < end;) {
        if ((await two.workflows.find("flow"))?.version === published.version) break;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      const before = counted(two)["miss"] ?? 0;
      for (let again = 0; again < 50; again++)
        expect((await two.workflows.find("flow"))?.version).toBe(published.version);
      // Once more, where the word of it came behind the first read.
      expect(counted(two)["miss"]).toBeLessThanOrEqual(before + 1);
    }
    expect(counted(two)["local"]).toBeGreaterThan(100);
  });

  test("a version that was read once is read from the cache beside the processes", async () => {
    if (!("url" in redis)) return;
    await one.workflows.describe("flow", "0.0.1");
    const before = counted(two);
    expect((await two.workflows.describe("flow", "0.0.1"))?.source).toContain("first");
    expect(counted(two)["remote"]).toBe((before["remote"] ?? 0) + 1);
    expect(counted(two)["miss"]).toBe(before["miss"]);
  });
});
