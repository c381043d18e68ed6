import { expect, test } from "vitest";
import type { Live } from "../live/live.ts";
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

test("who takes what is handed over is reachable while it is heard of, and after a gap not before it is heard of again", async () => {
  const clock = new HandClock();
  const inner = memoryLive<Json>();
  const gaps: (() => void)[] = [];
  const signals: Live<Json> = {
    ...inner,
    subscribe(channel, listener, missed) {
      if (missed) gaps.push(missed);
      return inner.subscribe(channel, listener);
    },
  };
  const takes = { takesHanded: true };
  const first = new Presences({ signals, clock, self: () => ({ ...presence(1, {}), ...takes }), key: () => 1 });
  const second = new Presences({ signals, clock, self: () => ({ ...presence(2, {}), ...takes }), key: () => 2 });
  const third = new Presences({ signals, clock, self: () => presence(3, {}), key: () => 3 });
  const known = (): readonly number[] => first.reachable().map(({ worker }) => worker);
  expect(known()).toEqual([2]);
  await clock.advance(1);
  for (const gap of gaps) gap();
  expect(known()).toEqual([]);
  await clock.advance(1);
  second.tell();
  expect(known()).toEqual([2]);
  second.close();
  await clock.advance(6000);
  expect(known()).toEqual([]);
  first.close();
  third.close();
});
