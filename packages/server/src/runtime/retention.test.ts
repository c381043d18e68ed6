import { expect, it } from "vitest";
import { openWeft } from "weftwork";
import { memoryStreamLog } from "../streamlog/memory.ts";
import { memoryJournal } from "../journal/memory.ts";
import type { Clock } from "./clock.ts";
import { Retention } from "./retention.ts";

/** A clock whose timers fire when the test says so. */
function handClock(start: number): Clock & { fire(): void; readonly waiting: number[] } {
  const timers: { ms: number; callback: () => void }[] = [];
  return {
    now: () => start,
    monotonic: () => start,
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

it("deletes what ended before the kept time, and comes back in an hour even when the store failed", async () => {
  const asked: number[] = [];
  const problems: string[] = [];
  let broken = true;
  const clock = handClock(1_000_000);
  const journal = {
    ...memoryJournal({ now: clock.now }),
    prune: async (before: number) => {
      asked.push(before);
      if (broken) throw new Error("no answer");
      return { runs: 0, payloads: 0 };
    },
  };
  const retention = new Retention({
    journal,
    streamLog: memoryStreamLog(),
    clock,
    keepMs: 400_000,
    problem: (message) => problems.push(message),
  });
  retention.start();
  clock.fire();
  await new Promise((resolve) => setImmediate(resolve));
  expect(problems).toHaveLength(1);
  broken = false;
  clock.fire();
  await new Promise((resolve) => setImmediate(resolve));
  await retention.close();
  expect(asked).toEqual([600_000, 600_000]);
  expect(clock.waiting).toEqual([]);
});

it("what steps said is deleted with their run, and not before", async () => {
  const clock = handClock(1_000_000);
  const kept = memoryJournal({ now: clock.now });
  // Run 1 is still there, runs 2 and 3 are gone; the last piece of run 3 is too young to be looked at.
  const rows = [{ seq: 1, epoch: 1, body: "1[]" }];
  const read: typeof kept.read = async (runKey) => ({ snapshot: null, rows: runKey === 1 ? rows : [] });
  const streamLog = memoryStreamLog();
  const place = { row: 1, epoch: 1, number: 1, scope: "root", node: "a", attempt: 1, type: "log", data: {} } as const;
  await streamLog.append([1, 2, 3].map((runKey) => ({ ...place, runKey, at: runKey === 3 ? 900_000 : 1000 })));
  const problem = (message: string): never => {
    throw new Error(message);
  };
  const prune: typeof kept.prune = async () => ({ runs: 2, payloads: 0 });
  const retention = new Retention({ journal: { ...kept, read, prune }, streamLog, clock, keepMs: 400_000, problem });
  retention.start();
  clock.fire();
  await expect.poll(() => streamLog.quietRuns(Infinity, 0, 10)).toEqual([1, 3]);
  await retention.close();
});

it("a retention that is no duration is refused before anything is opened", async () => {
  await expect(openWeft({ retention: "for ever" })).rejects.toMatchObject({ code: "CONFIGURATION_INVALID" });
});
