import { createHash } from "node:crypto";
import { AppError, failureOf, readTask } from "@weftwork/core";
import type { DispatchTask, Json, Payload, TaskOutcome } from "@weftwork/core";
import type { Live } from "../live/live.ts";
import type { TaskPart } from "../nodes/node.ts";
import type { Clock } from "../runtime/clock.ts";
import { Recurring } from "../runtime/recurring.ts";
import { hotRun, type HotRun } from "../runtime/hot-run.ts";
import { encodeInput } from "../runtime/inbox.ts";
import type { Member } from "../runtime/member.ts";
import type { PreparedPlan } from "../runtime/workflows.ts";
import type { TakenTask, TaskName, TaskResult, TaskStore } from "../tasks/task-store.ts";
import { PACK_MAX, type Consumer, type Ticket, type Transport } from "../transport/transport.ts";
import { Batch } from "./batch.ts";
import { ABORTS, partsChannel } from "./remote-tasks.ts";

export interface TaskWorkerOptions {
  readonly store: TaskStore;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly member: Member;
  readonly signals: Live<Json>;
  /** The pools served here. */
  readonly pools: readonly string[];
  /** Tasks that the pool may be given now: its free slots, and a few in front of them. */
  readonly room: (pool: string) => number;
  readonly plans: (hash: string, pins: Readonly<Record<string, string>>, tenant: string) => Promise<PreparedPlan>;
  /** Does a task; false when its pool is not served here. */
  readonly dispatch: (run: HotRun, command: DispatchTask) => boolean;
  readonly abort: (run: HotRun, commandId: string) => void;
  /** Whether the executor of the run's task was called. */
  readonly hasBegun: (run: HotRun) => boolean;
  /** Stores large results by their hash, where every process can read them. */
  readonly putObject: (tenant: string, hash: string, bytes: Uint8Array) => Promise<void>;
  readonly objectBytesMin: number;
  readonly problem: (message: string, runId: string, error: unknown) => void;
}

/** A task of a run that another process holds. */
interface Foreign {
  readonly taken: TakenTask;
  readonly command: DispatchTask;
  readonly holder: number;
  readonly since: number;
  parts: TaskPart[];
  telling: boolean;
}

/** Messages of a pool that wait here at the same time. */
const PREFETCH = 4;
const TAKE_MAX = 256;
const REPORT_MAX = 64;
/** A ticket that finds no room for this long goes back, for others may have some. */
const HAND_ON_MS = 250;
/** Between two looks whether what is done here is still wanted. */
const HELD_MS = 1000;
const PARTS_MS = 50;
/** Between two looks for tasks that nobody was told of; and how long they have been quiet then. */
const SWEEP_MS = 5000;
const QUIET_MS = 10_000;
/** The same where the transport keeps nothing over a restart. */
const QUIET_LOSSY_MS = 4000;
const SWEEP_MAX = 1000;
/** Messages in the transport from which a pool counts as one that nobody serves: nothing is told again. */
const PILE_MAX = (4 * SWEEP_MAX) / PACK_MAX;
/** Between two looks for tasks that are ours without our knowing. */
const FORGOTTEN_MS = 10_000;
/** Workers that a task may take with it (F8). */
const TAKES_MAX = 5;
const REPORT_RETRY_MS_MAX = 2000;

/**
 * Does tasks of runs that other processes hold: takes them by the tickets of its pools, does them as its own, and
 * reports what became of them.
 *
 * T1. A task is taken only when there is room for it, so one that waits here keeps nobody else from taking it.
 * T2. What is done is reported until the store has answered, or the lease of this process has ended: then it belongs to
 *     somebody else.
 * T3. After the deadline of the lease no task is begun, and what was begun is aborted.
 */
