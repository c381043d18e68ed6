import { AppError, encodeTask, failureOf, nodeOf } from "@weftwork/core";
import type { DispatchTask, Json, TaskOutcome, WorkNode } from "@weftwork/core";
import type { Live } from "../live/live.ts";
import type { TaskPart } from "../nodes/node.ts";
import { spread, type Clock } from "../runtime/clock.ts";
import type { HotRun } from "../runtime/hot-run.ts";
import type { PostedTask, TaskName, TaskStore } from "../tasks/task-store.ts";
import type { Ticket, Transport } from "../transport/transport.ts";
import { Pool, type PoolTask } from "./pool.ts";

export interface RemoteTasksOptions {
  readonly store: TaskStore;
  readonly transport: Transport;
  readonly clock: Clock;
  /** The key of this process among the workers of the store, as it is now. */
  readonly owner: () => number;
  /** Small messages between processes: what tasks say, and which are no longer wanted. */
  readonly signals: Live<Json>;
  /** Tasks of one pool that stand in the store at a time; the others wait here, in fair order. */
  readonly window: number;
  /** How long a task may wait for a worker of its pool, in milliseconds; null: as long as it takes. */
  readonly queueMsMax: number | null;
  readonly report: (run: HotRun, task: DispatchTask, outcome: TaskOutcome) => void;
  readonly progress: (run: HotRun, task: DispatchTask, part: TaskPart) => void;
  readonly problem: (message: string, error: unknown) => void;
}

/** A task that somebody else does. */
interface Given extends PoolTask {
  readonly run: HotRun;
  readonly command: DispatchTask;
  readonly pool: Pool<Given>;
  stage: "waiting" | "posting" | "posted";
  /** It may stand in the store already. */
  again: boolean;
  postedAt: number;
  /** It stood in the store when the owner looked last. */
  seenAt: number;
  missed: number;
}

/** Between two looks whether what was put up is still there. */
const LOOK_MS = 10_000;
const LOOK_MS_MIN = 250;
const RETRY_MS_MAX = 5000;
const POST_MAX = 256;
const LOOK_MAX = 1000;
const WITHDRAW_MAX = 500;
/** Channel of a process for what its tasks say elsewhere. */
export const partsChannel = (owner: number): string => `parts/${owner}`;
/** Channel on which all hear of tasks that are no longer wanted. */
export const ABORTS = "aborts";

/**
 * Tasks of runs held here that other processes do. They are put up only when the row that led to them is recorded; the
 * journal stays the truth, so what the store loses is put up again.
 *
 * D1. A task stands in the store, or waits here for its place there, from its dispatch to its report or withdrawal.
 * D2. The results come back through the inbox of the run, as every input does.
 * D3. A task that must not be done twice and is missing from the store without a result has an unknown outcome.
 */
export class RemoteTasks {
  private readonly options: RemoteTasksOptions;
  /** Where tasks may wait for a short time only, that is looked at sooner. */
  private readonly lookMs: number;
  private readonly given = new Map<string, Given>();
  private readonly pools = new Map<string, Pool<Given>>();
  private readonly listening = new Map<number, () => void>();
  private posting: Given[] = [];
  private withdrawn: (TaskName & { readonly epoch: number })[] = [];
  private busy = false;
  private withdrawing = false;
  /** Null while there is nothing to look after. */
  private cancelLook: (() => void) | null = null;
  private closed = false;

  constructor(options: RemoteTasksOptions) {
    this.options = options;
    this.lookMs = Math.min(LOOK_MS, Math.max(LOOK_MS_MIN, (options.queueMsMax ?? Infinity) / 4));
  }

  /** Since when the task waits or is done elsewhere; null: it is not given to others. */
  since(run: HotRun, commandId: string): number | null {
    return this.given.get(keyOf(run, commandId))?.at ?? null;
  }

  /** `again`: others may be doing it, put up by an earlier owner. */
  post(run: HotRun, command: DispatchTask, poolName: string, again = false): void {
    const task = this.give(run, command, poolName);
    if (!task) return;
    task.again = again;
    task.pool.push(task);
    this.fill(task.pool);
  }

  /** Tasks of a run that stand in the store, or whose results wait for the run, by their commands. */
  async standing(run: HotRun): Promise<ReadonlySet<string>> {
    const names: TaskName[] = [];
    for (const { type, id } of run.state.owed.values())
      if (type === "dispatch_task") names.push({ runKey: run.key, task: id });
    if (names.length === 0) return new Set();
    return new Set((await this.options.store.present(names)).map(({ task }) => task));
  }

  private give(run: HotRun, command: DispatchTask, poolName: string): Given | null {
    const key = keyOf(run, command.id);
    if (this.given.has(key) || this.closed) return null;
    const pool = this.pool(poolName);
    const node = nodeOf(run.state.scopes.get(command.scope)!, command.node) as WorkNode;
    const created = run.state.created!;
    const now = this.options.clock.monotonic();
    const task: Given = {
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
      again: false,
      postedAt: now,
      seenAt: now,
      missed: 0,
    };
    this.given.set(key, task);
    this.cancelLook ??= this.lookLater();
    return task;
  }

