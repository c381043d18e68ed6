import { expect, test } from "vitest";
import { compare } from "./adaptive.ts";
import { overload } from "./overload.ts";
import { quantile } from "./statistics.ts";

test("at three times the capacity every accepted run ends, and refusals say when to come again", async () => {
  const result = await overload("memory", { seconds: 2, times: 3, clients: 16 });
  const { capacity, arrivals, accepted, refused, succeeded, acceptedMs } = result;
  console.log(
    `overload: ${Math.round(capacity)} runs/s; of ${arrivals} arrivals ${accepted} accepted and ${refused} refused; ` +
      `${succeeded} succeeded; accepted p99 ${Math.round(quantile(acceptedMs, 0.99))} ms`,
  );
  expect(accepted).toBeGreaterThan(0);
  expect(accepted + refused).toBe(arrivals);
  expect(result).toMatchObject({ unanswered: 0, refusedBare: 0, lost: 0, succeeded: accepted });
});

test("a fixed and an adaptive limit are measured beside each other", async () => {
  const results = await compare({ seconds: 1, factor: 5, overhead: 0.25, rate: 100 });
  expect(results.map(({ pool, phase }) => `${pool} ${phase}`)).toEqual([
    ...["before", "slow", "after"].map((phase) => `fixed ${phase}`),
    ...["before", "slow", "after"].map((phase) => `adaptive ${phase}`),
  ]);
  // All that arrived has ended, and all of it went through the service of its pool.
  for (const pool of ["fixed", "adaptive"]) {
    const of = results.filter((one) => one.pool === pool);
    const sum = (count: (one: (typeof of)[number]) => number): number => of.reduce((all, one) => all + count(one), 0);
    expect(sum(({ runMs }) => runMs.length)).toBe(sum(({ arrived }) => arrived));
    expect(sum(({ callMs }) => callMs.length)).toBe(sum(({ arrived }) => arrived));
  }
});
