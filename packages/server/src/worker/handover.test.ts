import { AppError, failureOf, Payload } from "@weftwork/core";
import { beforeEach, expect, test } from "vitest";
import type { Live } from "../live/live.ts";
import { memoryLive } from "../live/memory.ts";
import { HandClock, turn } from "../runtime/engine.testing.ts";
import { encodeInput } from "../runtime/inbox.ts";
import type { TakenTask } from "../tasks/task-store.ts";
import { HandedTasks } from "./handed-tasks.ts";
import { Handover } from "./handover.ts";
import { handoverCodec, type Answer, type HandoverMessage, type TaskReported, type WireTask } from "./handover-wire.ts";
import type { Presence } from "./presence.ts";
import { roomOf } from "./room.ts";

const OWNER = 1;

/** Messages that are lost for a while, and told of as lost or not. */
class Wire {
  readonly live: Live<HandoverMessage>;
  readonly sent: string[] = [];
  private readonly inner = memoryLive<HandoverMessage>();
  private readonly gaps = new Set<() => void>();
  loses = false;

  constructor() {
    this.live = {
      publish: (channel, message) => {
        this.sent.push(channel);
        // As text, for that is how it travels.
        if (!this.loses) this.inner.publish(channel, handoverCodec.decode(handoverCodec.encode(message)));
      },
      subscribe: (channel, listener, missed) => {
        if (missed) this.gaps.add(missed);
        return this.inner.subscribe(channel, listener);
      },
      close: () => undefined,
    };
  }

  gap(): void {
    for (const missed of this.gaps) missed();
  }
}

function presence(worker: number, slots: number, more: Partial<Presence> = {}): Presence {
  const pools = { gpu: { slots, active: 0, waiting: 0 } };
  return { worker, name: "w", pid: 1, owns: false, load: 0, loopDelayMs: 1, takesHanded: true, pools, ...more };
}

/** One owner and two workers. */
class World {
  readonly clock = new HandClock(0);
  readonly wire = new Wire();
  readonly others: Presence[] = [presence(2, 4), presence(3, 4)];
  readonly results: string[] = [];
  readonly returned: string[] = [];
  readonly stand: string[] = [];
  readonly began: [worker: number, task: TakenTask][] = [];
  readonly dropped: string[] = [];
  wants = true;
  /** When what the owner takes in is recorded. */
  recorded: Promise<void> = Promise.resolve();
  begins = true;
  ownerMissed = 0;
  readonly owner = new Handover({
    wire: this.wire.live,
    clock: this.clock,
    others: () => this.others,
    result: ({ task }, epoch, outcome) => {
      this.results.push(`${task} ${epoch} ${outcome.type === "completed" ? outcome.output.text : outcome.type}`);
      return this.wants ? this.recorded : null;
    },
    returned: ({ task }) => void this.returned.push(task),
    stand: ({ task }) => void this.stand.push(task),
    missed: () => void this.ownerMissed++,
  });
  readonly workers = new Map([2, 3].map((key) => [key, this.worker(key)]));

  constructor() {
    this.owner.listen(OWNER);
  }

  /** Hands a task to whoever has most room; whom, or null. */
  give(task: string): number | null {
    const place = this.owner.place("gpu");
    if (place) this.owner.give(place, wireTask(task));
    return place?.worker ?? null;
  }

  private worker(key: number): HandedTasks {
    const worker = new HandedTasks({
      wire: this.wire.live,
      clock: this.clock,
      begin: (task) => {
        if (this.begins) this.began.push([key, task]);
        return this.begins;
      },
      drop: (names) => void this.dropped.push(...names.map(({ task }) => task)),
      missed: () => undefined,
    });
    worker.listen(key);
    return worker;
  }
}

function completed(value: unknown): TaskReported {
  const outcome = { type: "completed", output: Payload.of(value) } as const;
  return { type: "task_reported", scope: "root", node: "a", attempt: 1, outcome };
}

function wireTask(task: string, body = "b"): WireTask {
  return { run: 7, task, tenant: "t", id: "run", epoch: 5, pool: "gpu", priority: "normal", body };
}

let at: World;
beforeEach(() => {
  at = new World();
});

