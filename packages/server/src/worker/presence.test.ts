import { expect, test } from "vitest";
import { memoryLive } from "../live/memory.ts";
import { HandClock } from "../runtime/engine.testing.ts";
import type { Json } from "@weftwork/core";
import { loadVariance, Presences, type Presence } from "./presence.ts";

test("the variance of five loads is that of the published example", () => {
  expect(loadVariance([85, 60, 90, 45, 70])).toBe(270);
});

test.each([
  ["nobody", [], 0],
  ["one", [55], 0],
  ["all alike", [40, 40, 40], 0],
  ["one idle and one busy", [0, 100], 2500],
])("the variance of %s", (_, loads, variance) => {
  expect(loadVariance(loads)).toBe(variance);
});

function presence(worker: number, pools: Presence["pools"]): Presence {
  return { worker, name: `w${worker}`, pid: worker, owns: true, load: 10, loopDelayMs: 1, takesHanded: false, pools };
}

test("who comes is known at once, and who falls silent is forgotten", async () => {
  const clock = new HandClock();
  const signals = memoryLive<Json>();
  const gpu = { gpu: { slots: 3, active: 1, waiting: 0 } };
  const first = new Presences({ signals, clock, self: () => presence(1, gpu), key: () => 1 });
  const second = new Presences({ signals, clock, self: () => presence(2, gpu), key: () => 2 });
  expect(first.slotsElsewhere("gpu")).toBe(3);
  expect(second.slotsElsewhere("gpu")).toBe(3);
  await clock.advance(5000);
  expect(first.slotsElsewhere("gpu")).toBe(3);
  expect(first.slotsElsewhere("code")).toBe(0);
  expect(first.all().map(({ worker }) => worker)).toEqual([1, 2]);
  second.close();
  await clock.advance(13_000);
  expect(first.slotsElsewhere("gpu")).toBe(0);
  first.close();
});
