import { AppError, failureOf, readTask } from "@weftwork/core";
import type { DispatchTask, Json, TaskOutcome } from "@weftwork/core";
import { Batch } from "../base/batch.ts";
import type { Live } from "../live/live.ts";
import type { TaskPart } from "../nodes/node.ts";
import { hotRun, type HotRun } from "../runtime/hot-run.ts";
import { Recurring } from "../runtime/recurring.ts";
import type { PreparedPlan } from "../runtime/workflows.ts";
import type { TakenTask, TaskName, TaskStore } from "../tasks/task-store.ts";
import { PACK_MAX, type Consumer, type Ticket, type Transport } from "../transport/transport.ts";
import { nameOf, type ForeignTask } from "./foreign-task.ts";
import { ticketOf } from "./given-task.ts";
import { HandedTasks } from "./handed-tasks.ts";
import type { HandoverMessage } from "./handover-wire.ts";
import { HeldTasks } from "./held-tasks.ts";
import { ABORTS } from "./task-posts.ts";
import { TaskReports, type TaskReportsOptions } from "./task-reports.ts";

export interface TaskWorkerOptions extends Omit<TaskReportsOptions, "store" | "tellOwner"> {
  /** Tasks that are handed over, and their results. */
  readonly wire: Live<HandoverMessage>;
  readonly store: TaskStore;
  readonly transport: Transport;
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
  /** `takesHanded` has changed. */
  readonly changed: () => void;
}

/** Messages of a pool that wait here at the same time. */
const PREFETCH = 4;
const TAKE_MAX = 256;
/** A ticket that finds no room for this long goes back, for others may have some. */
const HAND_ON_MS = 250;
/** Between two looks whether what is done here is still wanted. */
const HELD_MS = 1000;
/** Between two looks for tasks that nobody was told of; and how long they have been quiet then. */
const SWEEP_MS = 5000;
const QUIET_MS = 10_000;
/** The same where the transport keeps nothing over a restart. */
const QUIET_LOSSY_MS = 4000;
const SWEEP_MAX = 1000;
/** Messages in the transport from which a pool counts as one that nobody serves: nothing is told again. */
const PILE_MAX = (4 * SWEEP_MAX) / PACK_MAX;
/** Between two looks for tasks that are ours without our knowing; and where a message was missed. */
const FORGOTTEN_MS = 10_000;
const MISSED_MS = 1500;
/** Workers that a task may take with it (F8). */
const TAKES_MAX = 5;

/**
 * Does tasks of runs that other processes hold, as its own: those whose tickets it takes from its pools, and those that
 * their owners hand to it. What became of them is told by `TaskReports`.
 *
 * T1. A task is taken only when there is room for it, so one that waits here keeps nobody else from taking it.
 * T3. After the deadline of the lease no task is begun, and what was begun is aborted.
 */
export class TaskWorker {
  private readonly options: TaskWorkerOptions;
  private readonly foreign = new Map<HotRun, ForeignTask>();
  private readonly reserved = new Map<string, number>();
  private readonly takes: Batch<TaskName, { readonly task: TakenTask; readonly holder: number } | null>;
  private readonly reports: TaskReports;
  private readonly held: HeldTasks;
  private readonly handed: HandedTasks;
  /** Tasks that came and are not among the foreign ones yet. */
  private readonly beginning = new Set<string>();
  /** Those of them that are no longer wanted. */
  private readonly unwanted = new Set<string>();
  private readonly consumers = new Map<string, Consumer>();
  /** Tickets of each pool that wait for room. */
  private readonly queued = new Map<string, number>();
  private paused: ReadonlySet<string> = new Set();
  private started = false;
  private readonly timers: readonly Recurring[];
  private stopSignals: () => void = () => undefined;
  private closing = false;