  /** The result came in. */
  reported(run: HotRun, commandId: string): void {
    this.remove(keyOf(run, commandId));
  }

  /** The run no longer wants the task. One that only leaves this process leaves its tasks to the next owner. */
  abort(run: HotRun, commandId: string): void {
    if (this.given.size === 0) return;
    const task = this.remove(keyOf(run, commandId));
    if (task && task.stage !== "waiting") this.takeBack(task);
  }

  /** Withdraws a task, unless its run has only left this process: then the next owner has it. */
  private takeBack({ run, command }: Given): void {
    if (run.gone && !run.endRecorded) return;
    this.withdrawn.push({ runKey: run.key, task: command.id, epoch: run.epoch });
    if (this.withdrawing) return;
    this.withdrawing = true;
    this.options.clock.soon(() => void this.withdraw());
  }

  close(): void {
    this.closed = true;
    this.cancelLook?.();
    for (const stop of this.listening.values()) stop();
    this.listening.clear();
  }

  private pool(name: string): Pool<Given> {
    let pool = this.pools.get(name);
    if (!pool) this.pools.set(name, (pool = new Pool(name, this.options.window)));
    return pool;
  }

  private remove(key: string): Given | undefined {
    const task = this.given.get(key);
    if (!task) return undefined;
    this.given.delete(key);
    if (task.stage !== "waiting") {
      task.pool.left(task, this.options.clock.monotonic() - task.postedAt);
      this.fill(task.pool);
    }
    return task;
  }

  /** Moves tasks from the fair queue towards the store, as far as its window goes. */
  private fill(pool: Pool<Given>): void {
    while (pool.canStart) {
      const task = pool.shift()!;
      if (this.given.get(keyOf(task.run, task.command.id)) !== task) {
        pool.withdraw(task);
        continue;
      }
      pool.active += 1;
      task.stage = "posting";
      task.postedAt = this.options.clock.monotonic();
      this.posting.push(task);
    }
    if (this.busy || this.posting.length === 0) return;
    this.busy = true;
    this.options.clock.soon(() => void this.postAll());
  }

  private async postAll(): Promise<void> {
    const { store, transport, clock, problem } = this.options;
    for (let delay = 100; this.posting.length > 0 && !this.closed;) {
      const [batch, posted] = this.encoded(this.posting.splice(0, POST_MAX));
      if (posted.length === 0) continue;
      const owner = this.options.owner();
      this.listen(owner);
      try {
        await store.post(owner, posted);
        delay = 100;
      } catch (error) {
        problem("tasks for other processes could not be put up; trying again", error);
        // It may have been done, and the answer lost.
        for (const task of batch) task.again = true;
        this.posting.unshift(...batch);
        await new Promise<void>((resolve) => void clock.after(this.pause(delay), resolve));
        delay = Math.min(delay * 2, RETRY_MS_MAX);
        continue;
      }
      const now = clock.monotonic();
      for (const task of batch) {
        task.stage = "posted";
        task.seenAt = now;
      }
      // Its result came while it was put up once more: it is to stand there no longer, and nobody is told of it.
      for (const task of batch) if (!this.isWanted(task)) this.takeBack(task);
      const told = posted.filter((_, at) => this.isWanted(batch[at]!));
      // Whoever misses the ticket finds the task: the store names it again.
      transport.publish(told.map((task) => ticketOf(task))).catch((error: unknown) => {
        problem("tickets could not be handed over; they are published again", error);
      });
    }
    this.busy = false;
    if (this.posting.length > 0 && !this.closed) {
      this.busy = true;
      void this.postAll();
    }
  }

  /** Again until the store has answered: an unwanted task that stays there would be done. */
  private async withdraw(): Promise<void> {
    const { store, clock, signals, problem } = this.options;
    for (let delay = 100; this.withdrawn.length > 0; delay = Math.min(delay * 2, RETRY_MS_MAX)) {
      const tasks = this.withdrawn.slice(0, WITHDRAW_MAX);
      try {
        await store.withdraw(tasks);
        this.withdrawn.splice(0, tasks.length);
        delay = 50;
        // Their holders look when they hear of it, and find that they hold them no more.
        signals.publish(
          ABORTS,
          tasks.map(({ runKey, task }) => [runKey, task]),
        );
      } catch (error) {
        if (this.closed) break;
        problem("tasks could not be withdrawn; trying again", error);
        await new Promise<void>((resolve) => void clock.after(this.pause(delay), resolve));
      }
    }
    this.withdrawing = false;
  }

  /** Looks whether what was put up still stands, and whether it has waited for too long. */
  private async look(): Promise<void> {
    const { clock, problem } = this.options;
    const before = clock.monotonic() - LOOK_MS;
    const old = [...this.given.values()].filter(({ stage, seenAt }) => stage === "posted" && seenAt <= before);
    try {
      for (let at = 0; at < old.length && !this.closed; at += LOOK_MAX)
        await this.compare(old.slice(at, at + LOOK_MAX));
      await this.endOverdue();
    } catch (error) {
      problem("the store of tasks does not answer", error);
    }
    this.cancelLook = this.closed || this.given.size === 0 ? null : this.lookLater();
  }

