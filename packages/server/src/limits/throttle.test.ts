import { expect, it } from "vitest";
import { Throttle } from "./throttle.ts";

/** How many are let in until the next look. */
function letIn(throttle: Throttle, isUrgent = false): number {
  let count = 0;
  for (; count < 10_000 && throttle.hasRoom(isUrgent); count++) throttle.take();
  return count;
}

/** Under a pressure that comes once, where so much ended between two looks. */
function pressed(ended: number): Throttle {
  const throttle = new Throttle();
  for (let look = 0; look < 40; look++) throttle.look(ended, false, false);
  throttle.look(ended, true, false);
  return throttle;
}

it("lets everybody in while there was no pressure", () => {
  const throttle = new Throttle();
  for (let look = 0; look < 100; look++) throttle.look(100, false, true);
  expect(letIn(throttle)).toBe(10_000);
});

it("begins with half of what ended at best, and lets in a little more with each look that keeps somebody out", () => {
  const throttle = pressed(100);
  const counts = Array.from({ length: 21 }, () => {
    const count = letIn(throttle);
    throttle.look(50, false, false);
    return count;
  });
  expect([counts[0], counts[10], counts[20]]).toEqual([50, 59, 68]);
});

it("lets in a fifth less than before each time the pressure is back, and no less while it stays", () => {
  const throttle = pressed(100);
  for (const expected of [50, 41, 33]) {
    expect(letIn(throttle)).toBe(expected);
    throttle.look(100, true, false);
    throttle.look(100, true, false);
    expect(letIn(throttle)).toBe(expected);
    throttle.look(0, false, false);
    throttle.look(100, true, false);
  }
});

it("lets in a little less with each look at which everybody was late, and a fifth less when they still are after three", () => {
  const throttle = pressed(100);
  const counts = Array.from({ length: 11 }, () => {
    const count = letIn(throttle);
    throttle.look(100, false, true);
    return count;
  });
  expect(counts).toEqual([50, 49, 49, 39, 38, 37, 30, 29, 29, 23, 23]);
});

it("takes a queue that comes and goes for a burst", () => {
  const throttle = pressed(100);
  for (let look = 0; look < 100; look++) {
    letIn(throttle);
    throttle.look(100, false, look % 2 === 0);
  }
  expect(letIn(throttle)).toBeGreaterThan(35);
});

it("yields to a queue that stands even where the turns let in less than it would", () => {
  const throttle = pressed(100);
  for (let look = 0; look < 20; look++) {
    throttle.take();
    throttle.look(100, false, true);
  }
  expect(letIn(throttle)).toBeLessThan(20);
});

it("does not look at the sockets while the pressure lets in nobody", () => {
  const throttle = pressed(100);
  for (let look = 0; look < 20; look++) throttle.look(100, true, true);
  expect(letIn(throttle)).toBe(50);
});

it("ends when for fifty looks fewer have come than it would let in", () => {
  const throttle = pressed(100);
  for (let look = 0; look < 50; look++) throttle.look(10, false, false);
  expect(letIn(throttle)).toBe(50);
  throttle.look(10, false, false);
  for (let look = 0; look < 51; look++) throttle.look(10, false, false);
  expect(letIn(throttle)).toBe(10_000);
});

it("keeps a quarter more for the most urgent, and lets in a few in any case", () => {
  const throttle = pressed(200);
  expect([letIn(throttle), letIn(throttle, true)]).toEqual([100, 25]);
  const idle = new Throttle();
  idle.look(0, true, true);
  expect(letIn(idle)).toBe(16);
});
