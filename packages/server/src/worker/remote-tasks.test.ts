import { compile, hash32, initialState, parseWorkflow, Payload, start, takeNotes } from "@weftwork/core";
import type { DispatchTask, Plan, TaskOutcome } from "@weftwork/core";
import { beforeEach, expect, test } from "vitest";
import { memoryLive } from "../live/memory.ts";
import { HandClock, turn } from "../runtime/engine.testing.ts";
import { hotRun, type HotRun } from "../runtime/hot-run.ts";
import type { PostedTask, TaskName, TaskStore } from "../tasks/task-store.ts";
import type { Ticket } from "../transport/transport.ts";
import { HandedTasks } from "./handed-tasks.ts";
import type { HandoverMessage } from "./handover-wire.ts";
import type { Presence } from "./presence.ts";
import { RemoteTasks } from "./remote-tasks.ts";

const [OWNER, WORKER] = [1, 2];

/** An owner whose steps a worker does, and a store that remembers what it was told. */
class World {
  readonly clock = new HandClock(0);
  readonly wire = memoryLive<HandoverMessage>();
  readonly posted: PostedTask[] = [];
  readonly withdrawn: string[] = [];
  readonly tickets: Ticket[] = [];
  readonly reported: string[] = [];
  readonly ways: string[] = [];
  readonly began: string[] = [];
  others: Presence[] = [presence(4)];
  /** What the worker does with what it is handed. */
  begins = true;
  /** While it is set, putting up waits for it. */
  hold: Promise<void> | null = null;
  holdsRuns = true;
  /** When what is taken in is recorded. */
  recorded: Promise<void> = Promise.resolve();
  /** How often the answer to a putting up is lost, although it was done. */
  losesAnswers = 0;
  readonly tasks: RemoteTasks;
  readonly worker: HandedTasks;
  private keys = 0;

  constructor() {
    const store: Pick<TaskStore, "post" | "withdraw" | "present" | "expire"> = {
      post: async (_, tasks) => {
        if (this.hold) await this.hold;
        this.posted.push(...tasks);
        if (this.losesAnswers-- > 0) throw new Error("the answer was lost");
      },
      withdraw: async (names) => void this.withdrawn.push(...names.map(nameOf)),
      present: async (names) => names,
      expire: async () => [],
    };
    this.tasks = new RemoteTasks({
      store: store as TaskStore,
      transport: { publish: async (tickets: readonly Ticket[]) => void this.tickets.push(...tickets) } as never,
      clock: this.clock,
      signals: memoryLive(),
      wire: this.wire,
      owner: () => OWNER,
      others: () => this.others,
      given: (way) => void this.ways.push(way),
      window: 512,
      queueMsMax: null,
      mayTake: () => this.holdsRuns,
      report: (run, command, outcome) => {
        run.state.owed.delete(command.id);
        this.reported.push(`${run.id} ${outcome.type}`);
      },
      record: (run, command, outcome) => {
        run.state.owed.delete(command.id);
        this.reported.push(`${run.id} ${outcome.type}`);
        return this.recorded;
      },
      progress: () => undefined,
      problem: (message) => void this.reported.push(message),
    });
    this.worker = new HandedTasks({
      wire: this.wire,
      clock: this.clock,
      begin: (task) => {
        if (this.begins) this.began.push(task.runId);
        return this.begins;
      },
      drop: (names) => void this.began.push(...names.map((name) => `dropped ${name.runKey}`)),
      missed: () => undefined,
    });
    this.worker.listen(WORKER);
  }

  /** Gives the only step of a new run away. */
  give(options: { readonly once?: boolean; readonly again?: boolean; readonly text?: string } = {}): HotRun {
    const run = runOf(++this.keys, options.text ?? "");
    this.tasks.post(run, commandOf(run, options.once ?? false), "default", options.again ?? false);
    return run;
  }

  tell(run: HotRun, epoch = run.epoch): Promise<boolean> {
    const { id: task, scope, node, attempt } = commandOf(run);
    const outcome: TaskOutcome = { type: "completed", output: Payload.of("done") };
    const taken = { runKey: run.key, task, tenant: run.tenant, runId: run.id, epoch, pool: "default", body: "" };
    const input = { type: "task_reported", scope, node, attempt, outcome } as const;
    return this.worker.tell({ ...taken, priority: "normal", owner: OWNER, takes: 1 }, input);
  }
}

function nameOf({ runKey, task }: TaskName): string {
  return `${runKey} ${task}`;
}