export class TaskWorker {
  private readonly options: TaskWorkerOptions;
  private readonly foreign = new Map<HotRun, Foreign>();
  private readonly reserved = new Map<string, number>();
  private readonly takes: Batch<TaskName, { readonly task: TakenTask; readonly holder: number } | null>;
  private readonly reports: Batch<{ readonly holder: number; readonly result: TaskResult }, "reported" | "stale">;
  private readonly reporting = new Set<Promise<void>>();
  /** Runs whose outcome is being told. */
  private readonly telling = new WeakSet<HotRun>();
  /** Held by us at the last look, and known to nobody here. */
  private suspects: ReadonlySet<string> = new Set();
  /** Tasks that were taken and are not among the foreign ones yet. */
  private readonly beginning = new Set<string>();
  private readonly consumers = new Map<string, Consumer>();
  private paused: ReadonlySet<string> = new Set();
  private started = false;
  private readonly timers: readonly Recurring[];
  private stopSignals: () => void = () => undefined;
  private closing = false;

  constructor(options: TaskWorkerOptions) {
    this.options = options;
    const { clock, store, member } = options;
    this.takes = new Batch({
      clock,
      max: TAKE_MAX,
      call: async (names) => {
        const holder = member.workerKey;
        const taken = await store.take(holder, names);
        const byName = new Map(taken.map((task) => [`${task.runKey}/${task.task}`, { task, holder }]));
        return names.map(({ runKey, task }) => {
          const found = byName.get(`${runKey}/${task}`) ?? null;
          // Of two tickets of one task in the same moment one begins it (F44).
          byName.delete(`${runKey}/${task}`);
          return found;
        });
      },
    });
    this.reports = new Batch({
      clock,
      max: REPORT_MAX,
      call: (items) => {
        const holder = member.workerKey;
        // What was taken under an earlier lease is somebody else's by now.
        return this.reportAll(holder, items);
      },
    });
    this.timers = [
      this.every(HELD_MS, () => Promise.resolve(this.endWithLease())),
      this.every(HELD_MS, () => this.lookAtHeld()),
      this.every(FORGOTTEN_MS, () => this.lookAtForgotten()),
      this.every(SWEEP_MS, () => this.sweep()),
    ];
  }

  start(): void {
    const { pools, signals } = this.options;
    this.stopSignals = signals.subscribe(ABORTS, (message) => this.unwanted(message));
    for (const pool of pools) if (!this.paused.has(pool)) this.consume(pool);
    this.started = true;
    for (const timer of this.timers) timer.start();
  }

  /** Takes nothing of these pools, and again of all others. What was taken waits or goes on. */
  pause(paused: ReadonlySet<string>): void {
    this.paused = paused;
    if (!this.started || this.closing) return;
    for (const pool of this.options.pools) {
      const consumer = this.consumers.get(pool);
      if (!paused.has(pool)) {
        if (!consumer) this.consume(pool);
      } else if (consumer) {
        this.consumers.delete(pool);
        void consumer.close();
      }
    }
  }

  /** Whether the run of a task is held by another process. */
  isForeign(run: HotRun): boolean {
    return this.foreign.has(run);
  }

  /** Takes nothing more. */
  async stop(): Promise<void> {
    this.closing = true;
    for (const timer of this.timers) void timer.close();
    this.stopSignals();
    await Promise.all([...this.consumers.values()].map((consumer) => consumer.close()));
  }

  /** Whether what is done for others may be begun: under the lease under which it was taken. */
  mayStart(run: HotRun): boolean {
    const task = this.foreign.get(run);
    return task === undefined || task.holder === this.options.member.workerKey;
  }

