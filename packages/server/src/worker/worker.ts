import { nodeOf, type DispatchTask, type TaskOutcome, type WorkNode } from "@weftwork/core";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { HotRun } from "../runtime/hot-run.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Payloads } from "../runtime/payloads.ts";
import { Pump } from "../runtime/pump.ts";
import type { Tasks } from "../runtime/owner.ts";
import type { NodeExecutor, TaskPart } from "../nodes/node.ts";
import { execute, type RunningTask } from "./execute.ts";

/** Tasks done at the same time in each pool, unless configured otherwise. */
export const POOL_DEFAULTS: Readonly<Record<string, number>> = {
  default: 256,
  generation: 64,
  retrieval: 32,
  agent: 16,
  code: 4,
};

export interface WorkerOptions {
  readonly registry: NodeRegistry;
  readonly payloads: Payloads;
  readonly clock: Clock;
  readonly pools: Readonly<Record<string, number>>;
  readonly resultBytesMax: number;
  readonly report: (run: HotRun, task: DispatchTask, outcome: TaskOutcome) => void;
  readonly progress: (run: HotRun, task: DispatchTask, part: TaskPart) => void;
  /** Whether an effect may still be started: the lease holds. */
  readonly mayStart: () => boolean;
}

interface Waiting {
  readonly run: HotRun;
  readonly command: DispatchTask;
  readonly node: WorkNode;
}

interface Pool {
  readonly concurrency: number;
  readonly queue: Waiting[];
  head: number;
  active: number;
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
  private readonly pools = new Map<string, Pool>();
  private readonly running = new Map<string, RunningTask>();
  private readonly pump: Pump;
  private readonly ready: Pool[] = [];
  private draining = false;
  private idle: (() => void)[] = [];

  constructor(options: WorkerOptions) {
    this.options = options;
    for (const [name, concurrency] of Object.entries(options.pools))
      this.pools.set(name, { concurrency, queue: [], head: 0, active: 0 });
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
    return node.pool ?? this.executor(node)?.pool ?? "default";
  }

  dispatch(run: HotRun, command: DispatchTask): boolean {
    const node = workNode(run, command);
    const pool = this.pools.get(node.pool ?? this.executor(node)?.pool ?? "default");
    if (!pool) return false;
    pool.queue.push({ run, command, node });
    if (pool.active < pool.concurrency) this.wake(pool);
    return true;
  }

  abort(run: HotRun, commandId: string): void {
    const key = `${run.key}/${commandId}`;
    const task = this.running.get(key);
    if (!task) return;
    this.running.delete(key);
    task.abort("the run no longer wants this task");
  }

  /** Tasks being done and waiting in each pool, for `/readyz` and the lists of pools. */
  pressure(): readonly {
    readonly pool: string;
    readonly active: number;
    readonly waiting: number;
    readonly concurrency: number;
  }[] {
    return [...this.pools].map(([pool, { active, queue, head, concurrency }]) => ({
      pool,
      active,
      waiting: queue.length - head,
      concurrency,
    }));
  }

  /** Starts nothing more, and resolves when what runs has ended; after `graceMs` the rest is aborted. */
  async drain(graceMs: number): Promise<void> {
    this.draining = true;
    if (this.running.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.options.clock.after(graceMs, () => {
        for (const task of this.running.values()) task.abort("the server is shutting down");
        this.running.clear();
        resolve();
      });
      this.idle.push(() => {
        cancel();
        resolve();
      });
    });
  }

  private wake(pool: Pool): void {
    this.ready.push(pool);
    this.pump.run();
  }

  private step(): boolean {
    const pool = this.ready[this.ready.length - 1];
    if (!pool || this.draining) {
      this.ready.length = 0;
      return false;
    }
    if (pool.head >= pool.queue.length || pool.active >= pool.concurrency) {
      if (pool.head >= pool.queue.length) pool.queue.length = pool.head = 0;
      this.ready.pop();
      return this.ready.length > 0;
    }
    const waiting = pool.queue[pool.head]!;
    pool.queue[pool.head++] = undefined as never;
    if (pool.head > 1024 && pool.head * 2 > pool.queue.length) {
      pool.queue.splice(0, pool.head);
      pool.head = 0;
    }
    this.start(pool, waiting);
    return true;
  }

  private start(pool: Pool, { run, command, node }: Waiting): void {
    if (run.gone || run.state.owed.get(command.id) !== command || !this.options.mayStart()) return;
    const key = `${run.key}/${command.id}`;
    pool.active += 1;
    let task: RunningTask | null = null;
    let registered = false;
    task = execute({
      run,
      command,
      node,
      executor: this.executor(node),
      payloads: this.options.payloads,
      clock: this.options.clock,
      resultBytesMax: this.options.resultBytesMax,
      progress: (part) => this.options.progress(run, command, part),
      done: (outcome) => {
        pool.active -= 1;
        // A synchronous executor answers before it is in the table; an aborted task has been taken out of it.
        const wanted = !registered || this.running.get(key) === task;
        if (registered && wanted) this.running.delete(key);
        if (wanted && !run.gone) this.options.report(run, command, outcome);
        if (pool.head < pool.queue.length) this.wake(pool);
        if (this.running.size === 0 && this.draining) for (const tell of this.idle.splice(0)) tell();
      },
    });
    if (!task) return;
    registered = true;
    this.running.set(key, task);
  }

  private executor(node: WorkNode): NodeExecutor | undefined {
    return this.options.registry.has(node.type) ? this.options.registry.get(node.type) : undefined;
  }
}

function workNode(run: HotRun, command: DispatchTask): WorkNode {
  return nodeOf(run.state.scopes.get(command.scope)!, command.node) as WorkNode;
}
