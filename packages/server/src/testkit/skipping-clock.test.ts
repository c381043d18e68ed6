import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { SkippingClock } from "./skipping-clock.ts";

const DAY = 86_400_000;
const LIMITS = { until: 1000 * DAY, realMs: 5000, quiet: async () => false };

describe("the skipping clock", () => {
  it("a day passes in no time", async () => {
    const clock = new SkippingClock(1000);
    let woke = 0;
    clock.after(DAY, () => (woke = clock.now()));
    const startedAt = performance.now();
    expect(await clock.advance(() => woke > 0, LIMITS)).toBe("done");
    expect(woke).toBe(1000 + DAY);
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  it("timers fire by their time, those of one time in their order, cancelled ones never", async () => {
    const clock = new SkippingClock(0);
    const fired: string[] = [];
    clock.after(20, () => fired.push("late"));
    clock.after(10, () => fired.push("first"));
    clock.after(10, () => fired.push("second"));
    clock.after(10, () => fired.push("never"))();
    await clock.advance(() => fired.includes("late"), LIMITS);
    expect(fired).toEqual(["first", "second", "late"]);
  });

  it("time stands still while work is under way", async () => {
    const clock = new SkippingClock(0);
    const end = clock.begin();
    let workedAt = -1;
    let isOver = false;
    clock.after(5, () => (isOver = true));
    const work = async (): Promise<void> => {
      await pause(30);
      workedAt = clock.now();
      end();
    };
    void work();
    await clock.advance(() => isOver, LIMITS);
    expect(workedAt).toBe(0);
    expect(clock.now()).toBe(5);
  });

  it("work that sleeps lets time pass, and is work again when it wakes", async () => {
    const clock = new SkippingClock(0);
    const end = clock.begin();
    const seen: number[] = [];
    let isOver = false;
    const work = async (): Promise<void> => {
      await clock.sleep(1000, new AbortController().signal);
      await pause(20);
      seen.push(clock.now());
      end();
    };
    void work();
    clock.after(1001, () => (isOver = true));
    await clock.advance(() => isOver, LIMITS);
    expect(seen).toEqual([1000]);
  });

  it("a sleep ends when its signal fires", async () => {
    const clock = new SkippingClock(0);
    clock.begin();
    const aborter = new AbortController();
    const sleep = clock.sleep(DAY, aborter.signal);
    aborter.abort(new Error("enough"));
    await expect(sleep).rejects.toThrow("enough");
  });

  it("work that takes too long in real time is not waited for", async () => {
    const clock = new SkippingClock(0);
    clock.begin();
    expect(await clock.advance(() => false, { ...LIMITS, realMs: 30 })).toBe("too_slow");
  });

  it("a clock without timers comes to no end by itself", async () => {
    expect(await new SkippingClock(0).advance(() => false, LIMITS)).toBe("too_far");
  });

  it("unwinding fires what is left, even while work is under way", async () => {
    const clock = new SkippingClock(0);
    clock.begin();
    await clock.unwind(new Promise<void>((resolve) => void clock.after(DAY, resolve)));
    expect(clock.now()).toBe(DAY);
  });
});