  /**
   * Tells the results that are there, for so long at most, and gives back undone what is left: no attempt is counted. Of
   * one that must not be repeated and was begun nobody knows the outcome.
   */
  async giveBack(graceMs: number): Promise<void> {
    const { store, member, transport, problem, hasBegun } = this.options;
    for (const [run, { command }] of this.foreign) {
      if (!command.started || !hasBegun(run) || this.telling.has(run)) continue;
      this.report(run, command, { type: "failed", failure: failureOf(new AppError("OUTCOME_UNKNOWN")) });
    }
    await Promise.race([
      Promise.all(this.reporting),
      new Promise<void>((resolve) => void this.options.clock.after(graceMs, resolve)),
    ]);
    const tickets: Ticket[] = [];
    for (const [run, { taken, command }] of this.foreign) {
      run.gone = true;
      // What was begun and must not be repeated is left to the end of the lease, for its next taker to see.
      if (!command.started || !hasBegun(run)) tickets.push(ticketOf(taken));
    }
    this.foreign.clear();
    if (tickets.length === 0 || member.isOver) return;
    try {
      await store.giveBack(member.workerKey, tickets);
      await transport.publish(tickets);
    } catch (error) {
      problem("tasks could not be given back at once; others take them a little later", "", error);
    }
  }

  report(run: HotRun, { scope, node, attempt }: DispatchTask, outcome: TaskOutcome): void {
    this.telling.add(run);
    const work = this.tell(run, { type: "task_reported", scope, node, attempt, outcome }).finally(() =>
      this.reporting.delete(work),
    );
    this.reporting.add(work);
  }

  progress(run: HotRun, _: DispatchTask, part: TaskPart): void {
    const task = this.foreign.get(run);
    if (!task) return;
    task.parts.push(part);
    if (task.telling) return;
    task.telling = true;
    this.options.clock.after(PARTS_MS, () => {
      task.telling = false;
      this.tellParts(task);
    });
  }

  private consume(pool: string): void {
    const handle = (tickets: readonly Ticket[]): Promise<void> => this.handle(pool, tickets);
    this.consumers.set(pool, this.options.transport.consume(pool, { prefetch: PREFETCH, handle }));
  }

  private async handle(pool: string, tickets: readonly Ticket[]): Promise<void> {
    const { transport, clock } = this.options;
    let waiting = tickets;
    let patience = HAND_ON_MS;
    while (waiting.length > 0) {
      // What is not taken is handed out again, here or elsewhere.
      if (this.closing || this.paused.has(pool)) throw new AppError("SHUTTING_DOWN");
      const room = Math.min(waiting.length, this.roomOf(pool));
      if (room > 0) {
        const now = waiting.slice(0, room);
        waiting = waiting.slice(room);
        await this.takeAll(pool, now);
        continue;
      }
      if (patience <= 0) return transport.publish(waiting);
      const pause = Math.min(patience, 10);
      patience -= pause;
      await new Promise<void>((resolve) => void clock.after(pause, resolve));
    }
    return undefined;
  }

  private roomOf(pool: string): number {
    const { member, clock, room } = this.options;
    if (clock.monotonic() >= member.deadline()) return 0;
    return room(pool) - (this.reserved.get(pool) ?? 0);
  }

  private async takeAll(pool: string, tickets: readonly Ticket[]): Promise<void> {
    this.reserved.set(pool, (this.reserved.get(pool) ?? 0) + tickets.length);
    try {
      const taken = await Promise.all(tickets.map(({ runKey, task }) => this.takes.add({ runKey, task })));
      await Promise.all(taken.map((one) => one && this.begin(one.task, one.holder)));
    } finally {
      this.reserved.set(pool, this.reserved.get(pool)! - tickets.length);
    }
  }

