import {
  AppError,
  Payload,
  defaultInput,
  failure,
  failureOf,
  fileSecret,
  hash32,
  payloadsRead,
  renderValueTemplate,
  scopeView,
} from "@weftwork/core";
import type {
  DispatchTask,
  Json,
  JsonObject,
  Plan,
  Resources,
  ScopeState,
  TaskOutcome,
  WorkNode,
} from "@weftwork/core";
import {
  NO_SECRETS,
  type NodeExecutor,
  type NodeTask,
  type Outcome,
  type SecretTexts,
  type TaskPart,
} from "../nodes/node.ts";
import type { Clock } from "../runtime/clock.ts";
import type { HotRun } from "../runtime/hot-run.ts";
import type { Payloads } from "../runtime/payloads.ts";
import { Mask } from "../secrets/mask.ts";
import type { SecretSource } from "../secrets/secrets.ts";
import { TaskSecrets } from "../secrets/task-secrets.ts";
import { Hidden } from "./hidden.ts";
import type { ResultCache } from "./result-cache.ts";

export interface Execution {
  readonly run: HotRun;
  readonly command: DispatchTask;
  readonly node: WorkNode;
  readonly executor: NodeExecutor | undefined;
  readonly payloads: Payloads;
  readonly clock: Clock;
  readonly resultBytesMax: number;
  readonly cache: ResultCache;
  /** Null where nothing leaves the process: there a secret reads as its name. */
  readonly secrets: SecretSource | null;
  readonly progress: (part: TaskPart) => void;
  /** Called once, in this turn when the executor answers at once. */
  readonly done: (outcome: TaskOutcome) => void;
}

/** A task that is being done and can be aborted. */
export interface RunningTask {
  abort(reason: string): void;
}

/**
 * Does one attempt: resolve the inputs, call the executor under its time limit, check what comes back.
 * Returns null when it ended at once, which is the common case for small pure steps and costs no promise.
 */
export function execute(execution: Execution): RunningTask | null {
  const { run, command, node, executor, payloads, done } = execution;
  if (!executor) {
    done(
      refusal("NODE_NOT_AVAILABLE", {
        type: node.type,
        reason: "no executor of this type is registered in this process",
      }),
    );
    return null;
  }
  const scope = run.state.scopes.get(command.scope)!;
  const task = new Task(execution, scope);
  const missing = payloadsRead(scope, node.reads);
  if (missing.length > 0 || task.needsSecrets) {
    Promise.all([missing.length > 0 ? payloads.load(run.tenant, missing) : null, task.loadSecrets()]).then(
      () => task.begin(executor),
      (error: unknown) =>
        task.finish(
          untilReadable(error, run.key, scope.tasks[node.index]?.startedAt ?? 0, execution.clock.now()) ?? {
            type: "failed",
            failure: failureOf(error, "STORE_UNAVAILABLE"),
          },
        ),
    );
    return task;
  }
  task.begin(executor);
  return task.ended ? null : task;
}

/** A step whose input is missing waits this long for it to come back, from a store or a backup. */
const MISSING_MS_MAX = 24 * 3_600_000;
const PARK_MS_MIN = 2000;
const PARK_MS_MAX = 60_000;

/**
 * A step whose input cannot be read now is no attempt: it waits, and holds no place in its pool (F41). Null for an error
 * that does not pass, such as bytes that do not fit their hash.
 */
function untilReadable(error: unknown, runKey: number, begunAt: number, now: number): TaskOutcome | null {
  const code = error instanceof AppError ? error.code : null;
  const waited = Math.max(0, now - begunAt);
  const passes =
    code === "STORE_UNAVAILABLE" || code === "STORE_FULL" || (code === "PAYLOAD_NOT_FOUND" && waited < MISSING_MS_MAX);
  if (!passes) return null;
  // Runs that were stopped by the same fault do not all come back at once.
  const spread = 0.8 + (runKey % 41) / 100;
  const pause = Math.min(PARK_MS_MAX, Math.max(PARK_MS_MIN, waited / 2)) * spread;
  return { type: "parked", until: now + Math.round(pause), reason: (error as AppError).message };
}

