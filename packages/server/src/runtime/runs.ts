import { createHash } from "node:crypto";
import {
  AppError,
  Payload,
  canonicalJson,
  controlPayloads,
  decodeRow,
  hash32,
  initialState,
  isJsonObject,
  parseTime,
  renderValueTemplate,
  rerun,
} from "@weftwork/core";
import type { Input, Json, JsonObject, Rerun, RunCreated, RunEvent } from "@weftwork/core";
import type { Page, Run, RunDetail, RunListItem, RunMessage, RunSubmission, Stats, TaskProgress } from "@weftwork/sdk";
import { v7 as uuid } from "uuid";
import type { Journal, RunCreation, RunHead, RunQuery } from "../journal/journal.ts";
import type { Live } from "../live/live.ts";
import type { TaskPart } from "../nodes/node.ts";
import type { Clock } from "./clock.ts";
import { failedStep } from "./failed-step.ts";
import { hotRun, type CreationAnswer, type HotRun } from "./hot-run.ts";
import type { Inbox } from "./inbox.ts";
import { checkedInputs } from "./inputs.ts";
import type { Keys } from "./keys.ts";
import type { Owner, RunNotice } from "./owner.ts";
import type { Payloads } from "./payloads.ts";
import { RecentRuns } from "./recent-runs.ts";
import { loadState } from "./recover.ts";
import { runDetail } from "./run-detail.ts";
import { listRuns } from "./run-list.ts";
import { runMessages } from "./stream.ts";
import { runView, taskView, type RunSight } from "./view.ts";
import type { PreparedPlan, Workflows } from "./workflows.ts";

export interface RunsOptions {
  readonly journal: Journal;
  readonly owner: Owner;
  readonly inbox: Inbox;
  readonly workflows: Workflows;
  readonly payloads: Payloads;
  readonly live: Live<RunNotice>;
  readonly clock: Clock;
  readonly keys: Keys;
  readonly tenant: string;
  /** Runs held at most; submissions beyond are refused with `OVERLOADED`. */
  readonly runsMax: number;
}

export interface Submission extends RunSubmission {
  /** Makes the submission repeatable without an id of the caller's own; kept for 24 hours. */
  readonly idempotencyKey?: string;
}

const IDEMPOTENCY_MS = 24 * 3_600_000;
/** Characters of streamed text kept for `partial` of a task. */
const PARTIAL_CHARS_MAX = 1_000_000;
const NO_TEXT: ReadonlyMap<string, string> = new Map();
const POLL_MS = 250;

/** Runs, as everybody outside the engine deals with them. */
export class Runs {
  private readonly options: RunsOptions;
  private readonly waiters = new Map<number, Set<(run: HotRun | null) => void>>();
  private readonly recent: RecentRuns;
  private readonly partials = new Map<number, Map<string, string>>();

  constructor(options: RunsOptions) {
    this.options = options;
    this.recent = new RecentRuns(options.clock);
  }

  /** Begins a run. It is durable when this resolves. `created` false: the submission is a repeat of an earlier one. */
  async start(submission: Submission): Promise<{ readonly run: Run; readonly created: boolean }> {
    const prepared = this.options.workflows.prepare(submission.workflow, submission.version ?? null);
    const plans = prepared instanceof Promise ? await prepared : prepared;
    const given = submission.inputs ?? {};
    if (!isJsonObject(given)) throw new AppError("INVALID_REQUEST", { reason: "inputs must be a JSON object" });
    return this.create(plans, checkedInputs(plans.plan, given), submission, [], null);
  }

  /**
   * Begins a run that takes over from an ended or open one everything that is not downstream of a node, and computes
   * the rest. The plan is the one the old run had.
   */
  async rerun(
    id: string,
    target: { readonly scope?: string; readonly node: string },
  ): Promise<{ readonly run: Run; readonly reused: number; readonly reusedTokens: number }> {
    const { journal, workflows, tenant } = this.options;
    const head = await this.headOf(id);
    const { rows } = await journal.read(head.runKey, { snapshot: false });
    const decisions = rows.flatMap((row) => decodeRow(row.body));
    const created = decisions[0]!.events[0] as RunCreated;
    const plans = await workflows.pinned(created.hash, created.pins);
    const at = { scope: target.scope ?? "root", node: target.node };
    const taken: Rerun | null = rerun(id, decisions, at, plans, plans);
    if (!taken) throw new AppError("INVALID_REQUEST", { reason: `the run ${id} has no step ${at.scope}/${at.node}` });
    await this.options.payloads.load(tenant, [created.inputs]);
    await this.options.payloads.load(tenant, taken.payloads, true);
    const submission = { workflow: created.workflow, priority: created.priority, metadata: created.metadata };
    const { run } = await this.create(plans, created.inputs.value as JsonObject, submission, taken.copies, {
      runId: id,
      ...at,
    });
    return { run, reused: taken.reused, reusedTokens: taken.reusedTokens };
  }

