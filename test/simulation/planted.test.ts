import { expect, test } from "vitest";
import { earlySuccess, lostFence, storedTwice, type Plant } from "./planted.ts";
import { simulate } from "./scenario.ts";

/** Seeds within which a planted fault has to be found. */
const SEEDS_MAX = 300;

const PLANTED: readonly [string, Plant, readonly string[]][] = [
  ["a lost fence", lostFence, ["I4"]],
  ["a flush that reports success early", earlySuccess, ["I1", "I5", "I8", "I3"]],
  ["a repeated append that is stored twice", storedTwice, ["I2", "I3", "I6"]],
];

test.for(PLANTED)("%s is found", async ([, plant, invariants]) => {
  const faults = { messages: 0.35, crashes: 4 };
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const { violations } = await simulate(seed, { plant, faults });
    const found = violations.find(({ invariant }) => invariants.includes(invariant));
    if (!found) continue;
    process.stdout.write(`found by seed ${seed}: ${found.invariant}, ${found.what.slice(0, 160)}\n`);
    return;
  }
  expect.fail(`${SEEDS_MAX} seeds did not find it`);
});

test("without a planted fault the same seeds find nothing", async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { violations } = await simulate(seed, { faults: { messages: 0.35, crashes: 4 } });
    expect(violations, `seed ${seed}`).toEqual([]);
  }
});
