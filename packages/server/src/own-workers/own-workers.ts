import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { AppError, type Json } from "@weftwork/core";
import type {
  OwnHeartbeat,
  OwnHeartbeatAnswer,
  OwnTask,
  OwnTaskPart,
  OwnTaskResult,
  OwnWorkerJoin,
  OwnWorkerJoined,
  OwnWorkerListing,
} from "@weftwork/sdk";
import type { Live } from "../live/live.ts";
import { OWN_POOL, type Outcome } from "../nodes/node.ts";
import { spread } from "../runtime/clock.ts";
import { Recurring } from "../runtime/recurring.ts";
import type { TakenTask, TaskName } from "../tasks/task-store.ts";
import type { Transport } from "../transport/transport.ts";
import { partsChannel } from "../worker/remote-tasks.ts";
import { Attempt } from "./attempt.ts";
import { Bells } from "./bells.ts";
import { Remembered } from "./remembered.ts";
import { failed, Reports, type ReportsOptions } from "./reports.ts";
import { decodeTaskId, encodeTaskId } from "./task-id.ts";

export interface OwnWorkersOptions extends ReportsOptions {
  readonly transport: Transport;
  /** Small messages between processes: what tasks say. */
  readonly signals: Live<Json>;
  readonly tenant: string;
  /** Nobody else looks for tasks whose holders are gone. */
  readonly sweeps: boolean;
}

/** Who calls: the id of a worker, and the token that it was given. */
export interface OwnCaller {
  readonly id: string;
  readonly token: string;
}

interface Known {
  readonly holder: number;
  readonly pools: readonly string[];
  readonly leaseMs: number;
}

const LEASE_MS = 15_000;
/** While a worker waits the store is looked at as well, for tickets may be lost. */
const LOOK_MS = 2000;
const SWEEP_MS = 5000;
const QUIET_MS = 15_000;
const SWEEP_MAX = 1000;
const ASIDE_MS = 10_000;
const NOTHING = { tasks: [], isAll: true };
/** An answer that has more takes no further task in. */
const ANSWER_CHARACTERS_MAX = 8 * 1024 * 1024;

/**
 * Users' own workers: processes that join over HTTP, take the tasks of `worker` steps and report what became of them. A
 * worker is a holder of the task store like any other, so the store alone says whose a task is.
 *
 * O1. Every call but the first proves itself with the worker's token. Nothing of a worker is kept in this process that
 *     another server of the same store would miss; what is remembered here only saves work.
 * O2. A result is taken from the present holder alone (K2). The same result again, at the same server, is answered as
 *     before.
 * O3. A task whose answer did not reach its worker goes back.
 */
export class OwnWorkers {
  private readonly options: OwnWorkersOptions;
  private readonly bells: Bells;
  private readonly reports: Reports;
  /** Results that were taken, by worker and task: a hash of what was said. */
  private readonly results = new Remembered<string>(10_000);
  /** Where progress of a task goes, for a few seconds. */
  private readonly owners = new Remembered<{ readonly owner: number; readonly until: number }>(10_000);
  /** What a worker held and did not name at its last heartbeat. */
  private readonly unnamed = new Remembered<ReadonlySet<string>>(10_000);
  /** Given out in answers that are still on their way. */
  private readonly onTheWay = new Set<string>();
  private readonly closing = new AbortController();
  private readonly sweeping: Recurring;
  private paused: ReadonlySet<string> = new Set();
  private turn = 0;

  constructor(options: OwnWorkersOptions) {
    this.options = options;
    this.bells = new Bells(options.transport, options.clock);
    this.reports = new Reports(options);
    const { clock, store, transport, problem } = options;
    this.sweeping = new Recurring({
      clock,
      firstMs: SWEEP_MS,
      everyMs: SWEEP_MS,
      async work() {
        const tickets = await store.sweep(QUIET_MS, SWEEP_MAX);
        if (tickets.length > 0) await transport.publish(tickets);
      },
      failed: (error) => problem("tasks of own workers could not be looked after", "", error),
    });
    if (options.sweeps) this.sweeping.start();
  }