function presence(slots: number): Presence {
  const pools = { default: { slots, active: 0, waiting: 0 } };
  return { worker: WORKER, name: "w", pid: 1, owns: false, load: 0, loopDelayMs: 1, takesHanded: true, pools };
}

const plan = ((): Plan => {
  const text = "name: one\ninputs: {text: string}\nsteps:\n  - {id: a, type: step, text: '{{ inputs.text }}'}\n";
  const { workflow } = parseWorkflow(text, { ownTypes: new Set(["step"]) });
  const compiled = compile(workflow!, { version: "1.0.0", hash: "one", digest: (one) => String(hash32(one)) });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.plan;
})();

function runOf(key: number, text: string): HotRun {
  const state = initialState(plan, new Map());
  const { name: workflow, version, hash } = plan;
  const made = { type: "run_created", runId: `run-${key}`, tenant: "t", workflow, version, hash, pins: {} } as const;
  const rest = { seed: 1, priority: "normal", metadata: {}, waits: null, rerunOf: null, batch: null } as const;
  start(state, { ...made, ...rest, inputs: Payload.of({ text }) }, [], 0);
  takeNotes(state);
  const run = { key, tenant: "t", id: `run-${key}`, epoch: 3, state, nextSeq: 2, creation: null, recordedStatus: null };
  return hotRun(run);
}

const commands = new WeakMap<HotRun, DispatchTask>();

/** The run's only task, also when it is done. */
function commandOf(run: HotRun, started = false): DispatchTask {
  const owed = [...run.state.owed.values()].find(({ type }) => type === "dispatch_task") as DispatchTask | undefined;
  const command = owed ?? commands.get(run)!;
  commands.set(run, command);
  if (!started) return command;
  const begun = { ...command, started };
  run.state.owed.set(command.id, begun);
  return begun;
}

let at: World;
beforeEach(() => {
  at = new World();
});

test("a step that is done in a moment is handed over and comes back without a word to the store", async () => {
  const run = at.give();
  await turn();
  expect(at.began).toEqual(["run-1"]);
  const told = at.tell(run);
  await at.clock.advance(5000);
  expect(await told).toBe(true);
  expect(at.reported).toEqual(["run-1 completed"]);
  expect([at.posted, at.withdrawn, at.tickets, at.ways]).toEqual([[], [], [], ["handed"]]);
});

test("a step that lasts stands in the store as its worker's, and its result is for the store, which has one or the other", async () => {
  const run = at.give();
  await at.clock.advance(1500);
  expect(at.posted).toMatchObject([{ runKey: 1, epoch: 3, holder: WORKER }]);
  // Nobody else is told of it.
  expect(at.tickets).toEqual([]);
  const told = at.tell(run);
  for (let i = 0; i < 5; i++) await turn();
  // At once: the worker waits for it.
  expect(await told).toBe(false);
  expect([at.reported, at.withdrawn]).toEqual([[], []]);
  run.state.owed.delete(commandOf(run).id);
  at.tasks.reported(run, commandOf(run).id);
  await at.clock.advance(1000);
  expect(at.withdrawn).toEqual([]);
});

test("a result that comes while its step is being put up is for the store too", async () => {
  let stands: () => void = () => undefined;
  at.hold = new Promise((resolve) => (stands = resolve));
  const run = at.give();
  await at.clock.advance(1500);
  const told = at.tell(run);
  await at.clock.advance(100);
  expect(await told).toBe(false);
  stands();
  await at.clock.advance(100);
  expect([at.reported, at.withdrawn, at.posted.length]).toEqual([[], [], 1]);
});

test("a step that is no longer wanted when it stands is taken back", async () => {
  let stands: () => void = () => undefined;
  at.hold = new Promise((resolve) => (stands = resolve));
  const run = at.give();
  await at.clock.advance(1500);
  const { id } = commandOf(run);
  run.state.owed.delete(id);
  at.tasks.abort(run, id);
  stands();
  await at.clock.advance(100);
  // To say so twice does no harm.
  expect(new Set(at.withdrawn)).toEqual(new Set([nameOf(at.posted[0]!)]));
});

test.each([
  ["is recorded", true],
  ["may have got lost with the run", false],
])("a step that is put up again while its result %s leaves the store just then", async (_, isRecorded) => {
  let stands: () => void = () => undefined;
  at.hold = new Promise((resolve) => (stands = resolve));
  // The run was taken over, and the result of its step waits in the inbox.
  const run = at.give({ again: true });
  await turn();
  const { id } = commandOf(run);
  run.state.owed.delete(id);
  at.tasks.reported(run, id);
  // It only waits now, and is given back.
  run.gone = true;
  run.leftAsRecorded = isRecorded;
  stands();
  await at.clock.advance(1000);
  expect(at.withdrawn).toEqual(isRecorded ? [nameOf(at.posted[0]!)] : []);
  expect(at.tickets).toEqual([]);
});

