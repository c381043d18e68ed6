import { nodeOf, type DispatchTask, type Priority, type TaskOutcome, type WorkNode } from "@weftwork/core";
import type { NodeRegistry } from "../nodes/node.ts";
import type { PoolSizes } from "../limits/pool-size.ts";
import type { HotRun } from "../runtime/hot-run.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Payloads } from "../runtime/payloads.ts";
import { Pump } from "../runtime/pump.ts";
import type { Tasks } from "../runtime/owner.ts";
import { poolOf, type NodeExecutor, type TaskPart } from "../nodes/node.ts";
import type { SecretSource } from "../secrets/secrets.ts";
import { execute, type RunningTask } from "./execute.ts";
import { droppedOf, poolLimit } from "./pool-limits.ts";
import { Pool, type PoolTask } from "./pool.ts";
import { ResultCache } from "./result-cache.ts";
import { roomOf } from "./room.ts";

/** Tasks done at the same time in each pool, unless configured otherwise. */
export const POOL_DEFAULTS: Readonly<Record<string, number>> = {
  default: 256,
  generation: 64,
  retrieval: 32,
  agent: 16,
  code: 4,
  gpu: 1,
};

/** Tasks waiting for each slot from which a pool counts as behind. */
const BEHIND = 2;

export interface WorkerOptions {
  readonly registry: NodeRegistry;
  readonly payloads: Payloads;
  readonly clock: Clock;
  readonly pools: PoolSizes;
  readonly resultBytesMax: number;
  /** Left out where nothing leaves the process. */
  readonly secrets?: SecretSource;
  readonly report: (run: HotRun, task: DispatchTask, outcome: TaskOutcome) => void;
  readonly progress: (run: HotRun, task: DispatchTask, part: TaskPart) => void;
  /** Told of each attempt that has ended; `wanted` false: the run gave it up. Left out: nobody counts. */
  readonly ended?: (type: string, outcome: TaskOutcome, ms: number, wanted: boolean) => void;
  /** Remember which runs had a task begun. */
  readonly keepsBegun?: boolean;
  /** Whether an effect may still be started: the lease under which this process has the task holds. */
  readonly mayStart: (run: HotRun) => boolean;
}

const NOTHING: ReadonlySet<string> = new Set();

interface Waiting extends PoolTask {
  readonly run: HotRun;
  readonly command: DispatchTask;
  readonly node: WorkNode;
}

/**
 * The workers of this process: one pool for each kind of work, each with its own concurrency, so that slow model calls
 * never keep a template from being filled in.
 *
 * W1. A task is reported once, or it was aborted and its outcome is not wanted.
 * W2. A task that was taken from a run in the meantime is not started.
 */
export class Worker implements Tasks {
  private readonly options: WorkerOptions;
  private readonly pools = new Map<string, Pool<Waiting>>();
  private readonly running = new Map<string, RunningTask>();
  private readonly pump: Pump;
  private readonly ready: Pool<Waiting>[] = [];
  private readonly cache: ResultCache;
  private readonly begun = new WeakSet<HotRun>();
  private draining = false;
  private idle: (() => void)[] = [];

  constructor(options: WorkerOptions) {
    this.options = options;
    this.cache = new ResultCache(options.clock);
    for (const [name, size] of Object.entries(options.pools))
      this.pools.set(name, new Pool(name, poolLimit(name, size, options.clock.monotonic)));
    this.pump = new Pump(options.clock, () => this.step());
  }

  startsEarly(run: HotRun, command: DispatchTask): boolean {
    const node = workNode(run, command);
    if (node.idempotent !== null) return node.idempotent;
    const effect = this.executor(node)?.effect ?? "effect";
    return effect !== "effect";
  }

  recordsStart(run: HotRun, command: DispatchTask): boolean {
    return workNode(run, command).idempotent === false;
  }

  poolOf(run: HotRun, command: DispatchTask): string {
    const node = workNode(run, command);
    return poolOf(this.executor(node), node.pool);
  }

  /** Whether tasks of the pool are done in this process. */
  serves(pool: string): boolean {
    return this.pools.has(pool);
  }

  /** Tasks that the pool has room for: its free slots, and a few more in front of them. */
  room(pool: string): number {
    const { concurrency, active, waiting } = this.pools.get(pool)!;
    return roomOf(concurrency) - active - waiting;
  }

  /** Begins nothing of these pools from now on, and again of all others. */
  pause(paused: ReadonlySet<string>): void {
    for (const pool of this.pools.values()) {
      pool.isPaused = paused.has(pool.name);
      if (pool.canStart) this.wake(pool);
    }
  }

  /** Whether more waits in front of the pool than it can begin soon. */
  isBehind(pool: string): boolean {
    const { concurrency, waiting } = this.pools.get(pool)!;
    return waiting > concurrency * BEHIND;
  }

  /** Whether the executor of some task of the run was called here. */
  hasBegun(run: HotRun): boolean {
    return this.begun.has(run);
  }

  /** What an earlier owner began is not under way anywhere. */
  elsewhere(): Promise<ReadonlySet<string>> {
    return Promise.resolve(NOTHING);
  }

