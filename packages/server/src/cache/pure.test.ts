import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Bloom, TwoGenerations } from "./bloom.ts";
import { Lru } from "./lru.ts";
import { SingleFlight } from "./single-flight.ts";

describe("the memory of a cache", () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("set"), key: fc.nat(15), bytes: fc.integer({ min: 1, max: 60 }), ttl: fc.nat(20) }),
    fc.record({ type: fc.constant("get"), key: fc.nat(15) }),
    fc.record({ type: fc.constant("delete"), key: fc.nat(15) }),
    fc.record({ type: fc.constant("wait"), key: fc.nat(10) }),
  );

  test("holds what a list in order of use would hold, within its bytes, and nothing that is over", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const lru = new Lru<number>(100);
        let model: { key: string; value: number; bytes: number; until: number }[] = [];
        let now = 0;
        for (const [at, one] of steps.entries()) {
          const key = String(one.key);
          if (one.type === "wait") now += one.key;
          else if (one.type === "delete") {
            lru.delete(key);
            model = model.filter((kept) => kept.key !== key);
          } else if ("bytes" in one) {
            const until = now + one.ttl;
            lru.set(key, { value: at, freshUntil: until, usableUntil: until, bytes: one.bytes });
            model = [...model.filter((kept) => kept.key !== key), { key, value: at, bytes: one.bytes, until }];
            while (model.reduce((sum, kept) => sum + kept.bytes, 0) > 100) model.shift();
          } else {
            const found = model.find((kept) => kept.key === key);
            model = model.filter((kept) => kept.key !== key);
            const alive = found && found.until > now ? found : undefined;
            if (alive) model.push(alive);
            expect(lru.get(key, now)?.value).toBe(alive?.value);
          }
          expect(lru.size).toBe(model.length);
          expect(lru.bytes).toBe(model.reduce((sum, kept) => sum + kept.bytes, 0));
        }
      }),
    );
  });

  test("what is larger than the whole is not kept, and pushes nothing out", () => {
    const lru = new Lru<string>(10);
    lru.set("small", { value: "s", freshUntil: 1, usableUntil: 1, bytes: 5 });
    lru.set("large", { value: "l", freshUntil: 1, usableUntil: 1, bytes: 11 });
    expect([lru.get("small", 0)?.value, lru.get("large", 0)]).toEqual(["s", undefined]);
  });
});

describe("a Bloom filter", () => {
  test("has all that was added", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { maxLength: 500 }), (keys) => {
        const bloom = new Bloom(100, 0.01);
        for (const key of keys) bloom.add(key);
        expect(keys.filter((key) => !bloom.mayHave(key))).toEqual([]);
      }),
    );
  });

  test.each([0.1, 0.01, 0.001])("is wrong about strangers about as often as it was made for: %d", (rate) => {
    const bloom = new Bloom(20_000, rate);
    for (let at = 0; at < 20_000; at++) bloom.add(`run_${at}`);
    let wrong = 0;
    for (let at = 0; at < 100_000; at++) if (bloom.mayHave(`stranger-${at}`)) wrong += 1;
    expect(wrong / 100_000).toBeLessThan(rate * 1.5 + 0.0005);
    expect(wrong).toBeGreaterThan(0);
  });

  test("of two generations knows the youngest keys, and says maybe until it knows all", () => {
    const names = new TwoGenerations(100);
    expect(names.mayHave("anything")).toBe(true);
    names.begin();
    names.add("known");
    expect(names.mayHave("stranger")).toBe(true);
    names.finish();
    expect([names.mayHave("known"), names.mayHave("stranger")]).toEqual([true, false]);
    for (let at = 0; at < 199; at++) names.add(`key ${at}`);
    expect([names.mayHave("known"), names.mayHave("stranger")]).toEqual([true, false]);
    // The next generation forgets the first: from then on it knows no more what there is not.
    names.add("one more");
    expect(names.mayHave("stranger")).toBe(true);
  });
});

describe("single flight", () => {
  test("whoever asks while a call is under way gets its answer, and whoever comes later asks anew", async () => {
    const flights = new SingleFlight<number>();
    let calls = 0;
    const call = async (): Promise<number> => (calls += 1);
    expect(await Promise.all([flights.run("a", call), flights.run("a", call), flights.run("b", call)])).toEqual([
      1, 1, 2,
    ]);
    expect(await flights.run("a", call)).toBe(3);
  });

  test("a failure is told to all who wait, and is not kept", async () => {
    const flights = new SingleFlight<number>();
    const failing = (): Promise<number> => Promise.reject(new Error("away"));
    const waiting = [flights.run("a", failing), flights.run("a", failing)];
    for (const one of waiting) await expect(one).rejects.toThrow("away");
    expect(await flights.run("a", async () => 1)).toBe(1);
  });

  test("a call that is outdated while it is under way knows it, and the next one is another", async () => {
    const flights = new SingleFlight<string>();
    const gate = Promise.withResolvers<void>();
    const first = flights.run("a", async (isCurrent) => {
      await gate.promise;
      return `current: ${isCurrent()}`;
    });
    flights.outdate("a");
    const second = flights.run("a", async (isCurrent) => `current: ${isCurrent()}`);
    gate.resolve();
    expect(await Promise.all([first, second])).toEqual(["current: false", "current: true"]);
  });
});