test("tasks go to whoever has the most room, in one message each, and no further than there is room", async () => {
  const to = Array.from({ length: 12 }, (_, index) => at.give(`t${index}`));
  expect(to).toEqual([2, 3, 2, 3, 2, 3, 2, 3, 2, 3, null, null]);
  await turn();
  expect(at.wire.sent).toEqual(["hands/2", "hands/3"]);
  expect(at.began).toHaveLength(10);
  expect(at.began[0]).toEqual([
    2,
    {
      runKey: 7,
      task: "t0",
      tenant: "t",
      runId: "run",
      epoch: 5,
      pool: "gpu",
      priority: "normal",
      body: "b",
      owner: 1,
      takes: 1,
    },
  ]);
});

test("who is late with everything gets less, who serves the pool with no place gets nothing", () => {
  at.others.splice(0, 2, presence(2, 16, { loopDelayMs: 200 }), presence(3, 0));
  const to = Array.from({ length: 10 }, (_, index) => at.give(`t${index}`)).filter((worker) => worker !== null);
  expect(to).toEqual([2, 2, 2, 2, 2]);
  expect(roomOf(16)).toBe(20);
});

test("a place that is left is given again, also to whoever came meanwhile", async () => {
  at.others.splice(0, 2, presence(2, 1));
  const place = at.owner.place("gpu")!;
  at.owner.give(place, wireTask("a"));
  at.owner.give(place, wireTask("b"));
  expect(at.give("c")).toBeNull();
  at.owner.left(place);
  expect(at.give("c")).toBe(2);
  at.others.push(presence(3, 1));
  await at.clock.advance(100);
  expect(at.give("d")).toBe(3);
  at.others.shift();
  await at.clock.advance(100);
  expect([at.give("e"), at.give("f")]).toEqual([3, null]);
});

test("a result is told to its owner and confirmed", async () => {
  at.give("a");
  await turn();
  const [[worker, task]] = at.began as [[number, TakenTask]];
  const told = at.workers.get(worker)!.tell(task, completed("done"));
  await at.clock.advance(20);
  expect(await told).toBe(true);
  expect(at.results).toEqual(['a 5 "done"']);
});

test("a result is confirmed when it is recorded, and left to the store where that comes to nothing", async () => {
  for (const task of ["a", "b"]) at.give(task);
  await turn();
  const record = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<void>();
  const answers: string[] = [];
  for (const [[worker, task], deed] of at.began.map((one, index) => [one, [record, lost][index]!] as const)) {
    at.recorded = deed.promise;
    void at.workers
      .get(worker)!
      .tell(task, completed("done"))
      .then((isHeard) => answers.push(`${task.task} ${isHeard}`));
    await turn();
  }
  await at.clock.advance(100);
  expect([at.results.length, answers]).toEqual([2, []]);
  record.resolve();
  lost.reject(new Error("the lease has ended"));
  await turn();
  await at.clock.advance(20);
  expect(answers.toSorted()).toEqual(["a true", "b false"]);
});

test("a result that its owner does not want is left to the store", async () => {
  at.give("a");
  await turn();
  at.wants = false;
  const told = at.workers.get(2)!.tell(at.began[0]![1], completed("done"));
  await at.clock.advance(20);
  expect(await told).toBe(false);
});

test.each(["the result", "the confirmation"])(
  "where %s is lost the store is told half a second later",
  async (what) => {
    at.give("a");
    await turn();
    at.wire.loses = what === "the result";
    const told = at.workers.get(2)!.tell(at.began[0]![1], completed("done"));
    let answer: boolean | null = null;
    void told.then((isHeard) => (answer = isHeard));
    await turn();
    at.wire.loses = true;
    await at.clock.advance(400);
    expect(answer).toBeNull();
    await at.clock.advance(300);
    expect(answer).toBe(false);
    expect(at.results).toHaveLength(what === "the result" ? 0 : 1);
  },
);

test("a gap in the messages ends the waiting at once, and the owner hears of it", async () => {
  at.give("a");
  await turn();
  at.wire.loses = true;
  const told = at.workers.get(2)!.tell(at.began[0]![1], completed("done"));
  await turn();
  at.wire.gap();
  expect(await told).toBe(false);
  expect(at.ownerMissed).toBe(1);
});