  async join({ name = "worker", pools, lease_ms: leaseMs = LEASE_MS }: OwnWorkerJoin): Promise<OwnWorkerJoined> {
    const { holders, tenant } = this.options;
    const token = randomBytes(24).toString("base64url");
    const holder = await holders.join({ tenant, name, pools, leaseMs, tokenHash: hashOf(token) });
    return { id: idOf(holder), token, lease_ms: leaseMs, heartbeat_ms: Math.floor(leaseMs / 3) };
  }

  async list(): Promise<readonly OwnWorkerListing[]> {
    const live = await this.options.holders.list(this.options.tenant);
    return live.map(({ holder, name, pools, joinedAt, leaseUntil }) => ({
      id: idOf(holder),
      name,
      pools,
      joined_at: new Date(joinedAt).toISOString(),
      lease_until: new Date(leaseUntil).toISOString(),
    }));
  }

  /** Tasks to do; waits for some up to the time. Ends without any when the signal aborts. */
  async take(
    caller: OwnCaller,
    { limit, waitMs, signal }: { readonly limit: number; readonly waitMs: number; readonly signal: AbortSignal },
  ): Promise<readonly OwnTask[]> {
    const worker = await this.known(caller);
    const { clock } = this.options;
    const until = clock.monotonic() + waitMs;
    const ended = AbortSignal.any([signal, this.closing.signal]);
    for (;;) {
      await this.renew(caller, worker);
      const { tasks, isAll } = ended.aborted ? NOTHING : await this.takeNow(worker, limit);
      if (tasks.length > 0) {
        if (!signal.aborted) return tasks;
        await this.undelivered(caller, tasks);
        return [];
      }
      const left = until - clock.monotonic();
      if (left <= 0 || ended.aborted) return [];
      if (!isAll) continue;
      await this.bells.wait(worker.pools.map(storedPool), Math.min(left, spread(clock, LOOK_MS)), ended);
    }
  }

  /** The answer that `take` made did not arrive. */
  async undelivered(caller: OwnCaller, tasks: readonly OwnTask[]): Promise<void> {
    const holder = holderOf(caller.id)!;
    this.delivered(caller, tasks);
    await this.options.store.giveBack(
      holder,
      tasks.map(({ id }) => decodeTaskId(id)!),
    );
  }

  /** The answer that `take` made has left. */
  delivered(caller: OwnCaller, tasks: readonly OwnTask[]): void {
    for (const { id } of tasks) this.onTheWay.delete(keyOf(holderOf(caller.id)!, decodeTaskId(id)!));
  }

  async heartbeat(caller: OwnCaller, { tasks }: OwnHeartbeat): Promise<OwnHeartbeatAnswer> {
    const worker = await this.known(caller);
    await this.renew(caller, worker);
    const { holder, leaseMs: lease_ms } = worker;
    if (!tasks) return { lease_ms, unwanted: [] };
    const named = tasks.map((id) => ({ id, at: decodeTaskId(id) }));
    const real = named.flatMap(({ at }) => at ?? []);
    const now = this.options.clock.now();
    const overdue = real.filter(({ deadline }) => deadline !== null && deadline <= now);
    for (const at of overdue) await this.reports.timeOut(holder, at);
    const held = new Set((await this.options.store.held(holder, real)).map((at) => keyOf(holder, at)));
    await this.takeBackUnnamed(holder, new Set(real.map((at) => keyOf(holder, at))));
    return { lease_ms, unwanted: named.filter(({ at }) => !at || !held.has(keyOf(holder, at))).map(({ id }) => id) };
  }

