import { encodeTaskBriefly, nodeOf } from "@weftwork/core";
import type { DispatchTask, Json, TaskOutcome, WorkNode } from "@weftwork/core";
import type { Live } from "../live/live.ts";
import type { TaskPart } from "../nodes/node.ts";
import type { Clock } from "../runtime/clock.ts";
import type { HotRun } from "../runtime/hot-run.ts";
import type { TaskName, TaskStore } from "../tasks/task-store.ts";
import type { Transport } from "../transport/transport.ts";
import { Batch } from "../base/batch.ts";
import { nameOf } from "./foreign-task.ts";
import { keyOf, type GivenTask } from "./given-task.ts";
import { Handover, type Place } from "./handover.ts";
import type { HandoverMessage } from "./handover-wire.ts";
import { Pool } from "./pool.ts";
import { PostedLooks } from "./posted-looks.ts";
import type { Presence } from "./presence.ts";
import { TaskPosts } from "./task-posts.ts";

export interface RemoteTasksOptions {
  readonly store: TaskStore;
  readonly transport: Transport;
  readonly clock: Clock;
  /** The key of this process among the workers of the store, as it is now. */
  readonly owner: () => number;
  /** Small messages between processes: what tasks say, and which are no longer wanted. */
  readonly signals: Live<Json>;
  /** Tasks that are handed over, and their results. */
  readonly wire: Live<HandoverMessage>;
  /** Other processes that take what is handed to them, and certainly hear of it. */
  readonly others: () => readonly Presence[];
  /** Tasks of one pool that others have at a time; the others wait here, in fair order. */
  readonly window: number;
  /** How long a task may wait for a worker of its pool, in milliseconds; null: as long as it takes. */
  readonly queueMsMax: number | null;
  /** Told of each task that leaves for others: straight to a worker, or into the store. */
  readonly given: (way: "handed" | "stored") => void;
  /** Whether the runs held here are still ours. */
  readonly mayTake: () => boolean;
  readonly report: (run: HotRun, task: DispatchTask, outcome: TaskOutcome) => void;
  /** The same; resolves when it is recorded, and rejects when the run leaves this process before. */
  readonly record: (run: HotRun, task: DispatchTask, outcome: TaskOutcome) => Promise<void>;
  readonly progress: (run: HotRun, task: DispatchTask, part: TaskPart) => void;
  readonly problem: (message: string, error: unknown) => void;
}

/** How long a task waits for a place at a worker before it is put up for whoever comes. */
const PLACE_MS = 50;
/** What was handed over and not heard of for so long is put up in the name of its worker. */
const HANDED_MS = 1000;
const HANDED_LOOK_MS = 250;
/** Characters of a task that is handed over. */
const HANDED_CHARS_MAX = 16 * 1024;
/** How long the end of this process waits for what is handed over to be put up. */
const SETTLE_MS = 3000;
/** Runs whose tasks are asked for together. */
const RUNS_ASKED_MAX = 64;
/** Channel of a process for what its tasks say elsewhere. */
export const partsChannel = (owner: number): string => `parts/${owner}`;

/**
 * Tasks of runs held here that other processes do. They are given away only when the row that led to them is recorded;
 * the journal stays the truth, so what gets lost is given away again.
 *
 * D1. From its dispatch to its report or withdrawal a task waits here for its turn, or is with a worker to which it was
 *     handed a moment ago, or stands in the store.
 * D2. The result of a task that stands in the store comes back through the inbox of its run, as every input does; that of
 *     one that does not, straight from its worker.
 */
export class RemoteTasks {
  private readonly options: RemoteTasksOptions;
  private readonly given = new Map<string, GivenTask>();
  private readonly pools = new Map<string, Pool<GivenTask>>();
  private readonly listening = new Map<number, () => void>();
  private readonly posts: TaskPosts;
  private readonly looks: PostedLooks;
  private readonly handover: Handover;
  /** Runs that are taken over in the same moment are asked about in one question. */
  private readonly presence: Batch<readonly TaskName[], ReadonlySet<string>>;
  private cancelHandedLook: (() => void) | null = null;
  private cancelPatience: (() => void) | null = null;
  /** Nothing is handed over any more. */
  private settling = false;
  private closed = false;