  private lookLater(): () => void {
    return this.options.clock.after(this.pause(this.lookMs), () => void this.look());
  }

  private async compare(tasks: readonly Given[]): Promise<void> {
    const names = tasks.map(({ run, command }) => ({ runKey: run.key, task: command.id }));
    const standing = new Set((await this.options.store.present(names)).map(({ runKey, task }) => `${runKey}/${task}`));
    const now = this.options.clock.monotonic();
    for (const task of tasks) {
      if (!this.isWanted(task)) {
        this.forget(task);
        continue;
      }
      task.seenAt = now;
      if (standing.has(keyOf(task.run, task.command.id))) task.missed = 0;
      else this.miss(task);
    }
  }

  /** Its result may be on its way: only what is missing twice is taken for lost. */
  private miss(task: Given): void {
    task.missed += 1;
    if (task.missed < 2) return;
    task.missed = 0;
    if (task.command.started) {
      this.remove(keyOf(task.run, task.command.id));
      this.options.report(task.run, task.command, failed(new AppError("OUTCOME_UNKNOWN")));
      return;
    }
    task.stage = "posting";
    task.again = true;
    this.posting.push(task);
    this.fill(task.pool);
  }

  /** What nobody has begun for too long is taken away first: who took it meanwhile does it. */
  private async endOverdue(): Promise<void> {
    const limit = this.options.queueMsMax;
    if (limit === null) return;
    const now = this.options.clock.monotonic();
    const overdue = [...this.given.values()].filter((task) => now - task.at >= limit && this.isWanted(task));
    const standing = overdue.filter(({ stage }) => stage === "posted");
    const names = standing.map(({ run, command }) => ({ runKey: run.key, task: command.id }));
    const expired = new Set((await this.options.store.expire(names)).map(({ runKey, task }) => `${runKey}/${task}`));
    for (const task of overdue) {
      const { run, command, pool, stage } = task;
      if (!this.isWanted(task) || (stage !== "waiting" && !expired.has(keyOf(run, command.id)))) continue;
      this.remove(keyOf(run, command.id));
      const details = { pool: pool.name, waitedMs: Math.round(now - task.at) };
      this.options.report(run, command, failed(new AppError("QUEUE_TIMEOUT", details)));
    }
  }

  /** Tasks as the store takes them. One that cannot be written down fails by the rules of its step. */
  private encoded(tasks: readonly Given[]): readonly [Given[], PostedTask[]] {
    const [batch, posted]: [Given[], PostedTask[]] = [[], []];
    for (const task of tasks) {
      if (!this.isWanted(task)) {
        this.forget(task);
        continue;
      }
      try {
        posted.push(postedOf(task));
        batch.push(task);
      } catch (error) {
        this.remove(keyOf(task.run, task.command.id));
        this.options.report(task.run, task.command, { type: "failed", failure: failureOf(error, "STEP_FAILED") });
      }
    }
    return [batch, posted];
  }

  /** Its place in the window is free again. */
  private forget(task: Given): void {
    const key = keyOf(task.run, task.command.id);
    if (this.given.get(key) === task) this.remove(key);
  }

  private isWanted(task: Given): boolean {
    const { run, command } = task;
    return this.given.get(keyOf(run, command.id)) === task && !run.gone && run.state.owed.get(command.id) === command;
  }

  /** Hears what the tasks say that this process has put up. */
  private listen(owner: number): void {
    if (this.listening.has(owner)) return;
    const stop = this.options.signals.subscribe(partsChannel(owner), (message) => this.said(message));
    this.listening.set(owner, stop);
  }

  private said(message: Json): void {
    const { run: runKey, task: id, parts } = message as { run: number; task: string; parts?: readonly TaskPart[] };
    if (!Array.isArray(parts)) return;
    const task = this.given.get(`${runKey}/${id}`);
    if (!task || !this.isWanted(task)) return;
    for (const part of parts) this.options.progress(task.run, task.command, part);
  }

  private pause(ms: number): number {
    return spread(this.options.clock, ms);
  }
}

function keyOf(run: HotRun, commandId: string): string {
  return `${run.key}/${commandId}`;
}

function failed(error: AppError): TaskOutcome {
  return { type: "failed", failure: failureOf(error) };
}

function postedOf({ run, command, pool, priority, again }: Given): PostedTask {
  return {
    runKey: run.key,
    task: command.id,
    tenant: run.tenant,
    runId: run.id,
    epoch: run.epoch,
    pool: pool.name,
    priority,
    ...(command.started ? { once: true } : {}),
    ...(again ? { again } : {}),
    body: encodeTask(run.state, command),
  };
}

function ticketOf({ runKey, task, tenant, pool, priority }: PostedTask): Ticket {
  return { runKey, task, tenant, pool, priority };
}