  /** Best effort: what a task says to those who watch. Throws `TASK_NOT_HELD`. */
  async progress(caller: OwnCaller, id: string, parts: readonly OwnTaskPart[]): Promise<void> {
    const { holder } = await this.known(caller);
    const at = decodeTaskId(id) ?? notHeld(id);
    const key = keyOf(holder, at);
    const now = this.options.clock.monotonic();
    let owner = this.owners.get(key);
    if (!owner || owner.until < now) {
      const [taken] = await this.options.holders.read(holder, [at]);
      if (!taken) notHeld(id);
      this.owners.set(key, (owner = { owner: taken.owner, until: now + LOOK_MS }));
    }
    const { runKey: run, task } = at;
    this.options.signals.publish(partsChannel(owner.owner), { run, task, parts: parts as never });
  }

  /** Resolves when the result is durable. Throws `TASK_NOT_HELD`. */
  async result(caller: OwnCaller, id: string, result: OwnTaskResult): Promise<void> {
    const { holder } = await this.known(caller);
    const at = decodeTaskId(id) ?? notHeld(id);
    const key = keyOf(holder, at);
    const said = hashOf(JSON.stringify(result));
    if (this.results.get(key) === said) return;
    const [taken] = await this.options.holders.read(holder, [at]);
    if (!taken) notHeld(id);
    // Not remembered: the worker may get the task once more, and give it back once more.
    if (result.status === "given_back") return this.options.store.giveBack(holder, [at]);
    const attempt = await Attempt.read(taken, this.options);
    const outcome = await attempt.judged(outcomeOf(result));
    if (!(await this.reports.report(holder, taken, attempt.command, outcome))) notHeld(id);
    this.results.set(key, said);
  }

  /** Ends a worker in order: what it holds goes back. */
  async leave(caller: OwnCaller): Promise<void> {
    const { holder } = await this.known(caller);
    await this.options.holders.leave(holder);
  }

  /** Pools whose tasks are not given out until further notice, by the names that they have in the store. */
  pause(pools: ReadonlySet<string>): void {
    this.paused = pools;
  }

  /** Lets those go who wait. Results are taken until the store is closed. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all([this.sweeping.close(), this.bells.close()]);
  }

  private async known({ id, token }: OwnCaller): Promise<Known> {
    const holder = holderOf(id);
    const worker = holder === null ? null : await this.options.holders.find(holder);
    if (holder === null || !worker || worker.tenant !== this.options.tenant || !isSame(worker.tokenHash, hashOf(token)))
      throw notFound(id);
    return { holder, pools: worker.pools, leaseMs: worker.leaseMs };
  }

  private async renew({ id }: OwnCaller, { holder, leaseMs }: Known): Promise<void> {
    if (!(await this.options.holders.renew(holder, leaseMs))) throw notFound(id);
  }

  /** `isAll`: nothing that was there ended at once, so more may stand behind it. */
  private async takeNow(
    { holder, pools }: Known,
    limit: number,
  ): Promise<{ readonly tasks: readonly OwnTask[]; readonly isAll: boolean }> {
    const { store, problem } = this.options;
    const tasks: OwnTask[] = [];
    let characters = 0;
    let isAll = true;
    // What a task works on may lie in the object store: as it stands in the store of tasks it says nothing of its size.
    const isFull = (): boolean => characters > ANSWER_CHARACTERS_MAX;
    const give = async (one: TakenTask, pool: string): Promise<void> => {
      if (isFull()) return store.giveBack(holder, [one]);
      const task = await this.begin(holder, one, pool);
      isAll &&= task !== null;
      if (task === null) return;
      tasks.push(task);
      characters += JSON.stringify(task).length;
    };
    this.turn += 1;
    try {
      // Not always the same pool first.
      for (let count = 0; count < pools.length && tasks.length < limit && !isFull(); count++) {
        const pool = pools[(this.turn + count) % pools.length]!;
        if (this.paused.has(storedPool(pool))) continue;
        for (const one of await store.next(holder, storedPool(pool), limit - tasks.length)) await give(one, pool);
      }
    } catch (error) {
      // What is in hand is given out: it would be the worker's, and nobody would know of it.
      if (tasks.length === 0) throw error;
      problem("not all tasks could be taken for an own worker", tasks[0]!.run_id, error);
    }
    return { tasks, isAll };
  }