  constructor(options: TaskWorkerOptions) {
    this.options = options;
    const { clock, wire, store, member } = options;
    this.takes = new Batch({ clock, max: TAKE_MAX, call: (names) => this.take(names) });
    this.handed = new HandedTasks({
      wire,
      clock,
      begin: (task) => this.beginHanded(task),
      drop: (names) => this.dropNamed(names),
      missed: () => this.missed(),
    });
    this.reports = new TaskReports({ ...options, tellOwner: (task, input) => this.handed.tell(task, input) });
    const { foreign: tasks, beginning } = this;
    this.held = new HeldTasks({
      store,
      clock,
      member,
      tasks,
      beginning,
      drop: (run, { command }) => this.drop(run, command),
    });
    this.timers = [
      this.every(HELD_MS, () => Promise.resolve(this.lookAtLease())),
      this.every(HELD_MS, () => this.held.look()),
      this.every(FORGOTTEN_MS, () => this.held.lookForForgotten()),
      this.every(SWEEP_MS, () => this.sweep()),
    ];
  }

  start(): void {
    const { pools, signals, member } = this.options;
    this.stopSignals = signals.subscribe(ABORTS, (message: Json) => this.held.unwanted(message));
    this.handed.listen(member.workerKey);
    for (const pool of pools) if (!this.paused.has(pool)) this.consume(pool);
    this.started = true;
    for (const timer of this.timers) timer.start();
    this.options.changed();
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

  /** Whether it begins what is handed to it. */
  get takesHanded(): boolean {
    return this.started && !this.closing && this.handed.hears(this.options.member.workerKey);
  }

  /** Whether the run of a task is held by another process. */
  isForeign(run: HotRun): boolean {
    return this.foreign.has(run);
  }

  /** Takes nothing more. */
  async stop(): Promise<void> {
    this.closing = true;
    this.options.changed();
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
      if (!command.started || !hasBegun(run) || this.reports.isTelling(run)) continue;
      this.report(run, { type: "failed", failure: failureOf(new AppError("OUTCOME_UNKNOWN")) });
    }
    await Promise.race([
      this.reports.settled(),
      new Promise<void>((resolve) => void this.options.clock.after(graceMs, resolve)),
    ]);
    const tickets: Ticket[] = [];
    for (const [run, { taken, command, handed }] of this.foreign) {
      run.gone = true;
      if (handed) this.handed.giveBack(taken);
      // What was begun and must not be repeated is left to the end of the lease, for its next taker to see.
      if (!command.started || !hasBegun(run)) tickets.push(ticketOf(taken));
    }
    this.foreign.clear();
    this.handed.close();
    if (tickets.length === 0 || member.isOver) return;
    try {
      await store.giveBack(member.workerKey, tickets);
      await transport.publish(tickets);
    } catch (error) {
      problem("tasks could not be given back at once; others take them a little later", "", error);
    }
  }

  report(run: HotRun, outcome: TaskOutcome): void {
    const task = this.foreign.get(run);
    if (task) void this.reports.tell(run, task, outcome).then(() => this.forget(run));
  }

