import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nextTime } from "./cron.ts";
import {
  CATCH_UP_MAX,
  CATCH_UPS,
  delayOf,
  dueStep,
  LATE_MS,
  nextDue,
  type CatchUp,
  type DueStep,
  type Timing,
} from "./due.ts";

const HOUR = 3_600_000;
const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);
const hourly = (catchUp: CatchUp, more: Partial<Timing> = {}): Timing => ({
  cron: "0 * * * *",
  zone: "UTC",
  startsAt: null,
  endsAt: null,
  jitterMs: 0,
  catchUp,
  ...more,
});

function between(timing: Timing, after: number, upTo: number): number[] {
  const times: number[] = [];
  for (let next = nextTime(timing, after); next !== null && next <= upTo; next = nextTime(timing, next))
    times.push(next);
  return times;
}

/** Everything that is done from a due time on, at one moment. */
function all(
  timing: Timing,
  due: number,
  now: number,
): { fired: number[]; missed: [number, number][]; next: number | null } {
  const fired: number[] = [];
  const missed: [number, number][] = [];
  for (let next: number | null = due; ;) {
    const step: DueStep | null = next === null ? null : dueStep(timing, next, now);
    if (step === null) return { fired, missed, next };
    if (step.missed) missed.push([step.missed.first, step.missed.last]);
    if (step.fire !== null) fired.push(step.fire);
    next = step.next;
  }
}

describe("a time that is due", () => {
  test("is not before it, and comes once", () => {
    expect(dueStep(hourly("skip"), at("09:00:00"), at("09:00:00") - 1)).toBeNull();
    for (const catchUp of CATCH_UPS)
      expect(dueStep(hourly(catchUp), at("09:00:00"), at("09:00:01"))).toEqual({
        fire: at("09:00:00"),
        missed: null,
        next: at("10:00:00"),
      });
  });

  test.each<[CatchUp, string, string[], [string, string][]]>([
    ["skip", "12:30:00", [], [["09:00:00", "12:00:00"]]],
    ["last", "12:30:00", ["12:00:00"], [["09:00:00", "11:00:00"]]],
    ["all", "12:30:00", ["09:00:00", "10:00:00", "11:00:00", "12:00:00"], []],
    // The newest is not missed: it comes by itself.
    ["skip", "12:00:30", ["12:00:00"], [["09:00:00", "11:00:00"]]],
    ["last", "12:00:30", ["12:00:00"], [["09:00:00", "11:00:00"]]],
    ["all", "12:00:30", ["09:00:00", "10:00:00", "11:00:00", "12:00:00"], []],
    // Only one is missed.
    ["skip", "09:30:00", [], [["09:00:00", "09:00:00"]]],
    ["last", "09:30:00", ["09:00:00"], []],
    ["all", "23:30:00", clock(14, 23), [["09:00:00", "13:00:00"]]],
  ])("with %s at %s begins %j and gives up %j", (catchUp, now, fired, missed) => {
    const done = all(hourly(catchUp), at("09:00:00"), at(now));
    expect(done.fired).toEqual(fired.map(at));
    expect(done.missed).toEqual(missed.map(([first, last]) => [at(first), at(last)]));
    expect(done.next).toBeGreaterThan(at(now));
  });

  test("behind the end of the schedule is none, also among those that are caught up", () => {
    const timing = hourly("last", { endsAt: at("11:00:00") });
    expect(all(timing, at("09:00:00"), at("20:00:00"))).toEqual({
      fired: [at("10:00:00")],
      missed: [[at("09:00:00"), at("09:00:00")]],
      next: null,
    });
    expect(nextDue(timing, at("10:00:00"))).toBeNull();
  });

  test("lies at or behind the beginning of the schedule", () => {
    expect(nextDue(hourly("last", { startsAt: at("15:00:00") }), at("09:00:00"))).toBe(at("15:00:00"));
    expect(nextDue(hourly("last", { startsAt: at("15:00:01") }), at("09:00:00"))).toBe(at("16:00:00"));
  });

  test("every second for a day and a half is answered without looking at each", () => {
    const timing = hourly("all", { cron: "* * * * * *" });
    const done = all(timing, at("00:00:00"), at("00:00:00") + 36 * HOUR);
    expect(done.fired).toHaveLength(CATCH_UP_MAX + LATE_MS / 1000 + 1);
    expect(done.missed).toHaveLength(1);
  });
});

function clock(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, hour) => `${from + hour}:00:00`);
}

describe("all the times of a rule", () => {
  test("are begun or given up, each once, however the clock jumps and whenever somebody looks", () => {
    const rule = fc.constantFrom("*/20 * * * *", "30 2 * * *", "0 * * * *", "15,45 1-3 * * *");
    const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York");
    const begin = fc.constantFrom("2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z", "2026-10-31T12:00:00Z");
    const looks = fc.array(
      fc.oneof(
        fc.integer({ min: 1, max: 120 }).map((seconds) => seconds * 1000),
        fc.integer({ min: 600, max: 30_000 }).map((seconds) => seconds * 1000),
        fc.constantFrom(HOUR, -HOUR),
      ),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(rule, zone, begin, fc.constantFrom(...CATCH_UPS), looks, (cron, where, from, catchUp, steps) => {
        const timing = hourly(catchUp, { cron, zone: where });
        let now = Date.parse(from);
        const start = now;
        let due = nextDue(timing, now)!;
        const seen: number[] = [];
        for (const step of steps) {
          now += step;
          const done = all(timing, due, now);
          for (const one of done.fired) expect(one).toBeLessThanOrEqual(now);
          seen.push(...done.fired);
          for (const [first, last] of done.missed) seen.push(...between(timing, first - 1, last));
          due = done.next!;
        }
        expect(seen.toSorted((a, b) => a - b)).toEqual(between(timing, start, due - 1));
      }),
      { numRuns: 40 },
    );
  });
});

describe("the delay of a schedule", () => {
  test("is the same each time, within its jitter, and spread over all of it", () => {
    const delays = Array.from({ length: 1000 }, (_, number) => delayOf(`sch_${number}`, 60_000));
    expect(delays).toEqual(delays.map((_, number) => delayOf(`sch_${number}`, 60_000)));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeLessThanOrEqual(60_000);
    // In each of six parts about a sixth of them.
    for (let part = 0; part < 6; part++) {
      const count = delays.filter((delay) => Math.min(5, Math.floor(delay / 10_000)) === part).length;
      expect(count).toBeGreaterThan(100);
    }
    expect(delayOf("sch_1", 0)).toBe(0);
  });
});
