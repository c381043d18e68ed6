import { expect, test } from "vitest";
import { FAILPOINTS } from "./faults.ts";
import { simulate, type Outcome } from "./scenario.ts";

/**
 * The engine in a simulated world, over many seeds. A seed that fails is printed with the command that replays it, with
 * the trace of all that happened: `SEED=123 npx vitest run test/simulation`. More seeds: `SEEDS=100000`.
 */
const SEED = process.env["SEED"];
const SEEDS = Number(process.env["SEEDS"] ?? 1000);
/** Milliseconds for each seed, with much to spare: the machine may be busy. */
const SEED_MS = 1000;

test.runIf(SEED !== undefined)(
  `seed ${SEED} holds every invariant`,
  async () => {
    const outcome = await simulate(Number(SEED), { record: true });
    process.stdout.write(`${outcome.trace.join("\n")}\n${JSON.stringify(outcome.stats)}\n`);
    expect(told(outcome)).toBe("");
  },
  10 * SEED_MS,
);

test.skipIf(SEED !== undefined)(
  `${SEEDS} seeds hold every invariant`,
  async () => {
    const failed: string[] = [];
    let [events, crashes, takeovers, repeats] = [0, 0, 0, 0];
    for (let seed = 1; seed <= SEEDS && failed.length < 5; seed++) {
      const outcome = await simulate(seed);
      if (outcome.violations.length > 0) failed.push(told(outcome));
      events += outcome.stats.events;
      crashes += outcome.stats.crashes;
      takeovers += outcome.stats.takeovers;
      repeats += outcome.stats.repeats;
    }
    expect(failed.join("\n")).toBe("");
    // A simulation in which nothing goes wrong proves nothing.
    if (SEEDS >= 100) {
      expect(events / SEEDS).toBeGreaterThan(300);
      expect(crashes / SEEDS).toBeGreaterThan(1);
      expect(takeovers / SEEDS).toBeGreaterThan(1);
      expect(repeats / SEEDS).toBeGreaterThan(0.3);
    }
  },
  SEEDS * SEED_MS,
);

test("the same seed gives the same world, event by event", async () => {
  for (const seed of [3, 14, 159]) {
    const [first, second] = [await simulate(seed), await simulate(seed, { record: true })];
    expect(second.traceHash).toBe(first.traceHash);
    expect(second.stats).toEqual(first.stats);
  }
});

test.for(FAILPOINTS)("a crash at the point '%s' loses nothing (F2)", async (point) => {
  let crashed = 0;
  for (let seed = 1; seed <= 40 && crashed < 6; seed++) {
    const crashAt = { point, pass: 1 + (seed % 5) };
    const { violations, stats } = await simulate(seed, { faults: { crashes: 0, crashAt, messages: 0 } });
    if ((stats.passed[point] ?? 0) >= crashAt.pass) crashed += 1;
    expect(violations, `seed ${seed}`).toEqual([]);
  }
  expect(crashed).toBeGreaterThan(0);
});

function told({ seed, violations }: Outcome): string {
  if (violations.length === 0) return "";
  const lines = violations.slice(0, 5).map(({ invariant, run, what }) => `  ${invariant} ${run}: ${what}`);
  return `SEED=${seed} npx vitest run test/simulation\n${lines.join("\n")}`;
}
