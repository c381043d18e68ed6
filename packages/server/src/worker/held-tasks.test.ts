import { expect, test } from "vitest";
import { HandClock } from "../runtime/engine.testing.ts";
import { Member } from "../runtime/member.ts";
import type { TaskName } from "../tasks/task-store.ts";
import { HeldTasks } from "./held-tasks.ts";

test("what the store says is ours and nobody here knows is given back after a while: a taking may be on its way", async () => {
  const clock = new HandClock();
  const name: TaskName = { runKey: 1, task: "root/a#1" };
  const back: TaskName[] = [];
  const beginning = new Set<string>();
  const present = { workerKey: 2, deadline: () => Infinity, leave: async () => undefined };
  const held = new HeldTasks({
    store: {
      held: async () => [],
      holding: async () => [name],
      giveBack: async (_, names) => void back.push(...names),
    },
    clock,
    member: new Member(present, async () => present),
    tasks: new Map(),
    beginning,
    drop: () => undefined,
  });
  // Two messages were missed in one moment.
  await Promise.all([held.lookForForgotten(), held.lookForForgotten()]);
  await held.lookForForgotten();
  expect(back).toEqual([]);
  beginning.add("1/root/a#1");
  await clock.advance(1500);
  await held.lookForForgotten();
  beginning.clear();
  await held.lookForForgotten();
  expect(back).toEqual([]);
  await clock.advance(1000);
  await held.lookForForgotten();
  expect(back).toEqual([name]);
});