  /** Begins a run again from the innermost step that failed it. Throws `RETRY_NOT_POSSIBLE` when none did. */
  async retry(id: string): Promise<{ readonly run: Run; readonly reused: number; readonly reusedTokens: number }> {
    const sight = await this.sight(id);
    if (!sight) throw new AppError("RUN_NOT_FOUND", { run: id });
    const { status, failedAt } = sight.state;
    if (status !== "failed") throw new AppError("RETRY_NOT_POSSIBLE", { run: id, reason: `it is ${status}` });
    if (failedAt === null) throw new AppError("RETRY_NOT_POSSIBLE", { run: id, reason: "no single step failed it" });
    const { rows } = await this.options.journal.read((await this.headOf(id)).runKey, { snapshot: false });
    return this.rerun(id, failedStep(rows.flatMap((row) => decodeRow(row.body))) ?? failedAt);
  }

  private async create(
    plans: PreparedPlan,
    inputs: JsonObject,
    submission: Submission,
    copies: readonly RunEvent[],
    rerunOf: RunCreated["rerunOf"],
  ): Promise<{ readonly run: Run; readonly created: boolean }> {
    const { owner, clock, tenant, keys, runsMax } = this.options;
    if (owner.runs.size >= runsMax)
      throw new AppError("OVERLOADED", { reason: `${runsMax} runs are open in this process`, retryAfter: 1 });
    const { plan, nested } = plans;
    const now = clock.now();
    const id = submission.id ?? `run_${uuid()}`;
    const runAt = submission.run_at === undefined ? null : timeOf(submission.run_at);
    const availableAt = runAt !== null && runAt > now ? runAt : null;
    const slot = slotOf(plans, inputs);
    if (slot && availableAt !== null)
      throw new AppError("INVALID_REQUEST", {
        reason: `run_at cannot be given for ${plan.name}, whose runs wait for their concurrency key; submit it when it is due`,
      });
    const created: RunCreated = {
      type: "run_created",
      runId: id,
      tenant,
      workflow: plan.name,
      version: plan.version,
      hash: plan.hash,
      pins: plans.pins,
      inputs: Payload.of(inputs),
      seed: hash32(id),
      priority: submission.priority ?? plan.workflow.priority,
      metadata: submission.metadata ?? {},
      waits: slot
        ? { type: "slot", key: slot.key }
        : availableAt !== null
          ? { type: "time", until: availableAt }
          : null,
      rerunOf,
      batch: null,
    };
    const named = submission.id !== undefined || submission.idempotencyKey !== undefined;
    const fingerprint = named ? fingerprintOf(submission, inputs) : "";
    const key = submission.idempotencyKey;
    const creation: RunCreation = {
      id,
      workflow: plan.name,
      version: plan.version,
      versionHash: plan.hash,
      priority: created.priority,
      metadata: created.metadata,
      createdAt: now,
      availableAt,
      idempotency: key === undefined ? null : { key, fingerprint, expiresAt: now + IDEMPOTENCY_MS },
      fingerprint,
      slot,
    };
    const run = hotRun({
      key: await keys.next(),
      tenant,
      id,
      epoch: 1,
      state: initialState(plan, nested),
      nextSeq: 1,
      creation: null,
      recordedStatus: null,
    });
    const answer: CreationAnswer = await owner.create(run, created, copies, creation);
    if (answer.type === "failed") throw answer.error;
    if (answer.type === "exists") return { run: (await this.get(answer.id))!, created: false };
    return { run: bornView(run, inputs), created: true };
  }

  /** A run as it is recorded; null when there is none. */
  async get(id: string): Promise<Run | null> {
    const sight = await this.sight(id);
    return sight && runView(sight);
  }

  /** The same with its steps. */
  async detail(id: string): Promise<RunDetail | null> {
    const sight = await this.sight(id);
    return sight && runDetail(sight, this.options.payloads, this.options.tenant);
  }