test("a worker without room gives the task back, and is left alone for a moment", async () => {
  at.others.splice(0, 2, presence(2, 4));
  at.begins = false;
  const place = at.owner.place("gpu")!;
  at.owner.give(place, wireTask("a"));
  await turn();
  expect(at.returned).toEqual(["a"]);
  at.owner.full(place);
  expect(at.owner.place("gpu")).toBeNull();
  await at.clock.advance(100);
  expect(at.owner.place("gpu")).toBe(place);
});

test("what is dropped before it was sent never arrives; what was sent is dropped there", async () => {
  const place = at.owner.place("gpu")!;
  at.owner.give(place, wireTask("a"));
  at.owner.drop(place, { runKey: 7, task: "a" });
  at.owner.give(place, wireTask("b"));
  await turn();
  expect(at.began.map(([, { task }]) => task)).toEqual(["b"]);
  at.owner.drop(place, { runKey: 7, task: "b" });
  await at.clock.advance(20);
  expect(at.dropped).toEqual(["b"]);
});

test("a task is not held up by a confirmation that can wait", async () => {
  at.give("a");
  await turn();
  void at.workers.get(2)!.tell(at.began[0]![1], completed("done"));
  await turn();
  at.give("b");
  await turn();
  expect(at.began.map(([, { task }]) => task)).toEqual(["a", "b"]);
});

test("large tasks and results travel in several messages", async () => {
  const place = at.owner.place("gpu")!;
  for (const name of ["a", "b", "c", "d"]) at.owner.give(place, wireTask(name, "x".repeat(100_000)));
  await turn();
  expect(at.began).toHaveLength(4);
  expect(at.wire.sent).toEqual(["hands/2", "hands/2"]);
  at.wire.sent.length = 0;
  for (const [, task] of at.began) void at.workers.get(2)!.tell(task, completed("y".repeat(100_000)));
  await turn();
  expect(at.results).toHaveLength(4);
  expect(at.wire.sent).toEqual(["answers/1", "answers/1"]);
});

test("a result too large for a message goes by the store, where its task is to stand", async () => {
  at.give("a");
  await turn();
  expect(await at.workers.get(2)!.tell(at.began[0]![1], completed("x".repeat(200_000)))).toBe(false);
  await turn();
  expect(at.stand).toEqual(["a"]);
});

test.each(["null", "5", "{}", '{"type":"hand"}', '{"type":"answer","results":[]}', "no json", ""])(
  "a message of another version (%s) cannot be read",
  (text) => {
    expect(() => handoverCodec.decode(`${text}\n`)).toThrow(/another version|JSON/);
  },
);

test("texts travel as they are, whatever stands in them", () => {
  const texts = ["", "\n", '{"a":"\\n"}', "ä€😀 {}", "x".repeat(1000)];
  const tasks = texts.map((body, index) => wireTask(`t${index}`, body));
  const hand: HandoverMessage = { type: "hand", owner: 1, tasks, heard: [[3, [[7, "a"]]]], drop: [[7, "b"]] };
  expect(handoverCodec.decode(handoverCodec.encode(hand))).toEqual(hand);
  const usage = { input_tokens: 1, output_tokens: 2, total_tokens: 3 };
  const inputs: readonly TaskReported[] = [
    ...texts.map((text) => completed(text)),
    completed({ a: [1, null, "ä"] }),
    { ...completed(5), outcome: { type: "completed", output: Payload.of(5), usage } },
    { ...completed(5), outcome: { type: "completed", output: Payload.ofStored("abc", 5000) } },
    { ...completed(5), outcome: { type: "completed", output: Payload.ofList([Payload.ofStored("abc", 5000)]) } },
    { ...completed(5), outcome: { type: "failed", failure: failureOf(new AppError("STEP_TIMEOUT")), usage } },
    { ...completed(5), outcome: { type: "parked", until: 5, reason: "later" } },
  ];
  const results = inputs.map((input, index) => ({ run: 7, task: `t${index}`, epoch: 5, input }));
  const answer: HandoverMessage = { type: "answer", worker: 2, number: 9, results, returned: [[7, "c"]], stand: [] };
  const heard = handoverCodec.decode(handoverCodec.encode(answer));
  expect(handoverCodec.encode(heard)).toBe(handoverCodec.encode(answer));
  expect(heard).toMatchObject({ type: "answer", worker: 2, number: 9, returned: [[7, "c"]], stand: [] });
  const told = (heard as Answer).results.map(({ input }) => encodeInput(input));
  expect(told).toEqual(inputs.map((input) => encodeInput(input)));
});
