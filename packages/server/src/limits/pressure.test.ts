import { PRIORITIES, type Priority } from "@weftwork/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CALM, HYSTERESIS, pressureOf, refusedAfter, THRESHOLDS, worstOf, type Signals } from "./pressure.ts";
import { Ramp } from "./ramp.ts";

const NOBODY: ReadonlySet<Priority> = new Set();

describe("the pressure", () => {
  it.each<[keyof Signals, number, number]>([
    ["flushWaitMs", 50, 1],
    ["poolWaitMs", 100, 1],
    ["loopDelayMs", 60, 1.2],
    ["heapShare", 0.4, 0.5],
    ["readyAgeMs", 30_000, 0.5],
  ])("of %s = %d is %d", (name, value, u) => {
    const signals = { ...CALM, [name]: value };
    expect(pressureOf(signals)).toBeCloseTo(u);
    expect(worstOf(signals)).toBe(name);
  });

  it("is that of the worst signal", () => {
    expect(pressureOf({ ...CALM, flushWaitMs: 10, loopDelayMs: 45, heapShare: 0.8 })).toBeCloseTo(1);
    expect(pressureOf(CALM)).toBe(0);
  });
});

describe("classes that are refused", () => {
  it.each<[number, readonly Priority[]]>([
    [0.7, []],
    [0.71, ["background"]],
    [0.9, ["batch", "background"]],
    [1.1, ["normal", "batch", "background"]],
    [1.3, ["interactive", "normal", "batch", "background"]],
  ])("at a pressure of %d: %j", (u, refused) => {
    expect([...refusedAfter(NOBODY, [u, u, u])]).toEqual(refused);
  });

  it("are not refused for a burst, nor let in for a pause", () => {
    expect(refusedAfter(NOBODY, [3, 3, 0.2])).toEqual(NOBODY);
    const all = new Set(PRIORITIES);
    expect(refusedAfter(all, [0, 0, 3])).toEqual(all);
  });

  it("come back only when the pressure is below their threshold by the hysteresis", () => {
    const samples = fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(samples, { maxLength: 30 }), (all) => {
        let refused = NOBODY;
        for (const window of all) {
          const before = refused;
          refused = refusedAfter(before, window);
          for (const priority of PRIORITIES) {
            const threshold = THRESHOLDS[priority];
            if (!before.has(priority) && refused.has(priority)) expect(Math.min(...window)).toBeGreaterThan(threshold);
            if (before.has(priority) && !refused.has(priority))
              expect(Math.max(...window)).toBeLessThan(threshold - HYSTERESIS);
          }
          // Whoever is let in is never less urgent than somebody refused in the same moment, from a fresh start.
          const fresh = PRIORITIES.map((priority) => refusedAfter(NOBODY, window).has(priority));
          expect(fresh).toEqual(fresh.toSorted((a, b) => Number(a) - Number(b)));
        }
      }),
    );
  });
});

describe("the ramp after a takeover", () => {
  it("lets 64 through in the first second, and twice as many in each one after", () => {
    const ramp = new Ramp();
    expect(ramp.room(0)).toBe(Infinity);
    ramp.took(64, false, 0);
    expect([ramp.room(999), ramp.room(1000)]).toEqual([0, 128]);
    ramp.took(128, false, 1000);
    expect([ramp.room(1999), ramp.room(2000), ramp.room(5000)]).toEqual([0, 256, 64 * 63 - 192]);
  });

  it("is over when nothing more is to be taken over", () => {
    const ramp = new Ramp();
    ramp.took(64, false, 0);
    ramp.took(10, true, 1000);
    expect(ramp.room(1000)).toBe(Infinity);
    ramp.took(0, false, 2000);
    expect(ramp.room(2000)).toBe(Infinity);
  });
});
