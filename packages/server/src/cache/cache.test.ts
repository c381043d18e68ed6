import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, describe, expect, test } from "vitest";
import { memoryCatalogue } from "../db/catalogue-memory.ts";
import { catalogueConformance } from "../db/catalogue.conformance.ts";
import type { Catalogue } from "../db/catalogue.ts";
import { redisForTests } from "../journal/test-services.ts";
import { TwoLevelCache, type CacheLevel } from "./cache.ts";
import { cachedCatalogue, type CachedCatalogue } from "./catalogue.ts";
import type { Level2 } from "./level2.ts";
import { redisLevel2 } from "./redis.ts";

/** A cache with a clock that the test moves. */
function cache(level2: Level2 | null = null): {
  cache: TwoLevelCache<string>;
  levels: CacheLevel[];
  at: { now: number };
} {
  const [levels, at] = [[] as CacheLevel[], { now: 0 }];
  return {
    cache: new TwoLevelCache({ now: () => at.now, level2, counted: (level) => levels.push(level) }),
    levels,
    at,
  };
}

function memoryLevel2(): Level2 & { readonly texts: Map<string, string> } {
  const texts = new Map<string, string>();
  return {
    texts,
    get: async (key) => texts.get(key) ?? null,
    set: async (key, text) => void texts.set(key, text),
    close: async () => undefined,
  };
}

describe("the cache", () => {
  test("reads once, then answers by itself; stale it answers and reads behind; over it waits for the store", async () => {
    const { cache: reads, levels, at } = cache();
    let version = 0;
    const load = async (): Promise<string> => `version ${(version += 1)}`;
    const read = (): Promise<string | null> => reads.read({ key: "a", heard: true, load });
    expect(await Promise.all([read(), read()])).toEqual(["version 1", "version 1"]);
    at.now = 59_999;
    expect(await read()).toBe("version 1");
    at.now = 61_000;
    expect(await read()).toBe("version 1");
    await new Promise((resolve) => setImmediate(resolve));
    expect(await read()).toBe("version 2");
    at.now += 120_001;
    expect(await read()).toBe("version 3");
    expect(levels).toEqual(["miss", "local", "local", "miss", "local", "miss"]);
  });

  test("remembers for thirty seconds that something is not there", async () => {
    const { cache: reads, levels, at } = cache();
    const read = (): Promise<string | null> => reads.read({ key: "a", heard: true, load: async () => null });
    for (const now of [0, 29_999, 30_001]) {
      at.now = now;
      expect(await read()).toBeNull();
    }
    expect(levels).toEqual(["miss", "negative", "miss"]);
  });

  test("keeps nothing that may change while changes are not heard, nor that something is not there", async () => {
    const { cache: reads, levels } = cache();
    for (let at = 0; at < 2; at++) {
      await reads.read({ key: "a", load: async () => "x" });
      await reads.read({ key: "b", forever: true, load: async () => null });
    }
    expect(levels).toEqual(["miss", "miss", "miss", "miss"]);
  });

  test("what was being read when it changed is not kept", async () => {
    const { cache: reads } = cache();
    const gate = Promise.withResolvers<void>();
    const slow = reads.read({ key: "a", heard: true, load: () => gate.promise.then(() => "old") });
    reads.forget("a");
    const fresh = reads.read({ key: "a", heard: true, load: async () => "new" });
    gate.resolve();
    expect(await Promise.all([slow, fresh])).toEqual(["old", "new"]);
    expect(await reads.read({ key: "a", heard: true, load: async () => "newer" })).toBe("new");
  });

  test("puts beside the processes what never changes, and nothing else", async () => {
    const shared = memoryLevel2();
    const [one, two] = [cache(shared), cache(shared)];
    await one.cache.read({ key: "forever", forever: true, load: async () => "x" });
    await one.cache.read({ key: "changes", heard: true, load: async () => "y" });
    expect([...shared.texts.keys()]).toEqual(["forever"]);
    const never = (): Promise<string> => Promise.reject(new Error("the store was asked"));
    expect(await two.cache.read({ key: "forever", forever: true, load: never })).toBe("x");
    expect(await two.cache.read({ key: "forever", forever: true, load: never })).toBe("x");
    expect(two.levels).toEqual(["remote", "local"]);
  });
});

/** The catalogues of processes over one store, which tell each other. */
function processes(
  count: number,
  catalogue: Catalogue = memoryCatalogue(),
): {
  readonly all: CachedCatalogue[];
  readonly asked: string[];
  readonly heard: { is: boolean };
} {
  const [asked, heard] = [[] as string[], { is: true }];
  const counting: Catalogue = {
    publish: (version) => catalogue.publish(version),
    find: (tenant, name, version) => (asked.push(`find ${name}`), catalogue.find(tenant, name, version)),
    byHash: (tenant, hash) => (asked.push("byHash"), catalogue.byHash(tenant, hash)),
    list: (tenant) => (asked.push("list"), catalogue.list(tenant)),
    versions: (tenant, name) => (asked.push(`versions ${name}`), catalogue.versions(tenant, name)),
  };
  const all: CachedCatalogue[] = Array.from({ length: count }, (_, at) =>
    cachedCatalogue({
      catalogue: counting,
      tenant: "acme",
      now: () => 5,
      isHeard: () => heard.is,
      tell: (change) => heard.is && all.forEach((one, other) => other !== at && one.changed(change)),
    }),
  );
  return { all, asked, heard };
}

