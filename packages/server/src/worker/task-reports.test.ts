import { Payload, type DispatchTask, type TaskOutcome } from "@weftwork/core";
import { expect, test } from "vitest";
import { memoryLive } from "../live/memory.ts";
import { HandClock, turn } from "../runtime/engine.testing.ts";
import type { HotRun } from "../runtime/hot-run.ts";
import { Member } from "../runtime/member.ts";
import type { ForeignTask } from "./foreign-task.ts";
import { TaskReports } from "./task-reports.ts";

const done: TaskOutcome = { type: "completed", output: Payload.of("done") };

test("a result outlasts an outage of the store in which its step could not be put up there", async () => {
  const clock = new HandClock();
  let away = true;
  let stands = false;
  let told = 0;
  const present = { workerKey: 2, deadline: () => Infinity, leave: async () => undefined };
  const reports = new TaskReports({
    store: {
      async report(_, results) {
        if (away) throw new Error("the store is away");
        if (stands) told += results.length;
        return results.map(() => (stands ? "reported" : "stale"));
      },
    },
    clock,
    member: new Member(present, async () => present),
    signals: memoryLive(),
    // Its owner does not hear of it.
    tellOwner: async () => false,
    putObject: async () => undefined,
    objectBytesMin: 1_000_000,
    problem: () => undefined,
  });
  const command = { type: "dispatch_task", id: "root/a#1", scope: "root", node: "a", attempt: 1 } as DispatchTask;
  const taken = { runKey: 1, task: command.id, tenant: "t", runId: "r", owner: 1, epoch: 1, pool: "p", takes: 1 };
  const task: ForeignTask = {
    taken: { ...taken, priority: "normal", body: "" },
    command,
    holder: 2,
    since: 0,
    handed: true,
    parts: [],
    telling: false,
  };
  let isOver = false;
  void reports.tell({ gone: false } as HotRun, task, done).then(() => (isOver = true));
  await clock.advance(9000);
  away = false;
  await clock.advance(3000);
  expect(isOver).toBe(false);
  stands = true;
  await clock.advance(3000);
  await turn();
  expect([isOver, told]).toEqual([true, 1]);
});