  progress(run: HotRun, part: TaskPart): void {
    const task = this.foreign.get(run);
    if (task) this.reports.progress(task, part);
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
      add(this.queued, pool, waiting.length);
      await new Promise<void>((resolve) => void clock.after(pause, resolve));
      add(this.queued, pool, -waiting.length);
    }
    return undefined;
  }

  private roomOf(pool: string): number {
    const { member, clock, room } = this.options;
    if (clock.monotonic() >= member.deadline()) return 0;
    return room(pool) - (this.reserved.get(pool) ?? 0);
  }

  private async take(names: readonly TaskName[]): Promise<readonly ({ task: TakenTask; holder: number } | null)[]> {
    const holder = this.options.member.workerKey;
    const taken = await this.options.store.take(holder, names);
    const byName = new Map(taken.map((task) => [nameOf(task), { task, holder }]));
    return names.map((name) => {
      const found = byName.get(nameOf(name)) ?? null;
      // Of two tickets of one task in the same moment one begins it (F44).
      byName.delete(nameOf(name));
      return found;
    });
  }

  private async takeAll(pool: string, tickets: readonly Ticket[]): Promise<void> {
    add(this.reserved, pool, tickets.length);
    try {
      const taken = await Promise.all(tickets.map(({ runKey, task }) => this.takes.add({ runKey, task })));
      await Promise.all(taken.map((one) => one && this.begin(one.task, one.holder, false)));
    } finally {
      add(this.reserved, pool, -tickets.length);
    }
  }

  /** Those who came by tickets and wait for room come first. */
  private beginHanded(task: TakenTask): boolean {
    const { pool } = task;
    if (this.closing || this.paused.has(pool) || !this.options.pools.includes(pool)) return false;
    if (this.roomOf(pool) <= (this.queued.get(pool) ?? 0)) return false;
    add(this.reserved, pool, 1);
    void this.begin(task, this.options.member.workerKey, true).finally(() => add(this.reserved, pool, -1));
    return true;
  }

  private async begin(taken: TakenTask, holder: number, handed: boolean): Promise<void> {
    const { plans, dispatch, clock, problem, member } = this.options;
    const { runKey: key, tenant, runId: id, epoch } = taken;
    const name = nameOf(taken);
    this.beginning.add(name);
    try {
      const task = readTask(taken.body);
      const { plan, nested } = await plans(task.hash, task.pins, tenant);
      if (this.unwanted.delete(name)) return;
      // The lease may have ended meanwhile: then it is somebody else's.
      if (member.workerKey !== holder || clock.monotonic() >= member.deadline()) return;
      const { state, command } = task.decode(plan, nested);
      const at = { key, tenant, id, epoch, state, nextSeq: state.seq + 1, creation: null, recordedStatus: null };
      const run = hotRun(at);
      this.foreign.set(run, { taken, command, holder, since: clock.monotonic(), handed, parts: [], telling: false });
      if (command.started && taken.takes > 1)
        this.report(run, { type: "failed", failure: failureOf(new AppError("OUTCOME_UNKNOWN")) });
      else if (taken.takes > TAKES_MAX) {
        const lost = new AppError("STEP_QUARANTINED", { count: taken.takes - 1 });
        this.report(run, { type: "failed", failure: failureOf(lost) });
      } else if (!dispatch(run, command)) {
        this.forget(run);
        await this.giveBackOne(taken, holder, handed);
      }
    } catch (error) {
      // Another process may be able to: a newer version that knows the plan, a store that answers there.
      problem("a task cannot be begun here", id, error);
      // Where this fails as well, the look at all that is held finds it.
      await this.giveBackOne(taken, holder, handed).catch(() => undefined);
    } finally {
      this.beginning.delete(name);
      this.unwanted.delete(name);
    }
  }

  private async giveBackOne(taken: TakenTask, holder: number, handed: boolean): Promise<void> {
    if (handed) this.handed.giveBack(taken);
    // One that was handed over may stand there by now, in our name.
    await this.options.store.giveBack(holder, [taken]);
  }

  /** Handed over to us, and not wanted any more. */
  private dropNamed(names: readonly TaskName[]): void {
    const dropped = new Set(names.map(nameOf));
    for (const name of dropped) if (this.beginning.has(name)) this.unwanted.add(name);
    for (const [run, { taken, command }] of this.foreign) if (dropped.has(nameOf(taken))) this.drop(run, command);
  }

  /** What was handed over to us may have been lost: its owner puts it up in our name, and we do not know of it. */
  private missed(): void {
    const { clock } = this.options;
    const look = (): void => {
      if (!this.closing) void this.held.lookForForgotten().catch(() => undefined);
    };
    clock.after(MISSED_MS, look);
    clock.after(2 * MISSED_MS, look);
  }

  /** A new membership has a new name, under which tasks are handed over. */
  private lookAtLease(): void {
    this.held.endWithLease();
    const { member, changed } = this.options;
    if (this.closing || this.handed.hears(member.workerKey)) return;
    this.handed.listen(member.workerKey);
    changed();
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
    await Promise.all(taken.map((task) => this.begin(task, holder, false)));
  }

  private every(everyMs: number, work: () => Promise<void>): Recurring {
    const { clock, problem } = this.options;
    const failed = (error: unknown): void => problem("the store of tasks does not answer", "", error);
    return new Recurring({ clock, firstMs: everyMs, everyMs, work, failed });
  }
}

function add(counts: Map<string, number>, pool: string, count: number): void {
  counts.set(pool, (counts.get(pool) ?? 0) + count);
}
