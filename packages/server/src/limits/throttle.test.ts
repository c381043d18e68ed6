import { expect, it } from "vitest";
import { Throttle } from "./throttle.ts";

/** How many are let in until the next look. */
function letIn(throttle: Throttle, isUrgent = false): number {
  let count = 0;
  for (; count < 10_000 && throttle.hasRoom(isUrgent); count++) throttle.take();
  return count;
}

it("lets everybody in while there was no pressure", () => {
  const throttle = new Throttle();
  for (let look = 0; look < 100; look++) throttle.look(100, false);
  expect(letIn(throttle)).toBe(10_000);
});

it("lets in three quarters of what ended at best, for fifty looks after the last pressure", () => {
  const throttle = new Throttle();
  for (let look = 0; look < 40; look++) throttle.look(100, true);
  expect(letIn(throttle)).toBe(75);
  // Less ends because less was let in: that says nothing of what could be done.
  for (let look = 0; look < 30; look++) {
    throttle.look(50, false);
    expect(letIn(throttle)).toBe(75);
  }
  for (let look = 0; look < 21; look++) throttle.look(50, false);
  expect(letIn(throttle)).toBe(10_000);
});

it("keeps a quarter more for the most urgent, and lets in a few in any case", () => {
  const throttle = new Throttle();
  for (let look = 0; look < 60; look++) throttle.look(200, true);
  expect([letIn(throttle), letIn(throttle, true)]).toEqual([150, 38]);
  const idle = new Throttle();
  idle.look(0, true);
  expect(letIn(idle)).toBe(16);
});
