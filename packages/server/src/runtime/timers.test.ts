import { expect, test } from "vitest";
import { HandClock } from "./engine.testing.ts";
import { Timers } from "./timers.ts";

test("timers fire in the order of their time, at it, and once", async () => {
  const clock = new HandClock(0);
  const timers = new Timers(clock);
  const fired: string[] = [];
  const tell = (name: string) => () => void fired.push(`${name}@${clock.now()}`);
  for (const [name, at] of [
    ["c", 30],
    ["a", 10],
    ["b", 20],
    ["a2", 10],
  ] as const)
    timers.set(name, at, tell(name));
  await clock.advance(9);
  expect(fired).toEqual([]);
  await clock.advance(100);
  expect(fired.map((one) => one.replace("a2", "a"))).toEqual(["a@10", "a@10", "b@20", "c@30"]);
});

test("a withdrawn timer does not fire, and one that is set anew fires at its new time only", async () => {
  const clock = new HandClock(0);
  const timers = new Timers(clock);
  const fired: string[] = [];
  timers.set("gone", 10, () => fired.push("gone"));
  timers.clear("gone");
  timers.set("moved", 10, () => fired.push("early"));
  timers.set("moved", 50, () => fired.push(`late@${clock.now()}`));
  await clock.advance(100);
  expect(fired).toEqual(["late@50"]);
});

test("a timer further away than the platform can wait is asked for again", async () => {
  const far = 2 ** 31 + 5000;
  const clock = new HandClock(0);
  // As the system's clock does: no single wait is longer.
  const after = clock.after;
  const timers = new Timers(
    Object.assign(clock, { after: (ms: number, callback: () => void) => after(Math.min(ms, 2 ** 31 - 1), callback) }),
  );
  let firedAt = 0;
  timers.set("far", far, () => (firedAt = clock.now()));
  await clock.advance(far + 10);
  expect(firedAt).toBe(far);
});

test("a thousand timers that come and go leave nothing behind", async () => {
  const clock = new HandClock(0);
  const timers = new Timers(clock);
  let fired = 0;
  const fire = (): void => {
    fired += 1;
  };
  for (let i = 0; i < 5000; i++) {
    timers.set(`t${i}`, 1000 + i, fire);
    if (i % 50 !== 0) timers.clear(`t${i}`);
  }
  expect((timers as unknown as { heap: unknown[] }).heap.length).toBeLessThan(2100);
  await clock.advance(10_000);
  expect(fired).toBe(100);
});
