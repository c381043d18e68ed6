import { Api } from "../api.ts";
import { isForgotten, isRefused, joinServer, type WorkerCalls } from "./calls.ts";
import { failedResult, RunningTask, TaskError, TimedOut, type WorkerHandler } from "./task.ts";
import type { OwnTask, OwnTaskResult } from "./wire.ts";

export interface WorkerOptions {
  /** Default: `http://127.0.0.1:9338`. */
  readonly url?: string;
  /** Sent as a bearer token. */
  readonly apiKey?: string;
  /** The pool or pools of the steps that are done here. Default: `default`. */
  readonly pool?: string | readonly string[];
  /** By the name that steps give as `handler`, or by the step's id where they give none. */
  readonly handlers: Readonly<Record<string, WorkerHandler>>;
  /** Tasks done at the same time, 1 to 1,000. Default: 4. */
  readonly concurrency?: number;
  /** For lists of workers. */
  readonly name?: string;
  /** How long tasks stay here when the server hears nothing of this process, in milliseconds. Default: 15,000. */
  readonly leaseMs?: number;
  /** Seconds that one request for tasks waits, 0 to 30. Default: 30. */
  readonly waitSeconds?: number;
  /** Told of what went wrong on the way; work goes on by itself. Default: a line on the console. */
  readonly problem?: (message: string, error: unknown) => void;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

/** A process that does `worker` steps. It works until it is closed, whatever becomes of the server meanwhile. */
export interface OwnWorker {
  /** The id at the server; null while it is not registered. */
  readonly id: string | null;
  /** Tasks in hand. */
  readonly active: number;
  /** Takes nothing more; waits for what is under way, gives back what is left after the grace (30 s), and leaves. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** One registration with a server, until its lease ends. */
interface Session {
  readonly calls: WorkerCalls;
  readonly over: AbortController;
  /** On the scale of `performance.now()`: others may have the tasks after it. */
  leaseUntil: number;
}

const RETRY_MS_MAX = 10_000;
/** What one heartbeat names, and one answer brings. */
const CONCURRENCY_MAX = 1000;
const TAKE_MAX = 100;
/** Between two questions for tasks that had no answer. */
const EMPTY_MS = 500;

/**
 * Does the `worker` steps of a server in this process.
 *
 * ```ts
 * const worker = createWorker({ url, pool: "images", handlers: { resize: async ({ input, signal }) => … } });
 * process.once("SIGTERM", () => void worker.close());
 * ```
 */
export function createWorker(options: WorkerOptions): OwnWorker {
  return new Working(options);
}

class Working implements OwnWorker {
  private readonly options: WorkerOptions;
  private readonly api: Api;
  private readonly pools: readonly string[];
  private readonly concurrency: number;
  private readonly tasks = new Map<string, RunningTask>();
  private readonly closing = new AbortController();
  private session: Session | null = null;
  private readonly ended: Promise<void>;
  /** Those who wait for a task to end. */
  private readonly waiting = new Set<() => void>();

