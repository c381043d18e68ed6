import { expect, test } from "vitest";
import { memoryLive } from "../live/memory.ts";
import { HandClock, turn } from "../runtime/engine.testing.ts";
import { Member } from "../runtime/member.ts";
import type { TakenTask, TaskName, TaskStore } from "../tasks/task-store.ts";
import type { ConsumeOptions, Ticket, Transport } from "../transport/transport.ts";
import { TaskWorker } from "./task-worker.ts";

const ticket: Ticket = { tenant: "default", pool: "default", priority: "normal", runKey: 1, task: "root/a#1" };
const taken: TakenTask = { ...ticket, runId: "r", epoch: 1, owner: 1, takes: 1, body: "no task" };

test("of two tickets of one task that come together one begins it (F44)", async () => {
  const clock = new HandClock();
  const asked: number[] = [];
  const begun: string[] = [];
  let handle: ConsumeOptions["handle"] = async () => undefined;
  const store: Pick<TaskStore, "take" | "giveBack"> = {
    async take(_, names: readonly TaskName[]) {
      asked.push(names.length);
      return [taken];
    },
    async giveBack() {},
  };
  const transport: Pick<Transport, "consume"> = {
    consume(_, options) {
      handle = options.handle;
      return { close: async () => undefined };
    },
  };
  const present = { workerKey: 2, deadline: () => Number.POSITIVE_INFINITY, leave: async () => undefined };
  const worker = new TaskWorker({
    store: store as TaskStore,
    transport: transport as Transport,
    clock,
    member: new Member(present, async () => present),
    signals: memoryLive(),
    wire: memoryLive(),
    pools: ["default"],
    room: () => 10,
    plans: () => Promise.reject(new Error("no plan")),
    dispatch: () => true,
    hasBegun: () => false,
    changed: () => undefined,
    abort: () => undefined,
    putObject: async () => undefined,
    objectBytesMin: 1,
    // What this task says is no task, so whoever begins it is heard of here.
    problem: (message) => void begun.push(message),
  });
  worker.start();
  await Promise.all([handle([ticket, ticket]), handle([ticket]), turn()]);
  expect(asked).toEqual([3]);
  expect(begun).toEqual(["a task cannot be begun here"]);
  await worker.stop();
});
