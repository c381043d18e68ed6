import {
  nodeOf,
  readTask,
  type DispatchTask,
  type Json,
  type JsonObject,
  type TaskOutcome,
  type WorkNode,
} from "@weftwork/core";
import type { NodeExecutor, Outcome } from "../nodes/node.ts";
import type { Clock } from "../runtime/clock.ts";
import { hotRun, type HotRun } from "../runtime/hot-run.ts";
import type { Payloads } from "../runtime/payloads.ts";
import type { PreparedPlan } from "../runtime/workflows.ts";
import type { TakenTask } from "../tasks/task-store.ts";
import { execute } from "../worker/execute.ts";
import type { ResultCache } from "../worker/result-cache.ts";

export interface AttemptOptions {
  /** The executor of such steps. It is asked for what it is, and never called. */
  readonly executor: NodeExecutor;
  readonly payloads: Payloads;
  readonly plans: (hash: string, pins: Readonly<Record<string, string>>, tenant: string) => Promise<PreparedPlan>;
  readonly cache: ResultCache;
  readonly clock: Clock;
  readonly resultBytesMax: number;
}

/** What an own worker is given of a step. */
export interface Asked {
  readonly config: JsonObject;
  readonly input: Json;
  readonly key: string;
}

/**
 * One attempt at a step that an own worker does. It is read from the text of its task each time a server needs it, so any
 * server can answer for it. Rendering, limits and masks are those of every other step; a secret reads as its name, for
 * what is asked of an own worker leaves the server.
 */
export class Attempt {
  readonly taken: TakenTask;
  readonly command: DispatchTask;
  readonly node: WorkNode;
  private readonly run: HotRun;
  private readonly options: AttemptOptions;

  private constructor(taken: TakenTask, run: HotRun, command: DispatchTask, options: AttemptOptions) {
    this.taken = taken;
    this.run = run;
    this.command = command;
    this.node = nodeOf(run.state.scopes.get(command.scope)!, command.node) as WorkNode;
    this.options = options;
  }

  /** Throws where the plan is not to be had, or the text is of another version. */
  static async read(taken: TakenTask, options: AttemptOptions): Promise<Attempt> {
    const { runKey: key, tenant, runId: id, epoch, body } = taken;
    const encoded = readTask(body);
    const { hash, pins } = encoded;
    const { plan, nested } = await options.plans(hash, pins, tenant);
    const { state, command } = encoded.decode(plan, nested);
    const at = { key, tenant, id, epoch, state, nextSeq: state.seq + 1, creation: null, recordedStatus: null };
    return new Attempt(taken, hotRun(at), command, options);
  }

  /** What is to be done; or an outcome, where there is nothing to do: it cannot be rendered, or its result was kept. */
  async asked(): Promise<Asked | TaskOutcome> {
    const { promise, resolve } = Promise.withResolvers<Asked | TaskOutcome>();
    const task = this.execute((nodeTask) => {
      resolve({ config: nodeTask.config, input: nodeTask.input(), key: nodeTask.key });
      return new Promise<never>(() => undefined);
    }, resolve);
    const asked = await promise;
    task?.abort("an own worker goes on from here");
    return asked;
  }

  /** What the step makes of an answer. */
  async judged(outcome: Outcome): Promise<TaskOutcome> {
    const { promise, resolve } = Promise.withResolvers<TaskOutcome>();
    this.execute(() => outcome, resolve);
    return promise;
  }

  private execute(
    work: NodeExecutor["execute"],
    done: (outcome: TaskOutcome) => void,
  ): { abort(reason: string): void } | null {
    const { executor, payloads, cache, clock, resultBytesMax } = this.options;
    const { run, command, node } = this;
    const stand: NodeExecutor = { ...executor, execute: work };
    return execute({
      run,
      command,
      node,
      executor: stand,
      payloads,
      clock,
      resultBytesMax,
      cache,
      secrets: null,
      progress: () => undefined,
      done,
    });
  }
}