  constructor(options: RemoteTasksOptions) {
    this.options = options;
    const judged = {
      isWanted: (task: GivenTask) => this.isWanted(task),
      forget: (task: GivenTask) => this.forget(task),
      failed: (task: GivenTask, outcome: TaskOutcome) => {
        this.forget(task);
        options.report(task.run, task.command, outcome);
      },
    };
    this.presence = new Batch<readonly TaskName[], ReadonlySet<string>>({
      clock: options.clock,
      max: RUNS_ASKED_MAX,
      call: async (asked) => {
        const found = new Set((await options.store.present(asked.flat())).map(nameOf));
        return asked.map((names) => new Set(names.filter((name) => found.has(nameOf(name))).map(({ task }) => task)));
      },
    });
    this.posts = new TaskPosts({ ...options, ...judged, owner: () => this.listen() });
    this.looks = new PostedLooks({ ...options, ...judged, given: this.given, again: (task) => this.putUpAgain(task) });
    this.handover = new Handover({
      ...options,
      result: (name, epoch, outcome) => this.result(name, epoch, outcome),
      returned: (name) => this.returned(name),
      stand: (name) => {
        const task = this.given.get(nameOf(name));
        if (task?.stage === "handed") this.posts.add(task);
      },
      missed: () => this.standUp(() => true),
    });
  }

  /** Whether the task may wait for somebody to take it: it is given to others, and not handed to one of them. */
  mayWait(run: HotRun, commandId: string): boolean {
    const task = this.given.get(keyOf(run, commandId));
    return task !== undefined && task.stage !== "handed";
  }

  /** `again`: others may be doing it, put up by an earlier owner. */
  post(run: HotRun, command: DispatchTask, poolName: string, again = false): void {
    const key = keyOf(run, command.id);
    if (this.given.has(key) || this.closed) return;
    const pool = this.pool(poolName);
    const node = nodeOf(run.state.scopes.get(command.scope)!, command.node) as WorkNode;
    const created = run.state.created!;
    const now = this.options.clock.monotonic();
    const task: GivenTask = {
      run,
      command,
      pool,
      tenant: run.tenant,
      flow: created.workflow,
      priority: node.priority ?? created.priority,
      kind: node.type,
      at: now,
      bonusMs: 0,
      booked: 0,
      stage: "waiting",
      place: null,
      again,
      postedAt: now,
      seenAt: now,
      missed: 0,
    };
    this.given.set(key, task);
    this.looks.start();
    pool.push(task);
    this.fill(pool);
  }

  /** Tasks of a run that stand in the store, or whose results wait for the run, by their commands. */
  async standing(run: HotRun): Promise<ReadonlySet<string>> {
    const names: TaskName[] = [];
    for (const { type, id } of run.state.owed.values())
      if (type === "dispatch_task") names.push({ runKey: run.key, task: id });
    return names.length === 0 ? new Set() : this.presence.add(names);
  }

  /** The result came in. */
  reported(run: HotRun, commandId: string): void {
    this.remove(keyOf(run, commandId));
  }

  /** The run no longer wants the task. One that only leaves this process leaves its tasks to the next owner. */
  abort(run: HotRun, commandId: string): void {
    if (this.given.size === 0) return;
    const key = keyOf(run, commandId);
    const task = this.given.get(key);
    if (!task) return;
    if (task.stage === "handed") this.handover.drop(task.place!, { runKey: run.key, task: commandId });
    else if (task.stage !== "waiting") this.posts.takeBack(task);
    this.remove(key);
  }

  /**
   * Hands nothing over from now on, and resolves when what is under way at workers stands in the store: whoever takes the
   * runs over knows that it is being done.
   */
  async settle(): Promise<void> {
    this.settling = true;
    this.standUp(() => true);
    for (const pool of this.pools.values()) this.fill(pool);
    let giveUp: () => void = () => undefined;
    const tooLong = new Promise<void>((resolve) => void (giveUp = this.options.clock.after(SETTLE_MS, resolve)));
    await Promise.race([this.posts.settled(), tooLong]);
    giveUp();
  }

  close(): void {
    this.closed = true;
    this.posts.close();
    this.looks.close();
    this.handover.close();
    this.cancelHandedLook?.();
    this.cancelPatience?.();
    for (const stop of this.listening.values()) stop();
    this.listening.clear();
  }

  private pool(name: string): Pool<GivenTask> {
    let pool = this.pools.get(name);
    if (!pool) this.pools.set(name, (pool = new Pool(name, this.options.window)));
    return pool;
  }

  private remove(key: string): void {
    const task = this.given.get(key);
    if (!task) return;
    this.given.delete(key);
    this.leavePlace(task);
    if (task.stage === "waiting") return;
    task.pool.left(task, this.options.clock.monotonic() - task.postedAt);
    this.fill(task.pool);
  }

  /** Its place in the window is free again. */
  private forget(task: GivenTask): void {
    const key = keyOf(task.run, task.command.id);
    if (this.given.get(key) === task) this.remove(key);
  }

  private isWanted(task: GivenTask): boolean {
    const { run, command } = task;
    return this.given.get(keyOf(run, command.id)) === task && !run.gone && run.state.owed.get(command.id) === command;
  }

