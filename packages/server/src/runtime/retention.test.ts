import { expect, it } from "vitest";
import { openWeft } from "weftwork";
import { memoryStreamLog } from "../streamlog/memory.ts";
import { memoryJournal } from "../journal/memory.ts";
import type { PruneOptions } from "../journal/journal.ts";
import type { TurnAnswer } from "../upkeep/upkeep.ts";
import type { Clock } from "./clock.ts";
import { TestBench } from "./engine.testing.ts";
import { Retention, type RetentionOptions } from "./retention.ts";

/** A clock whose timers fire when the test says so. */
function handClock(start: number): Clock & { fire(): void; readonly waiting: number[] } {
  const timers: { ms: number; callback: () => void }[] = [];
  return {
    now: () => start,
    // The middle of what pauses are spread by: each is as long as it is named.
    monotonic: () => start + 0.5,
    after(ms, callback) {
      const timer = { ms, callback };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
    soon: (callback) => callback(),
    fire: () => timers.shift()?.callback(),
    get waiting() {
      return timers.map(({ ms }) => ms);
    },
  };
}

const HOUR_MS = 3_600_000;
const turn = (ended: boolean[], held = true): TurnAnswer => ({
  turn: { isHeld: () => held, end: async (done) => void ended.push(done) },
});

function bench(over: Partial<RetentionOptions> = {}) {
  const clock = handClock(1_000_000);
  const seen = {
    problems: [] as string[],
    ended: [] as boolean[],
    pruned: [] as (readonly [number, PruneOptions["own"]])[],
    passed: [] as number[],
    deleted: [] as object[],
    stray: [] as number[],
  };
  const kept = memoryJournal({ now: clock.now });
  const prune: typeof kept.prune = async (before, options) => {
    seen.pruned.push([before, options?.own]);
    return { runs: 2, payloads: 3 };
  };
  const retention = new Retention({
    journal: { ...kept, read: async () => ({ snapshot: null, rows: [] }), prune },
    streamLog: memoryStreamLog(),
    clock,
    tenant: "acme",
    keepMs: 400_000,
    turns: { ask: async () => turn(seen.ended) },
    objects: { collect: async () => 5 },
    ownRetentions: async () => [],
    report: {
      deleted: (what) => seen.deleted.push(what),
      passed: (at) => seen.passed.push(at),
      stray: (rows) => seen.stray.push(rows),
    },
    problem: (message) => seen.problems.push(message),
    ...over,
  });
  retention.start();
  return {
    clock,
    retention,
    seen,
    /** Lets the next look happen, and resolves when another one is armed. */
    async look() {
      clock.fire();
      await expect.poll(() => clock.waiting).toHaveLength(1);
    },
  };
}

it("deletes what ended before the kept time once an hour, tells what it did, and ends its turn", async () => {
  const { clock, retention, seen, look } = bench();
  expect(clock.waiting).toEqual([60_000]);
  await look();
  expect(seen).toEqual({
    problems: [],
    ended: [true],
    pruned: [[600_000, []]],
    passed: [1_000_000.5],
    deleted: [
      { runs: 2, payloads: 3, objects: 0 },
      { runs: 0, payloads: 0, objects: 5 },
    ],
    stray: [],
  });
  expect(clock.waiting).toEqual([HOUR_MS]);
  await retention.close();
  expect(clock.waiting).toEqual([]);
});

it("workflows that say it themselves go by their own border, also where all others are kept for ever", async () => {
  const ownRetentions = async () => [{ workflow: "brief", keepMs: 1000 }];
  const { retention, seen, look } = bench({ keepMs: null, ownRetentions });
  await look();
  expect(seen.pruned).toEqual([[0, [{ tenant: "acme", workflow: "brief", finishedBefore: 999_000 }]]]);
  await retention.close();
});

it("a failure is told, and the turn is given up for somebody to try again", async () => {
  let broken = true;
  const kept = memoryJournal({ now: () => 0 });
  const prune: typeof kept.prune = async () => {
    if (broken) throw new Error("no answer");
    return { runs: 0, payloads: 0 };
  };
  const { retention, seen, look } = bench({ journal: { ...kept, prune } });
  await look();
  expect(seen.problems).toEqual(["the store's upkeep was not done; trying again"]);
  expect(seen.ended).toEqual([false]);
  broken = false;
  await look();
  expect(seen.ended).toEqual([false, true]);
  await retention.close();
});

it("who has not the turn does nothing, and looks again when he is told to", async () => {
  const { clock, retention, seen, look } = bench({
    turns: { ask: async () => ({ turn: null, waitMs: 5000, lastMs: 1234 }) },
  });
  await look();
  expect(seen.pruned).toEqual([]);
  expect(seen.passed).toEqual([1_000_000.5 - 1234]);
  expect(clock.waiting).toEqual([5000]);
  await retention.close();
});

it("a turn that was lost on the way is not ended in order", async () => {
  const { retention, seen, look } = bench({ turns: { ask: async () => turn(seen.ended, false) } });
  await look();
  expect(seen.ended).toEqual([false]);
  expect(seen.passed).toEqual([]);
  await retention.close();
});

it("rows that lie in no partition are an alarm (F28)", async () => {
  const kept = memoryJournal({ now: () => 0 });
  const prune: typeof kept.prune = async () => ({ runs: 0, payloads: 0 });
  const { retention, seen, look } = bench({ journal: { ...kept, prune, makeRoom: async () => ({ strayRows: 7 }) } });
  await look();
  expect(seen.stray).toEqual([7]);
  expect(seen.problems).toEqual(["7 rows or more lay in no partition of a day; they are safe there"]);
  await retention.close();
});

it("what steps said is deleted with their run, and not before", async () => {
  const kept = memoryJournal({ now: () => 0 });
  // Run 1 is still there, runs 2 and 3 are gone; the last piece of run 3 is too young to be looked at.
  const rows = [{ seq: 1, epoch: 1, body: "1[]" }];
  const read: typeof kept.read = async (runKey) => ({ snapshot: null, rows: runKey === 1 ? rows : [] });
  const streamLog = memoryStreamLog();
  const place = { row: 1, epoch: 1, number: 1, scope: "root", node: "a", attempt: 1, type: "log", data: {} } as const;
  await streamLog.append([1, 2, 3].map((runKey) => ({ ...place, runKey, at: runKey === 3 ? 900_000 : 1000 })));
  const prune: typeof kept.prune = async () => ({ runs: 2, payloads: 0 });
  const { retention, look } = bench({ journal: { ...kept, read, prune }, streamLog });
  await look();
  expect(await streamLog.quietRuns(Infinity, 0, 10)).toEqual([1, 3]);
  await retention.close();
});

it("a retention that is no duration is refused before anything is opened", async () => {
  await expect(openWeft({ retention: "for ever" })).rejects.toMatchObject({ code: "CONFIGURATION_INVALID" });
});

it("the newest version of a workflow says how long its runs are kept", async () => {
  const testBench = new TestBench();
  const process = await testBench.start();
  const step = { id: "a", type: "template", template: "hello" };
  const { workflows } = process.engine;
  await testBench.publish(process, { name: "plain", steps: [step] });
  await testBench.publish(process, { name: "brief", retention: "7d", steps: [step] });
  await testBench.publish(process, { name: "changed", retention: "7d", steps: [step] });
  await testBench.publish(process, { name: "changed", retention: { keep: "1h" }, steps: [step] });
  expect(await workflows.ownRetentions()).toEqual([
    { workflow: "brief", keepMs: 7 * 24 * HOUR_MS },
    { workflow: "changed", keepMs: HOUR_MS },
  ]);
  expect(
    (await workflows.check("name: x\nretention: 7d\nsteps: [{id: a, type: template, template: x}]")).problems,
  ).toEqual([]);
  await process.engine.close(0);
});
