import { expect, it } from "vitest";
import { openWeft } from "weftwork";
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
  const retention = new Retention({ journal, clock, keepMs: 400_000, problem: (message) => problems.push(message) });
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

it("a retention that is no duration is refused before anything is opened", async () => {
  await expect(openWeft({ retention: "for ever" })).rejects.toMatchObject({ code: "CONFIGURATION_INVALID" });
});