  /** A page of runs, newest first. */
  list(query: Omit<RunQuery, "tenant">): Promise<Page<RunListItem>> {
    return listRuns(this.options.journal, { ...query, tenant: this.options.tenant });
  }

  /** Runs by what became of them. Costs the same at any number of runs. */
  async stats(): Promise<Stats> {
    return { runs: await this.options.journal.stats(this.options.tenant) };
  }

  /** The same in the field's polling shape. */
  async task(id: string): Promise<TaskProgress | null> {
    const sight = await this.sight(id);
    if (!sight) return null;
    const run = this.options.owner.find(this.options.tenant, id);
    return taskView(sight, (run && this.partials.get(run.key)) ?? NO_TEXT);
  }

  /** Resolves when the run has ended, or with the run as it stands when the time is over. Null: there is no such run. */
  async wait(
    id: string,
    limits: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Run | null> {
    const { clock } = this.options;
    const until = limits.timeoutMs === undefined ? Infinity : clock.monotonic() + limits.timeoutMs;
    for (;;) {
      const held = this.options.owner.find(this.options.tenant, id);
      if (!held) {
        const run = await this.get(id);
        if (!run || run.finished_at !== null || limits.signal?.aborted || clock.monotonic() >= until) return run;
        await new Promise<void>((resolve) => void clock.after(Math.min(POLL_MS, until - clock.monotonic()), resolve));
        continue;
      }
      const left = await this.leaving(held, limits.signal, until);
      if (left && left.endRecorded) return runView(await this.sightOf(left.state, NO_TEXT));
      if (!left) return this.get(id);
    }
  }

  /** Events from a position on, then those to come, until the run has ended. Throws `RUN_NOT_FOUND`. */
  async *events(
    id: string,
    options: { readonly after?: string; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<RunMessage> {
    yield* runMessages(this.options, await this.headOf(id), options.after, options.signal);
  }

  /** Ends the run where it stands. A run that has ended already is returned as it is. */
  async cancel(id: string, reason = "cancelled by request"): Promise<Run> {
    const run = await this.get(id);
    if (!run) throw new AppError("RUN_NOT_FOUND", { run: id });
    if (run.finished_at !== null) return run;
    try {
      await this.options.inbox.submit(id, { type: "cancel_requested", reason }, "cancel");
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "RUN_FINISHED") throw error;
    }
    return (await this.wait(id, { timeoutMs: 2000 }))!;
  }

  /** Gives a run a signal. Kept until a step waits for it; `inputId` makes a repeat harmless. */
  async signal(
    id: string,
    signal: { readonly name: string; readonly payload?: Json; readonly inputId?: string },
  ): Promise<void> {
    await this.open(id);
    const inputId = signal.inputId ?? `sig_${uuid()}`;
    await this.options.inbox.submit(
      id,
      { type: "signal_received", id: inputId, name: signal.name, payload: Payload.of(signal.payload ?? null) },
      inputId,
    );
  }

  /** Answers a step that waits for approval. Throws `SIGNAL_NOT_EXPECTED` when none does. */
  async decide(
    id: string,
    answer: {
      readonly step: string;
      readonly scope?: string;
      readonly approved: boolean;
      readonly by?: string;
      readonly form?: Json;
    },
  ): Promise<void> {
    const { state } = await this.open(id);
    const scope = answer.scope ?? "root";
    if (state.waiting.get(`${scope}/${answer.step}`)?.waiting.type !== "approval")
      throw new AppError("SIGNAL_NOT_EXPECTED", { run: id, step: answer.step });
    const inputId = `approval:${scope}/${answer.step}`;
    const input: Input = {
      type: "approval_decided",
      id: inputId,
      scope,
      node: answer.step,
      approved: answer.approved,
      by: answer.by ?? null,
      form: answer.form ?? null,
    };
    await this.options.inbox.submit(id, input, inputId);
  }

  /** Text of a step that streams, for those who poll. */
  progressed(run: HotRun, node: string, part: TaskPart): void {
    if (part.type !== "text_delta") return;
    let texts = this.partials.get(run.key);
    if (!texts) this.partials.set(run.key, (texts = new Map()));
    const text = texts.get(node) ?? "";
    if (text.length < PARTIAL_CHARS_MAX) texts.set(node, text + part.text);
  }

  /** The run is no longer held here. */
  left(run: HotRun): void {
    this.partials.delete(run.key);
    if (run.endRecorded) this.recent.keep(run.id, run.state);
    const waiters = this.waiters.get(run.key);
    this.waiters.delete(run.key);
    if (waiters) for (const tell of waiters) tell(run);
  }

  private async open(id: string): Promise<RunSight> {
    const sight = await this.sight(id);
    if (!sight) throw new AppError("RUN_NOT_FOUND", { run: id });
    if (sight.state.finishedAt !== null) throw new AppError("RUN_FINISHED", { run: id, status: sight.state.status });
    return sight;
  }

  private async headOf(id: string): Promise<RunHead> {
    const head = await this.options.journal.head(this.options.tenant, id);
    if (!head) throw new AppError("RUN_NOT_FOUND", { run: id });
    return head;
  }

  /** What is recorded of a run. Its state in memory serves only when nothing of it is still on its way (H1). */
  private async sight(id: string): Promise<RunSight | null> {
    const { owner, tenant, journal, workflows, payloads } = this.options;
    const run = owner.find(tenant, id);
    if (run && run.nextSeq > 1 && run.sending === null && run.open.decisions.length === 0)
      return this.sightOf(run.state, run.unserved);
    const ended = run ? null : this.recent.get(id);
    if (ended) return this.sightOf(ended, NO_TEXT);
    const head = await journal.head(tenant, id);
    if (!head) return null;
    const { state } = await loadState(journal, workflows, head.runKey);
    await payloads.load(tenant, controlPayloads(state));
    return this.sightOf(state, run?.unserved ?? NO_TEXT);
  }

  private async sightOf(state: RunSight["state"], unserved: ReadonlyMap<string, string>): Promise<RunSight> {
    const { inputs } = state.created!;
    const { output } = state;
    await this.options.payloads.load(this.options.tenant, output ? [inputs, output] : [inputs]);
    return { state, inputs: inputs.value as JsonObject, output: output?.value ?? null, unserved };
  }

  /** Resolves with the run when it leaves this process (ended or given up), or with null when the time is over. */
  private leaving(run: HotRun, signal: AbortSignal | undefined, until: number): Promise<HotRun | null> {
    return new Promise((resolve) => {
      let waiters = this.waiters.get(run.key);
      if (!waiters) this.waiters.set(run.key, (waiters = new Set()));
      const stop = (): void => tell(null);
      const cancelTimer =
        until === Infinity ? null : this.options.clock.after(until - this.options.clock.monotonic(), stop);
      const tell = (left: HotRun | null): void => {
        waiters.delete(tell);
        cancelTimer?.();
        signal?.removeEventListener("abort", stop);
        resolve(left);
      };
      waiters.add(tell);
      signal?.addEventListener("abort", stop, { once: true });
      if (signal?.aborted) stop();
    });
  }
}

/**
 * The run as its first row has it. Its state may be further by now, with steps that started early, but nothing of that
 * is recorded yet (H1).
 */
function bornView(run: HotRun, inputs: JsonObject): Run {
  const view = runView({ state: run.state, inputs, output: null, unserved: NO_TEXT });
  if (view.status === "pending") return view;
  return {
    ...view,
    status: "running",
    outputs: null,
    error: null,
    waiting_for: null,
    finished_at: null,
    usage: NO_USAGE,
  };
}

const NO_USAGE = { input_tokens: 0, output_tokens: 0, total_tokens: 0 };

function slotOf({ plan }: PreparedPlan, inputs: JsonObject): RunCreation["slot"] {
  const { concurrency } = plan.workflow;
  if (!concurrency || !plan.concurrencyKey) return null;
  const sys = { workflow: plan.name, version: plan.version };
  const roots: Readonly<Record<string, Json>> = { inputs, sys, env: plan.env };
  const key = renderValueTemplate(plan.concurrencyKey, {
    lookup: (name) => (Object.hasOwn(roots, name) ? roots[name] : undefined),
  });
  const text = typeof key === "string" ? key : JSON.stringify(key);
  return { key: `${plan.name}/${text}`, limit: concurrency.limit, strategy: concurrency.strategy };
}

function fingerprintOf(submission: Submission, inputs: JsonObject): string {
  const content = { workflow: submission.workflow, version: submission.version ?? null, inputs };
  return createHash("sha256").update(canonicalJson(content)).digest("hex");
}

function timeOf(text: string): number {
  const time = parseTime(text);
  if (time === null)
    throw new AppError("INVALID_REQUEST", {
      reason: `run_at is no time: ${text}; write one such as 2026-12-31T08:00:00Z`,
    });
  return time;
}