  goOn(): void {}

  /** Results come back by `report` alone. */
  reported(): void {}

  dispatch(run: HotRun, command: DispatchTask): boolean {
    const node = workNode(run, command);
    const pool = this.pools.get(poolOf(this.executor(node), node.pool));
    if (!pool) return false;
    const created = run.state.created!;
    pool.push({
      run,
      command,
      node,
      tenant: run.tenant,
      flow: created.workflow,
      priority: node.priority ?? created.priority,
      kind: node.type,
      at: this.options.clock.monotonic(),
      bonusMs: 0,
      booked: 0,
    });
    if (pool.canStart) this.wake(pool);
    return true;
  }

  abort(run: HotRun, commandId: string): void {
    const key = `${run.serial}/${commandId}`;
    const task = this.running.get(key);
    if (!task) return;
    this.running.delete(key);
    task.abort("the run no longer wants this task");
  }

  /** Tasks being done and waiting in each pool, and for how long the oldest of them has waited. */
  pressure(): readonly {
    readonly pool: string;
    readonly active: number;
    readonly waiting: number;
    readonly concurrency: number;
    readonly oldestMs: number;
    readonly isPaused: boolean;
  }[] {
    const now = this.options.clock.monotonic();
    return [...this.pools.values()].map(({ name, active, waiting, concurrency, oldestAt, isPaused }) => ({
      pool: name,
      active,
      waiting,
      concurrency,
      oldestMs: oldestAt === null ? 0 : now - oldestAt,
      isPaused,
    }));
  }

  /** Begins no tasks of these classes for now; those of others, and those that had been held back, go on. */
  hold(classes: readonly Priority[]): void {
    for (const pool of this.pools.values()) {
      pool.hold(classes);
      if (pool.canStart) this.wake(pool);
    }
  }

  /** Starts nothing more, and resolves when what runs has ended; after `graceMs` the rest is aborted. */
  async drain(graceMs: number): Promise<void> {
    this.draining = true;
    if (this.running.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.options.clock.after(graceMs, () => {
        // Out of the table first: what they would report is not wanted, so the task is done again by the next owner.
        const left = [...this.running.values()];
        this.running.clear();
        for (const task of left) task.abort("the server is shutting down");
        resolve();
      });
      this.idle.push(() => {
        cancel();
        resolve();
      });
    });
  }

  private wake(pool: Pool<Waiting>): void {
    this.ready.push(pool);
    this.pump.run();
  }

  /** Starts one task of the pool woken last, until it is full or empty. */
  private step(): boolean {
    const pool = this.draining ? undefined : this.ready.at(-1);
    if (!pool) {
      this.ready.length = 0;
      return false;
    }
    if (pool.canStart) this.start(pool, pool.shift()!);
    else this.ready.pop();
    return this.ready.length > 0;
  }

  private start(pool: Pool<Waiting>, waiting: Waiting): void {
    const { run, command, node } = waiting;
    if (run.gone || run.state.owed.get(command.id) !== command || !this.options.mayStart(run)) {
      pool.withdraw(waiting);
      return;
    }
    pool.active += 1;
    if (this.options.keepsBegun === true) this.begun.add(run);
    const { clock, ended } = this.options;
    const began = clock.monotonic();
    let task: RunningTask | null = null;
    /** Its place in the table; null while it has none: most small steps answer before they need one. */
    let key: string | null = null;
    task = execute({
      run,
      command,
      node,
      executor: this.executor(node),
      payloads: this.options.payloads,
      clock: this.options.clock,
      resultBytesMax: this.options.resultBytesMax,
      cache: this.cache,
      secrets: this.options.secrets ?? null,
      progress: (part) => this.options.progress(run, command, part),
      done: (outcome) => {
        const ms = clock.monotonic() - began;
        // A synchronous executor answers before it is in the table; an aborted task has been taken out of it.
        const wanted = key === null || this.running.get(key) === task;
        if (key !== null && wanted) this.running.delete(key);
        if (pool.isAdaptive && wanted) sawIn(pool, outcome, ms);
        pool.left(waiting, ms);
        ended?.(node.type, outcome, ms, wanted && !run.gone);
        if (wanted && !run.gone) this.options.report(run, command, outcome);
        if (pool.canStart) this.wake(pool);
        if (this.running.size === 0 && this.draining) for (const tell of this.idle.splice(0)) tell();
      },
    });
    if (!task) return;
    key = `${run.serial}/${command.id}`;
    this.running.set(key, task);
  }

  private executor(node: WorkNode): NodeExecutor | undefined {
    return this.options.registry.has(node.type) ? this.options.registry.get(node.type) : undefined;
  }
}

function sawIn(pool: Pool<Waiting>, outcome: TaskOutcome, ms: number): void {
  const dropped = droppedOf(outcome);
  if (dropped !== null) pool.saw(ms, dropped);
}

function workNode(run: HotRun, command: DispatchTask): WorkNode {
  return nodeOf(run.state.scopes.get(command.scope)!, command.node) as WorkNode;
}
