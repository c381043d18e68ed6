import fc from "fast-check";
import { expect, test } from "vitest";
import { poolShares, PROCESS_LEAST, processShare, SINGLES } from "./shares.ts";

const sum = (share: number): number => Object.values(poolShares(share)).reduce((all, one) => all + one, SINGLES);

test("all processes together have at most 80 % of the server's connections, and never its reserved ones", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 5000 }),
      fc.nat(50),
      fc.integer({ min: 1, max: 200 }),
      (max, reserved, processes) => {
        const share = processShare({ connectionsMax: max, reserved, processes });
        expect(share * processes).toBeLessThanOrEqual(max * 0.8);
        expect(share * processes).toBeLessThanOrEqual(Math.max(0, max - reserved));
        if (share >= PROCESS_LEAST) expect(sum(share)).toBeLessThanOrEqual(share);
      },
    ),
  );
});

test("every kind has one connection at least, and none loses one when the share grows", () => {
  for (let share = 0; share < 60; share++) {
    const [now, next] = [poolShares(share), poolShares(share + 1)];
    for (const kind of Object.keys(now) as (keyof typeof now)[]) {
      expect(now[kind]).toBeGreaterThanOrEqual(1);
      expect(next[kind]).toBeGreaterThanOrEqual(now[kind]);
    }
  }
});

test.each([
  { fact: "one process on the usual server has all that it can use", processes: 1, total: 26 },
  { fact: "eight on the usual server have ten each", processes: 8, total: 10 },
  { fact: "where there are too many, each has what it cannot do without", processes: 40, total: PROCESS_LEAST },
])("$fact", ({ processes, total }) => {
  expect(sum(processShare({ connectionsMax: 100, reserved: 3, processes }))).toBe(total);
});