const version = (name: string, hash = name): Parameters<Catalogue["publish"]>[0] => ({
  tenant: "acme",
  name,
  version: null,
  hash,
  source: `name: ${name}`,
  createdAt: 1,
});

catalogueConformance("cached", async () => {
  const [one] = processes(1).all;
  return { catalogue: one!, close: async () => undefined };
});

describe("the cached catalogue", () => {
  test("asks the store once for what does not change, and again after somebody publishes", async () => {
    const { all, asked } = processes(2);
    const [one, two] = [all[0]!, all[1]!];
    const first = await one.publish(version("a"));
    for (let at = 0; at < 3; at++) expect(await two.find("acme", "a", null)).toEqual(first);
    for (let at = 0; at < 3; at++) expect(await two.byHash("acme", "a")).toEqual(first);
    expect(asked.filter((what) => what !== "list")).toEqual(["find a", "byHash"]);
    const second = await one.publish(version("a", "b"));
    expect(await two.find("acme", "a", null)).toEqual(second);
    expect(await one.find("acme", "a", null)).toEqual(second);
    expect(await two.find("acme", "a", first.version)).toEqual(first);
    expect((await two.versions("acme", "a")).length).toBe(2);
    expect(await two.list("acme")).toEqual([second]);
  });

  test("asks the store for what may change while the others are not heard", async () => {
    const { all, heard } = processes(2);
    heard.is = false;
    expect(await all[1]!.find("acme", "a", null)).toBeNull();
    const first = await all[0]!.publish(version("a"));
    expect(await all[1]!.find("acme", "a", null)).toEqual(first);
  });

  test("a storm of made-up names costs a hundred looks a second, and what is published in it is found", async () => {
    const { all, asked } = processes(2);
    const [one, two] = [all[0]!, all[1]!];
    await one.publish(version("known"));
    // The first look begins to fill the filter.
    await two.find("acme", "made up", null);
    await new Promise((resolve) => setImmediate(resolve));
    asked.length = 0;
    for (let at = 0; at < 5000; at++) expect(await two.find("acme", `made-up-${at}`, null)).toBeNull();
    expect(asked.length).toBeLessThan(200);
    expect(await two.find("acme", "known", null)).not.toBeNull();
    const fresh = await one.publish(version("fresh"));
    expect(await two.find("acme", "fresh", null)).toEqual(fresh);
    const own = await two.publish(version("own"));
    expect(await two.find("acme", "own", null)).toEqual(own);
  });
});

const redis = await redisForTests();
describe.skipIf("skip" in redis)("the cache in Redis", () => {
  const url = "url" in redis ? redis.url : "";
  const prefix = `weft-test-${randomBytes(6).toString("hex")}`;
  const open: Level2[] = [];
  afterAll(() => Promise.all(open.map((one) => one.close())));

  async function opened(of = url): Promise<Level2> {
    const level2 = await redisLevel2({ url: of, prefix });
    open.push(level2);
    return level2;
  }

  test.each([0, 10, 4095, 4096, 200_000])("a text of %d characters comes back in another process", async (size) => {
    const [one, two] = [await opened(), await opened()];
    const text = "é漢x".repeat(size / 3);
    for (const end = performance.now() + 5000; performance.now() < end;) {
      await one.set(`key ${size}`, text);
      if ((await two.get(`key ${size}`)) !== null) break;
      // Not connected yet: until then it is passed over.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await two.get(`key ${size}`)).toBe(text);
    expect(await two.get("another")).toBeNull();
  });

  test("large texts are compressed, and every key ends within an hour, a tenth more or less", async () => {
    const [level2, admin] = [await opened(), new Redis(url)];
    for (let at = 0; at < 20; at++) await level2.set(`ttl ${at}`, "x".repeat(100_000));
    const keys = await admin.keys(`${prefix}:*`);
    const times = await Promise.all(keys.map((key) => admin.ttl(key)));
    const sizes = await Promise.all(keys.map((key) => admin.strlen(key)));
    admin.disconnect();
    expect(Math.min(...times)).toBeGreaterThan(3200);
    expect(Math.max(...times)).toBeLessThanOrEqual(3960);
    expect(new Set(times).size).toBeGreaterThan(3);
    expect(Math.max(...sizes)).toBeLessThan(50_000);
  });

  test("a service that is not there is passed over", async () => {
    const level2 = await opened("redis://127.0.0.1:1");
    await level2.set("a", "b");
    expect(await level2.get("a")).toBeNull();
  });
});