  constructor(options: WorkerOptions) {
    const { url, apiKey, fetch } = options;
    this.options = options;
    this.api = new Api({
      ...(url === undefined ? {} : { baseUrl: url }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(fetch === undefined ? {} : { fetch }),
    });
    this.pools = [options.pool ?? "default"].flat();
    this.concurrency = options.concurrency ?? 4;
    if (!Number.isInteger(this.concurrency) || this.concurrency < 1 || this.concurrency > CONCURRENCY_MAX)
      throw new RangeError(`concurrency must be a whole number from 1 to ${CONCURRENCY_MAX}`);
    this.ended = this.work();
  }

  get id(): string | null {
    return this.session?.calls.joined.id ?? null;
  }

  get active(): number {
    return this.tasks.size;
  }

  async close({ graceMs = 30_000 }: { readonly graceMs?: number } = {}): Promise<void> {
    if (this.closing.signal.aborted) return this.ended;
    this.closing.abort();
    const until = performance.now() + graceMs;
    while (this.tasks.size > 0 && performance.now() < until)
      await this.someEnds(AbortSignal.timeout(Math.ceil(until - performance.now())));
    const left = [...this.tasks.values()];
    // Out of the table first: what they would report is not wanted, for leaving gives back what is in hand.
    this.tasks.clear();
    for (const task of left) {
      task.end();
      task.abort(new Error("the worker is closing"));
    }
    if (this.session && !this.session.over.signal.aborted) {
      await this.session.calls.leave().catch((error: unknown) => this.tell("the worker could not leave", error));
      this.session.over.abort();
    }
    return this.ended;
  }

  /** Joins, works until the lease is lost, and joins again. */
  private async work(): Promise<void> {
    for (let failures = 0; !this.closing.signal.aborted;) {
      try {
        const session = await this.join();
        failures = 0;
        void this.beat(session);
        await this.takeAll(session);
      } catch (error) {
        if (this.closing.signal.aborted) return;
        this.tell("the server does not answer; trying again", error);
        await this.pause(failures++);
      }
    }
  }

  private async join(): Promise<Session> {
    const { name, leaseMs } = this.options;
    const asked = performance.now();
    const calls = await joinServer(
      this.api,
      {
        pools: this.pools,
        ...(name === undefined ? {} : { name }),
        ...(leaseMs === undefined ? {} : { lease_ms: leaseMs }),
      },
      this.closing.signal,
    );
    this.session = { calls, over: new AbortController(), leaseUntil: asked + calls.joined.lease_ms };
    return this.session;
  }

  private async takeAll(session: Session): Promise<void> {
    const { over, calls } = session;
    const stop = AbortSignal.any([over.signal, this.closing.signal]);
    for (let failures = 0; !stop.aborted;) {
      if (this.tasks.size >= this.concurrency) {
        await this.someEnds(stop);
        continue;
      }
      try {
        const sent = performance.now();
        const room = Math.min(this.concurrency - this.tasks.size, TAKE_MAX);
        const given = await calls.take(room, this.options.waitSeconds ?? 30, stop);
        failures = 0;
        session.leaseUntil = Math.max(session.leaseUntil, sent + calls.joined.lease_ms);
        for (const task of given) void this.begin(session, task);
        // A server that does not wait is not asked all the time.
        if (given.length === 0 && performance.now() - sent < EMPTY_MS) await sleep(EMPTY_MS, stop);
      } catch (error) {
        if (stop.aborted) return;
        if (isForgotten(error)) return this.lose(session);
        this.tell("no tasks could be taken; trying again", error);
        await this.pause(failures++, stop);
      }
    }
  }

  /**
   * Renews the lease, and stops what is no longer wanted. Past its end nothing here may go on: where the server does not
   * answer that is known by the clock here. A process that was stopped asks once more, for nobody may have noticed.
   */
  private async beat(session: Session): Promise<void> {
    const { calls, over } = session;
    const { heartbeat_ms: pause } = calls.joined;
    for (let failed = false; !over.signal.aborted;) {
      const ms = (failed ? pause / 4 : pause) * (0.8 + 0.4 * Math.random());
      const rest = failed ? session.leaseUntil - performance.now() : ms;
      await sleep(Math.max(0, Math.min(ms, rest)), over.signal);
      if (over.signal.aborted) return;
      const sent = performance.now();
      const left = session.leaseUntil - sent;
      if (failed && left <= 0) return this.lose(session);
      try {
        const within = left > 0 ? Math.min(pause, left) : pause;
        const { lease_ms: leaseMs, unwanted } = await calls.heartbeat([...this.tasks.keys()], within);
        session.leaseUntil = Math.max(session.leaseUntil, sent + leaseMs);
        for (const id of unwanted) this.drop(id);
        failed = false;
      } catch (error) {
        if (isForgotten(error)) return this.lose(session);
        this.tell("a heartbeat failed; trying again", error);
        failed = true;
      }
    }
  }

  /** The lease has ended: others have the tasks by now, or soon. */
  private lose(session: Session): void {
    if (session.over.signal.aborted) return;
    session.over.abort();
    for (const id of this.tasks.keys()) this.drop(id);
  }

  private drop(id: string): void {
    const task = this.tasks.get(id);
    if (!task || task.isDone) return;
    this.forget(id);
    task.abort(new Error("the run no longer wants this task, or another worker has it"));
  }

  private forget(id: string): void {
    this.tasks.get(id)?.end();
    this.tasks.delete(id);
    for (const wake of this.waiting) wake();
  }

  private async begin(session: Session, given: OwnTask): Promise<void> {
    const task = new RunningTask(given, (parts) => {
      session.calls.progress(given.id, parts).catch(() => undefined);
    });
    this.tasks.set(given.id, task);
    const result = await this.resultOf(task);
    if (this.tasks.get(given.id) !== task) return;
    task.isDone = true;
    task.end();
    await this.report(session, given.id, result);
    if (this.tasks.get(given.id) === task) this.forget(given.id);
  }

  private async resultOf(task: RunningTask): Promise<OwnTaskResult> {
    const { handlers } = this.options;
    const { handler: name, pool } = task.given;
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    try {
      if (!handler)
        throw new TaskError("HANDLER_NOT_FOUND", `The worker of the pool ${pool} has no handler ${name}.`, {
          retryable: true,
        });
      const output = await Promise.race([handler(task.view()), timedOut(task.signal)]);
      return { status: "completed", output: (output ?? null) as never };
    } catch (error) {
      return failedResult(task.signal.reason instanceof TimedOut ? task.signal.reason : error);
    }
  }

  /** Until the server has taken it, or says that it is not wanted. */
  private async report(session: Session, id: string, result: OwnTaskResult): Promise<void> {
    for (let failures = 0, said = result; !session.over.signal.aborted;) {
      try {
        return await session.calls.result(id, said);
      } catch (error) {
        if (isForgotten(error)) return this.lose(session);
        if ((error as { code?: unknown }).code === "task_not_held") return;
        if (isRefused(error) || isNoJson(error)) {
          // It can never be taken as it is; the step is told why.
          if (said !== result) return this.tell("a result was refused", error);
          said = failedResult(error);
          continue;
        }
        this.tell("a result could not be told; trying again", error);
        await this.pause(failures++, session.over.signal);
      }
    }
  }

  /** A task has ended, or the signal aborts. */
  private async someEnds(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener("abort", wake);
        this.waiting.delete(wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  /** Full jitter, so that those who were cut off together do not come back together. */
  private pause(failures: number, signal: AbortSignal = this.closing.signal): Promise<void> {
    return sleep((0.1 + 0.9 * Math.random()) * Math.min(RETRY_MS_MAX, 250 * 2 ** failures), signal);
  }

  private tell(message: string, error: unknown): void {
    if (this.options.problem) this.options.problem(message, error);
    // oxlint-disable-next-line no-console -- a program without a log of its own would see nothing
    else console.warn(`worker: ${message}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A value that has no JSON (a function, a cycle, a bigint) fails before anything is sent. */
function isNoJson(error: unknown): boolean {
  return error instanceof TypeError && /JSON|BigInt|circular/i.test(error.message);
}

/** Rejects when the step's time is over; a handler that does not listen keeps no slot for that. */
function timedOut(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