  private async begin(taken: TakenTask, holder: number): Promise<void> {
    const { plans, dispatch, store, clock, problem, member } = this.options;
    const { runKey: key, tenant, runId: id, epoch } = taken;
    const name = `${key}/${taken.task}`;
    this.beginning.add(name);
    try {
      const task = readTask(taken.body);
      const { plan, nested } = await plans(task.hash, task.pins, tenant);
      // The lease may have ended meanwhile: then it is somebody else's.
      if (member.workerKey !== holder || clock.monotonic() >= member.deadline()) return;
      const { state, command } = task.decode(plan, nested);
      const at = { key, tenant, id, epoch, state, nextSeq: state.seq + 1, creation: null, recordedStatus: null };
      const run = hotRun(at);
      this.foreign.set(run, { taken, command, holder, since: clock.monotonic(), parts: [], telling: false });
      if (command.started && taken.takes > 1)
        this.report(run, command, { type: "failed", failure: failureOf(new AppError("OUTCOME_UNKNOWN")) });
      else if (taken.takes > TAKES_MAX) {
        const lost = new AppError("STEP_QUARANTINED", { count: taken.takes - 1 });
        this.report(run, command, { type: "failed", failure: failureOf(lost) });
      } else if (!dispatch(run, command)) {
        this.forget(run);
        await store.giveBack(holder, [taken]);
      }
    } catch (error) {
      // Another process may be able to: a newer version that knows the plan, a store that answers there.
      problem("a task cannot be begun here", id, error);
      // Where this fails as well, the look at all that is held finds it.
      await store.giveBack(holder, [taken]).catch(() => undefined);
    } finally {
      this.beginning.delete(name);
    }
  }

  private async tell(run: HotRun, input: Parameters<typeof encodeInput>[0]): Promise<void> {
    const task = this.foreign.get(run);
    if (!task) return;
    const { taken, holder } = task;
    const { clock, problem, member } = this.options;
    this.tellParts(task);
    for (let delay = 50; ; delay = Math.min(delay * 2, REPORT_RETRY_MS_MAX)) {
      try {
        if (input.type === "task_reported" && input.outcome.type === "completed")
          await this.moveOut(taken.tenant, input.outcome.output);
        const { runKey, task: name } = taken;
        // A stale one is nobody's any more: whoever took the task reports it.
        await this.reports.add({ holder, result: { runKey, task: name, input: encodeInput(input) } });
        break;
      } catch (error) {
        problem("a result could not be told; trying again", taken.runId, error);
        // Somebody else's by now, or given up.
        if (member.workerKey !== holder || clock.monotonic() >= member.deadline() || !this.foreign.has(run)) break;
        await new Promise<void>((resolve) => void clock.after(delay, resolve));
      }
    }
    this.forget(run);
  }

  private async reportAll(
    holder: number,
    items: readonly { readonly holder: number; readonly result: TaskResult }[],
  ): Promise<readonly ("reported" | "stale")[]> {
    const ours = items.filter((item) => item.holder === holder);
    const answers =
      ours.length === 0
        ? []
        : await this.options.store.report(
            holder,
            ours.map(({ result }) => result),
          );
    let at = 0;
    return items.map((item) => (item.holder === holder ? answers[at++]! : "stale"));
  }

  /** A large result goes to the object store first; what is reported names it. */
  private async moveOut(tenant: string, output: Payload): Promise<void> {
    const { objectBytesMin, putObject } = this.options;
    if (output.reference || output.size < objectBytesMin / 4) return;
    const bytes = Buffer.from(output.storable());
    if (bytes.length < objectBytesMin) return;
    const hash = createHash("sha256").update(bytes).digest("hex");
    await putObject(tenant, hash, bytes);
    output.storedAs(hash, bytes.length);
  }

  private tellParts(task: Foreign): void {
    if (task.parts.length === 0) return;
    const { runKey, task: name, owner } = task.taken;
    this.options.signals.publish(partsChannel(owner), { run: runKey, task: name, parts: task.parts as never });
    task.parts = [];
  }

  /** Withdrawn by the owner of its run: whether that is so says the store. */
  private unwanted(message: Json): void {
    if (!Array.isArray(message) || this.foreign.size === 0) return;
    const names = new Set((message as readonly Json[]).map((name) => (Array.isArray(name) ? name.join("/") : "")));
    const named = [...this.foreign].filter(([, { taken }]) => names.has(`${taken.runKey}/${taken.task}`));
    if (named.length > 0) void this.compare(named).catch(() => undefined);
  }

  private async lookAtHeld(): Promise<void> {
    const { clock } = this.options;
    const before = clock.monotonic() - HELD_MS;
    await this.compare([...this.foreign].filter(([, { since }]) => since <= before));
  }