test("a step that was put up without our knowing is taken back when it is no longer wanted", async () => {
  at.losesAnswers = 1;
  const run = at.give();
  await at.clock.advance(1010);
  expect(at.reported).toEqual(["tasks for other processes could not be put up; trying again"]);
  const { id } = commandOf(run);
  run.state.owed.delete(id);
  await at.clock.advance(3000);
  expect(at.posted).toHaveLength(1);
  expect(new Set(at.withdrawn)).toEqual(new Set([nameOf(at.posted[0]!)]));
});

test("of two results of one step one is taken in", async () => {
  const run = at.give();
  await turn();
  const first = at.tell(run);
  await turn();
  const second = at.tell(run);
  await at.clock.advance(100);
  expect([await first, await second]).toEqual([true, false]);
  expect(at.reported).toEqual(["run-1 completed"]);
});

test.each([
  ["of an earlier owner", (run: HotRun) => at.tell(run, run.epoch - 1)],
  [
    "of a run that left",
    (run: HotRun) => {
      run.gone = true;
      return at.tell(run);
    },
  ],
  [
    "after the end of the lease",
    (run: HotRun) => {
      at.holdsRuns = false;
      return at.tell(run);
    },
  ],
])("a result %s is not taken in", async (_, tell) => {
  const run = at.give();
  await turn();
  const told = tell(run);
  await at.clock.advance(100);
  expect(await told).toBe(false);
  expect(at.reported).toEqual([]);
});

test.each([
  ["must not be done twice", { once: true }],
  ["others may be doing already", { again: true }],
  ["is too large for a message", { text: "x".repeat(20_000) }],
])("a step that %s stands in the store from the first", async (_, options) => {
  at.give(options);
  await turn();
  expect(at.began).toEqual([]);
  expect(at.posted).toHaveLength(1);
  expect(at.posted[0]!.holder).toBeUndefined();
  expect([at.tickets.length, at.ways]).toEqual([1, ["stored"]]);
});

test("where nobody is there to take it, a step is put up at once", async () => {
  at.others = [];
  at.give();
  await turn();
  expect([at.posted.length, at.tickets.length]).toEqual([1, 1]);
});

test("what finds no place is put up a moment later, and what a place becomes free for is handed over", async () => {
  at.others = [presence(1)];
  const runs = Array.from({ length: 4 }, () => at.give());
  await turn();
  // One place, and one in front of it.
  expect([at.began, at.posted.length]).toEqual([["run-1", "run-2"], 0]);
  void at.tell(runs[0]!);
  await turn();
  expect(at.began).toEqual(["run-1", "run-2", "run-3"]);
  await at.clock.advance(60);
  expect(at.posted.map(({ runId }) => runId)).toEqual(["run-4"]);
  expect(at.ways).toEqual(["handed", "handed", "handed", "stored"]);
});

test("what a worker does not begin is put up for everybody", async () => {
  at.begins = false;
  at.give();
  await turn();
  expect(at.posted).toMatchObject([{ runId: "run-1" }]);
  expect(at.posted[0]!.holder).toBeUndefined();
  expect(at.tickets).toHaveLength(1);
});

test("a step that its run gives up is dropped where it is done", async () => {
  const run = at.give();
  await turn();
  at.tasks.abort(run, commandOf(run).id);
  await at.clock.advance(50);
  expect(at.began).toEqual(["run-1", "dropped 1"]);
  expect(at.withdrawn).toEqual([]);
});

test("before its process ends, what is under way stands in the store, and nothing more is handed over", async () => {
  at.give();
  await turn();
  await at.tasks.settle();
  expect(at.posted).toMatchObject([{ runId: "run-1", holder: WORKER }]);
  at.give();
  await turn();
  expect(at.posted.map(({ runId, holder }) => [runId, holder])).toEqual([
    ["run-1", WORKER],
    ["run-2", undefined],
  ]);
});

test("the end of a process waits for the store, but not for ever", async () => {
  at.hold = new Promise(() => undefined);
  at.give();
  await turn();
  const settled = at.tasks.settle();
  await at.clock.advance(3000);
  await settled;
  expect(at.posted).toEqual([]);
});