  /** Moves tasks from the fair queue to workers that have room, or towards the store, as far as its window goes. */
  private fill(pool: Pool<GivenTask>): void {
    while (pool.canStart) {
      const place = this.settling ? null : this.handover.place(pool.name);
      if (place === null && this.waitsForPlace(pool)) return;
      const task = pool.shift()!;
      if (this.given.get(keyOf(task.run, task.command.id)) !== task) {
        pool.withdraw(task);
        continue;
      }
      pool.active += 1;
      task.postedAt = this.options.clock.monotonic();
      const isHanded = place !== null && this.hand(task, place);
      if (!isHanded) this.posts.add(task);
      this.options.given(isHanded ? "handed" : "stored");
    }
  }

  /** Whether a worker of the pool is likely to have room in a moment. */
  private waitsForPlace(pool: Pool<GivenTask>): boolean {
    const { clock } = this.options;
    if (this.settling || !this.handover.serves(pool.name)) return false;
    if (clock.monotonic() - (pool.oldestAt ?? Number.NEGATIVE_INFINITY) >= PLACE_MS) return false;
    this.cancelPatience ??= clock.after(PLACE_MS, () => {
      this.cancelPatience = null;
      for (const each of this.pools.values()) this.fill(each);
    });
    return true;
  }

  /**
   * Straight to a worker that has room for it. Not what must not be done twice: that it was taken is to be durable; and
   * not what others may be doing.
   */
  private hand(task: GivenTask, place: Place): boolean {
    const { run, command, pool, priority, again } = task;
    if (again || command.started || !this.isWanted(task)) return false;
    let body: string;
    try {
      body = encodeTaskBriefly(run.state, command);
    } catch {
      // It fails by the rules of its step where it is written for the store.
      return false;
    }
    if (body.length > HANDED_CHARS_MAX) return false;
    this.handover.listen(this.listen());
    const { key, tenant, id, epoch } = run;
    this.handover.give(place, { run: key, task: command.id, tenant, id, epoch, pool: pool.name, priority, body });
    task.stage = "handed";
    task.place = place;
    this.cancelHandedLook ??= this.options.clock.after(HANDED_LOOK_MS, () => this.lookAtHanded());
    return true;
  }

  private leavePlace(task: GivenTask): void {
    if (task.place) this.handover.left(task.place);
    task.place = null;
  }

  /** What was handed over and is not heard of soon is put up, in the name of the worker that has it. */
  private lookAtHanded(): void {
    const before = this.options.clock.monotonic() - HANDED_MS;
    let left = 0;
    this.standUp(({ postedAt }) => {
      if (postedAt > before) left += 1;
      return postedAt <= before;
    });
    this.cancelHandedLook =
      this.closed || left === 0 ? null : this.options.clock.after(HANDED_LOOK_MS, () => this.lookAtHanded());
  }

  /** From now on those of what was handed over stand in the store, as taken by the workers that have them. */
  private standUp(these: (task: GivenTask) => boolean): void {
    for (const task of this.given.values()) if (task.stage === "handed" && these(task)) this.posts.add(task);
  }

  /** A worker does not begin what was handed to it. One that was put up meanwhile is freed in the store. */
  private returned(name: TaskName): void {
    const task = this.given.get(nameOf(name));
    if (!task?.place) return;
    this.handover.full(task.place);
    this.leavePlace(task);
    if (task.stage === "handed") this.posts.add(task);
  }

  private putUpAgain(task: GivenTask): void {
    task.again = true;
    this.leavePlace(task);
    this.posts.add(task);
  }

  /**
   * A result that came straight from a worker. Resolves when it is recorded; null: it is not wanted here. What stands in
   * the store is told there: the task leaves in the transaction that puts its result into the inbox, so nobody does it
   * again, whoever ends in between.
   */
  private result(name: TaskName, epoch: number, outcome: TaskOutcome): Promise<void> | null {
    const key = nameOf(name);
    const task = this.given.get(key);
    if (task?.stage !== "handed" || task.run.epoch !== epoch) return null;
    if (!this.isWanted(task) || !this.options.mayTake()) return null;
    this.remove(key);
    return this.options.record(task.run, task.command, outcome);
  }

  /** Hears what the tasks say that this process has given away; answers its key. */
  private listen(): number {
    const owner = this.options.owner();
    if (!this.listening.has(owner) && !this.closed) {
      const stop = this.options.signals.subscribe(partsChannel(owner), (message) => this.said(message));
      this.listening.set(owner, stop);
    }
    return owner;
  }

  private said(message: Json): void {
    const { run: runKey, task: name, parts } = message as { run: number; task: string; parts?: readonly TaskPart[] };
    if (!Array.isArray(parts)) return;
    const task = this.given.get(nameOf({ runKey, task: name }));
    if (!task || !this.isWanted(task)) return;
    for (const part of parts) this.options.progress(task.run, task.command, part);
  }
}