function refusal(code: "NODE_NOT_AVAILABLE", details: JsonObject): TaskOutcome {
  return { type: "failed", failure: failure(code, details) };
}

/** One attempt under way. What costs something (a signal, a timer) is made only when it is asked for or needed. */
class Task implements NodeTask, RunningTask {
  ended = false;
  readonly runId: string;
  readonly tenant: string;
  readonly workflowHash: string;
  readonly scope: string;
  readonly node: string;
  readonly attempt: number;
  config: JsonObject = {};
  /** Puts the result into the cache. */
  private keep: ((output: Payload) => void) | null = null;
  private controller: AbortController | null = null;
  private stopTimer: (() => void) | null = null;
  private readonly execution: Execution;
  private readonly state: ScopeState;
  /** Null for a task without any: it pays nothing for those of others. */
  private readonly taskSecrets: TaskSecrets | null;
  private readonly hidden: Hidden | null;

  constructor(execution: Execution, state: ScopeState) {
    this.execution = execution;
    this.state = state;
    this.runId = execution.run.id;
    this.tenant = execution.run.tenant;
    this.workflowHash = state.plan.hash;
    this.scope = execution.command.scope;
    this.node = execution.command.node;
    this.attempt = execution.command.attempt;
    const needs = execution.secrets === null ? null : execution.node.secrets;
    this.taskSecrets = needs && new TaskSecrets(needs);
    if (this.taskSecrets) hideFileSecrets(state.plan, this.taskSecrets.mask);
    const mask = this.taskSecrets?.mask ?? fileMask(state.plan);
    this.hidden = mask && new Hidden(mask, (part) => execution.progress(part));
  }

  get secrets(): SecretTexts {
    return this.taskSecrets ?? NO_SECRETS;
  }

  get needsSecrets(): boolean {
    return this.taskSecrets !== null;
  }

  async loadSecrets(): Promise<void> {
    const { secrets, node } = this.execution;
    if (this.taskSecrets) this.taskSecrets.take(await secrets!.load(this.tenant, node.secrets!.names));
  }

  get resources(): Resources | null {
    const { step } = this.execution.node;
    return step.kind === "work" ? step.resources : null;
  }

  get key(): string {
    return `${this.runId}/${this.execution.command.id}`;
  }

