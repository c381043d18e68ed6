import fc from "fast-check";
import { expect, test } from "vitest";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { longestGap, StallProbe, stalledMs, type Stall } from "./stalls.ts";

const stall = (from: number, until: number): Stall => ({ from, until });
/** A call every 20 ms from one time to another. */
const busy = (from: number, until: number): readonly number[] =>
  Array.from({ length: Math.ceil((until - from) / 20) }, (_, at) => from + at * 20);

test.each<[what: string, calls: readonly number[], stalls: readonly Stall[], ms: number, ownMs: number]>([
  [
    "an engine that stands still beside a machine that does not",
    [...busy(0, 1000), ...busy(2823, 5000)],
    [],
    1843,
    1843,
  ],
  ["one that does nothing at all", [], [], 5000, 5000],
  ["one that stops for good", busy(0, 1000), [], 4020, 4020],
  ["a machine that stood still for as long", [...busy(0, 1000), ...busy(2823, 5000)], [stall(980, 2823)], 1843, 20],
  [
    "a machine that stood still for a part of it",
    [...busy(0, 1000), ...busy(3020, 5000)],
    [stall(1200, 1800)],
    2040,
    1440,
  ],
  ["a stall at another time", [...busy(0, 1000), ...busy(2980, 5000)], [stall(0, 900), stall(3000, 4000)], 2000, 2000],
  [
    "a stall that two have noticed",
    [...busy(0, 1000), ...busy(2980, 5000)],
    [stall(1000, 1500), stall(1100, 1600)],
    2000,
    1400,
  ],
  ["a stall that began before the gap", [...busy(0, 1000), ...busy(2980, 5000)], [stall(500, 1480)], 2000, 1500],
  ["a shorter gap that has no excuse", [0, 2000, 3200, 5000], [stall(100, 1900), stall(3300, 5000)], 2000, 1200],
  ["calls outside of the time", [-500, 5500], [], 5000, 5000],
])("%s", (_, calls, stalls, ms, ownMs) => {
  expect(longestGap(calls, stalls, 0, 5000)).toEqual({ ms, ownMs });
});

test("stalls excuse no more than they took, and nothing where there are none", () => {
  const time = fc.integer({ min: -1000, max: 6000 });
  const stalls = fc.array(fc.tuple(time, time).map(([a, b]) => stall(Math.min(a, b), Math.max(a, b))));
  fc.assert(
    fc.property(fc.array(time), stalls, (calls, given) => {
      const { ms, ownMs } = longestGap(calls, given, 0, 5000);
      expect(longestGap(calls, [], 0, 5000)).toEqual({ ms, ownMs: ms });
      expect(ownMs).toBeLessThanOrEqual(ms);
      expect(ownMs).toBeGreaterThanOrEqual(ms - stalledMs(given, 0, 5000));
    }),
  );
});

test("the time of stalls is that of the moments which lie in one of them", () => {
  const time = fc.integer({ min: 0, max: 60 });
  fc.assert(
    fc.property(fc.array(fc.tuple(time, time)), time, time, (pairs, a, b) => {
      const [from, until] = [Math.min(a, b), Math.max(a, b)];
      const stalls = pairs.map(([one, two]) => stall(Math.min(one, two), Math.max(one, two)));
      let moments = 0;
      for (let at = from; at < until; at++) if (stalls.some((s) => s.from <= at && at < s.until)) moments += 1;
      expect(stalledMs(stalls, from, until)).toBe(moments);
    }),
  );
});

const postgres = await testPostgres();

test.skipIf(postgres === null)("a process that is kept from running for a while is noted, with its time", async () => {
  const database = await postgres!.create();
  try {
    const probe = await StallProbe.open(database.url);
    const from = Date.now();
    while (Date.now() - from < 400);
    const until = Date.now();
    await probe.close();
    expect(stalledMs(probe.stalls, from, until)).toBeGreaterThanOrEqual(300);
  } finally {
    await database.drop();
  }
});