  /** The task as its worker gets it; null where there is nothing to do, which is reported then. */
  private async begin(holder: number, taken: TakenTask, pool: string): Promise<OwnTask | null> {
    const { clock, problem } = this.options;
    try {
      const attempt = await Attempt.read(taken, this.options);
      const { command, node } = attempt;
      const asked = command.started && taken.takes > 1 ? failed("OUTCOME_UNKNOWN") : await attempt.asked();
      if ("type" in asked) {
        await this.reports.report(holder, taken, command, asked);
        return null;
      }
      const { handler, config } = asked.config;
      const deadline = node.timeoutMs === null ? null : clock.now() + node.timeoutMs;
      this.onTheWay.add(keyOf(holder, taken));
      return {
        id: encodeTaskId({ ...taken, deadline }),
        run_id: taken.runId,
        step: command.node,
        scope: command.scope,
        attempt: command.attempt,
        key: asked.key,
        pool,
        handler: typeof handler === "string" ? handler : command.node,
        input: asked.input,
        config:
          typeof config === "object" && config !== null && !Array.isArray(config) ? (config as OwnTask["config"]) : {},
        deadline: deadline === null ? null : new Date(deadline).toISOString(),
        timeout_ms: node.timeoutMs,
      };
    } catch (error) {
      problem("a task cannot be given to an own worker here", taken.runId, error);
      this.setAside(holder, taken);
      return null;
    }
  }

  /**
   * Another server may be able to: a newer version that knows the plan, a store that answers there. It goes back after a
   * while, so that it does not stand before the others of its pool.
   */
  private setAside(holder: number, taken: TakenTask): void {
    const { clock, store, problem } = this.options;
    const key = keyOf(holder, taken);
    this.onTheWay.add(key);
    clock.after(spread(clock, ASIDE_MS), () => {
      this.onTheWay.delete(key);
      store.giveBack(holder, [taken]).catch((error: unknown) => {
        problem("a task could not be given back; it is when its lease has ended", taken.runId, error);
      });
    });
  }

  /** An answer may be lost on its way: what a worker has not named twice in a row it does not know of. */
  private async takeBackUnnamed(holder: number, named: ReadonlySet<string>): Promise<void> {
    const key = String(holder);
    const before = this.unnamed.get(key);
    const held = await this.options.store.holding(holder);
    const unnamed = held.filter((at) => !named.has(keyOf(holder, at)) && !this.onTheWay.has(keyOf(holder, at)));
    if (unnamed.length === 0) return this.unnamed.delete(key);
    const lost = unnamed.filter((at) => before?.has(keyOf(holder, at)));
    this.unnamed.set(key, new Set(unnamed.map((at) => keyOf(holder, at))));
    await this.options.store.giveBack(holder, lost);
  }
}

const storedPool = (pool: string): string => OWN_POOL + pool;
const idOf = (holder: number): string => `worker_${holder}`;
const keyOf = (holder: number, { runKey, task }: TaskName): string => `${holder} ${runKey} ${task}`;
const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

function holderOf(id: string): number | null {
  const match = /^worker_(\d{1,16})$/.exec(id);
  return match ? Number(match[1]) : null;
}

function isSame(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a, "hex"), Buffer.from(b, "hex"));
}

function notFound(id: string): AppError {
  return new AppError("WORKER_NOT_FOUND", { worker: id.slice(0, 100) });
}

function notHeld(id: string): never {
  throw new AppError("TASK_NOT_HELD", { task: id.slice(0, 200) });
}

function outcomeOf(result: Exclude<OwnTaskResult, { readonly status: "given_back" }>): Outcome {
  if (result.status === "completed") return { type: "completed", output: result.output };
  const { code = "STEP_FAILED", message, retryable = false, details } = result.error;
  const reason = details ? { code, message, retryable, details } : { code, message, retryable };
  if (result.retry_after_ms === undefined) return { type: "failed", failure: reason };
  return { type: "failed", failure: reason, retryAfterMs: result.retry_after_ms };
}