  /** Ends what is not held any more. */
  private async compare(tasks: readonly (readonly [HotRun, Foreign])[]): Promise<void> {
    const { store, member } = this.options;
    const holder = member.workerKey;
    const ours: [HotRun, Foreign][] = [];
    for (const [run, task] of tasks) {
      if (task.holder === holder) ours.push([run, task]);
      else this.drop(run, task.command);
    }
    if (ours.length === 0) return;
    const held = await store.held(
      holder,
      ours.map(([, { taken }]) => taken),
    );
    const names = new Set(held.map(({ runKey, task }) => `${runKey}/${task}`));
    for (const [run, { taken, command }] of ours)
      if (!names.has(`${taken.runKey}/${taken.task}`) && this.foreign.has(run)) this.drop(run, command);
  }

  /** Under no lease nothing is begun, and what was begun is aborted. */
  private endWithLease(): void {
    const { clock, member } = this.options;
    if (clock.monotonic() < member.deadline()) return;
    for (const [run, { command }] of this.foreign) this.drop(run, command);
  }

  /**
   * Gives back what the store says is ours and nobody here knows of: the answer to a taking or a giving back was lost.
   * Twice seen, for a taking may be on its way.
   */
  private async lookAtForgotten(): Promise<void> {
    const { store, member } = this.options;
    const holder = member.workerKey;
    const known = new Set(this.beginning);
    for (const { taken } of this.foreign.values()) known.add(`${taken.runKey}/${taken.task}`);
    const held = await store.holding(holder);
    for (const { taken } of this.foreign.values()) known.add(`${taken.runKey}/${taken.task}`);
    const unknown = held.filter(({ runKey, task }) => {
      const name = `${runKey}/${task}`;
      return !known.has(name) && !this.beginning.has(name);
    });
    const forgotten = unknown.filter(({ runKey, task }) => this.suspects.has(`${runKey}/${task}`));
    this.suspects = new Set(unknown.map(({ runKey, task }) => `${runKey}/${task}`));
    if (forgotten.length === 0 || member.workerKey !== holder) return;
    await store.giveBack(holder, forgotten);
  }

  private drop(run: HotRun, command: DispatchTask): void {
    this.forget(run);
    this.options.abort(run, command.id);
  }

  private forget(run: HotRun): void {
    this.foreign.delete(run);
    run.gone = true;
  }

  /** Tells of tasks again that nobody came for, unless they only pile up because nobody serves their pool. */
  private async sweep(): Promise<void> {
    const { store, transport, problem } = this.options;
    const quietMs = transport.capabilities.durable ? QUIET_MS : QUIET_LOSSY_MS;
    const tickets = await store.sweep(quietMs, SWEEP_MAX);
    for (const [pool, ofPool] of Map.groupBy(tickets, (ticket) => ticket.pool)) {
      try {
        if ((await transport.depth(pool)) < PILE_MAX) await transport.publish(ofPool);
      } catch (error) {
        problem("tickets could not be handed over; tasks are taken without them", "", error);
        await this.takeWithout(pool);
      }
    }
  }

  /** While the transport is away the store is asked for tasks itself: slower, and nothing stands still. */
  private async takeWithout(pool: string): Promise<void> {
    const { store, member, pools } = this.options;
    const room = Math.min(TAKE_MAX, this.roomOf(pool));
    if (!pools.includes(pool) || this.paused.has(pool) || this.closing || room <= 0) return;
    const holder = member.workerKey;
    const taken = await store.next(holder, pool, room);
    await Promise.all(taken.map((task) => this.begin(task, holder)));
  }

  private every(everyMs: number, work: () => Promise<void>): Recurring {
    const { clock, problem } = this.options;
    const failed = (error: unknown): void => problem("the store of tasks does not answer", "", error);
    return new Recurring({ clock, firstMs: everyMs, everyMs, work, failed });
  }
}

function ticketOf({ tenant, pool, priority, runKey, task }: TakenTask): Ticket {
  return { tenant, pool, priority, runKey, task };
}