  get seed(): number {
    const { step } = this.execution.node;
    if (step.kind === "work" && step.seed !== null) return step.seed;
    const { seed } = this.execution.run.state.created!;
    return hash32(`${seed}/${this.scope}/${this.node}`);
  }

  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    return this.controller.signal;
  }

  input(): Json {
    const given = this.config["input"];
    return given === undefined ? defaultInput(this.state, this.execution.node.defaultInput) : given;
  }

  emit(part: TaskPart): void {
    if (this.ended) return;
    if (this.hidden) this.hidden.part(part);
    else this.execution.progress(part);
  }

  begin(executor: NodeExecutor): void {
    if (this.ended) return;
    try {
      this.config = this.render();
      if (this.takeCached(executor)) return;
      const outcome = executor.execute(this);
      if (!isPromise(outcome)) {
        this.finish(this.checked(outcome));
        return;
      }
      this.limitTime(executor);
      outcome.then(
        (value) => this.finish(this.checked(value)),
        (error: unknown) => this.finish({ type: "failed", failure: failureOf(error, "STEP_FAILED") }),
      );
    } catch (error) {
      this.finish({ type: "failed", failure: failureOf(error, "STEP_FAILED") });
    }
  }

  abort(reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.stopTimer?.();
    this.controller?.abort(new Error(reason));
    // The slot is given back by the executor's end, which N2 promises to be soon; the outcome is not wanted.
    this.execution.done({ type: "failed", failure: failure("SHUTTING_DOWN") });
  }

  finish(outcome: TaskOutcome): void {
    if (this.ended) return;
    this.ended = true;
    this.stopTimer?.();
    this.execution.done(this.hidden ? this.hidden.outcome(outcome) : outcome);
  }

  /** Ends the task with a kept result, if its step wants one and there is one. */
  private takeCached(executor: NodeExecutor): boolean {
    const { step } = this.execution.node;
    if (step.kind !== "work" || step.cacheTtlMs === null) return false;
    const { taskSecrets } = this;
    const key = this.execution.cache.keyOf(executor, this, (text) => taskSecrets?.stable(text) ?? text);
    const output = this.execution.cache.get(key);
    if (output) this.finish({ type: "completed", output: Payload.ofJson(output.text) });
    else this.keep = (computed) => this.execution.cache.set(key, computed, step.cacheTtlMs!);
    return output !== null;
  }

  private render(): JsonObject {
    const { node, run } = this.execution;
    const { taskSecrets } = this;
    const { plan } = this.state;
    // Secrets that stand in a Dify file are sent like any other value of it, and taken out of what comes back.
    const known = new Set(plan.workflow.dify ? (node.secrets?.names ?? []) : null);
    const markOf = taskSecrets ? (name: string) => taskSecrets.markOf(name) : (name: string) => name;
    const mark = plan.workflow.dify
      ? (name: string) => (known.has(name) ? markOf(name) : fileSecret(plan.env, name))
      : markOf;
    const rendered = renderValueTemplate(node.config, scopeView(run.state, this.state, mark)) as JsonObject;
    for (const _ in node.rawConfig) return { ...rendered, ...node.rawConfig };
    return rendered;
  }

  private limitTime(executor: NodeExecutor): void {
    const timeoutMs = this.execution.node.timeoutMs ?? executor.timeoutMs;
    if (timeoutMs === null || this.ended) return;
    this.stopTimer = this.execution.clock.after(timeoutMs, () => {
      const late = new AppError("STEP_TIMEOUT", { timeoutMs });
      this.controller?.abort(late);
      this.finish({ type: "failed", failure: failureOf(late) });
    });
  }

  private checked(outcome: Outcome): TaskOutcome {
    if (outcome.type !== "completed") return outcome;
    try {
      const output = Payload.of(outcome.output);
      const limit = this.execution.resultBytesMax;
      if (output.size > limit) {
        return {
          type: "failed",
          failure: failure("RESULT_TOO_LARGE", { size: output.size, limit, setting: "WEFT_RESULT_BYTES_MAX" }),
        };
      }
      this.keep?.(
        Payload.ofJson(this.taskSecrets ? Payload.of(this.taskSecrets.mask.value(output.value)).text : output.text),
      );
      return outcome.usage ? { type: "completed", output, usage: outcome.usage } : { type: "completed", output };
    } catch (error) {
      return { type: "failed", failure: failureOf(error, "STEP_FAILED") };
    }
  }
}

const fileMasks = new WeakMap<Plan, Mask>();

/** Hides the secrets that stand in a Dify file; null where there are none. */
function fileMask(plan: Plan): Mask | null {
  if (fileSecrets(plan).length === 0) return null;
  let mask = fileMasks.get(plan);
  if (!mask) {
    hideFileSecrets(plan, (mask = new Mask()));
    fileMasks.set(plan, mask);
  }
  return mask;
}

function hideFileSecrets(plan: Plan, mask: Mask): void {
  for (const value of fileSecrets(plan)) mask.add(value);
}

function fileSecrets(plan: Plan): readonly string[] {
  const values = (plan.workflow.dify?.secrets ?? []).map((name) => fileSecret(plan.env, name));
  return values.filter((value) => value !== "");
}

function isPromise(outcome: Outcome | Promise<Outcome>): outcome is Promise<Outcome> {
  return typeof (outcome as Promise<Outcome>).then === "function";
}
