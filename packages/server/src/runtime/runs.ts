import { AppError, Payload, controlPayloads, decodeRow, hash32, initialState, isJsonObject } from "@weftwork/core";
import type { Input, Json, JsonObject, RunCreated, RunEvent } from "@weftwork/core";
import type { Page, Run, RunDetail, RunLog, RunMessage, RunPage, RunStep, Stats, TaskProgress } from "@weftwork/sdk";
import { v7 as uuid } from "uuid";
import type { Journal, RunCreation, RunHead } from "../journal/journal.ts";
import type { SearchIndex } from "../search/search.ts";
import type { Clock } from "./clock.ts";
import { exportRun } from "./export.ts";
import { failedStep } from "./failed-step.ts";
import { hotRun, type CreationAnswer, type HotRun } from "./hot-run.ts";
import type { Feeds } from "./feeds.ts";
import type { Inbox } from "./inbox.ts";
import { checkFormAnswer } from "./form-answer.ts";
import { checkedInputs } from "./inputs.ts";
import type { Keys } from "./keys.ts";
import type { Needs } from "./needs.ts";
import type { Owner } from "./owner.ts";
import type { Payloads } from "./payloads.ts";
import { planRerun, type RerunTarget } from "./plan-rerun.ts";
import { RecentRuns } from "./recent-runs.ts";
import { loadState } from "./recover.ts";
import { runDetail, stepDetail, type DetailOptions } from "./run-detail.ts";
import { listRuns, type RunListQuery } from "./run-list.ts";
import { runLogs } from "./run-logs.ts";
import { readPosition, type Position } from "./stream-position.ts";
import type { StepStreams } from "./step-streams.ts";
import type { StreamBuffer } from "./stream-buffer.ts";
import { fingerprintOf, slotOf, timeOf, type Submission } from "./submission.ts";
import { runView, taskView, type RunSight } from "./view.ts";
import type { PreparedPlan, Workflows } from "./workflows.ts";

export interface RunsOptions {
  readonly journal: Journal;
  readonly owner: Owner;
  readonly inbox: Inbox;
  readonly workflows: Workflows;
  readonly payloads: Payloads;
  readonly streams: StepStreams;
  readonly buffer: StreamBuffer;
  readonly feeds: Feeds;
  readonly clock: Clock;
  readonly keys: Keys;
  readonly needs: Needs;
  readonly index: SearchIndex;
  readonly tenant: string;
  /** Runs held at most; submissions beyond are refused with `OVERLOADED`. */
  readonly runsMax: number;
}

const IDEMPOTENCY_MS = 24 * 3_600_000;
const NO_TEXT: ReadonlyMap<string, string> = new Map();
const POLL_MS = 250;

/** A run begun again, and what it did not have to compute. */
export interface RunAgain {
  readonly run: Run;
  readonly created: boolean;
  /** Tasks, items and rounds taken over. */
  readonly reused: number;
  readonly reusedTokens: number;
  readonly recomputed: readonly string[];
}

/** Runs, as everybody outside the engine deals with them. */
export class Runs {
  private readonly options: RunsOptions;
  private readonly waiters = new Map<number, Set<(run: HotRun | null) => void>>();
  private readonly recent: RecentRuns;

  constructor(options: RunsOptions) {
    this.options = options;
    this.recent = new RecentRuns(options.clock);
  }

  /** Begins a run. It is durable when this resolves. `created` false: the submission is a repeat of an earlier one. */
  async start(submission: Submission): Promise<{ readonly run: Run; readonly created: boolean }> {
    const prepared = this.options.workflows.prepare(submission.workflow, submission.version ?? null);
    const plans = prepared instanceof Promise ? await prepared : prepared;
    this.options.needs.check(plans);
    const given = submission.inputs ?? {};
    if (!isJsonObject(given)) throw new AppError("INVALID_REQUEST", { reason: "inputs must be a JSON object" });
    return this.create(plans, checkedInputs(plans.plan, given), submission, [], null);
  }

  /**
   * Begins a run that takes over from an ended or open one everything that is not downstream of a node, nor of an input
   * that is given anew, and computes the rest. `created` false: the key has begun this run before.
   */
  async rerun(id: string, target: RerunTarget & { readonly idempotencyKey?: string }): Promise<RunAgain> {
    const { idempotencyKey } = target;
    const planned = await planRerun(this.options, await this.headOf(id), target);
    const { before, plans, inputs, taken, at } = planned;
    this.options.needs.check(plans);
    const { run, created } = await this.create(
      plans,
      inputs,
      {
        workflow: before.workflow,
        version: plans.plan.version,
        priority: before.priority,
        metadata: before.metadata,
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      },
      taken.copies,
      { runId: id, ...at },
    );
    const { reused, reusedTokens, recomputed } = taken;
    return { run, created, reused, reusedTokens, recomputed };
  }

  /** Begins a run again from the innermost step that failed it. Throws `RETRY_NOT_POSSIBLE` when none did. */
  async retry(id: string, options: { readonly idempotencyKey?: string } = {}): Promise<RunAgain> {
    const sight = await this.sight(id);
    if (!sight) throw new AppError("RUN_NOT_FOUND", { run: id });
    const { status, failedAt } = sight.state;
    if (status !== "failed") throw new AppError("RETRY_NOT_POSSIBLE", { run: id, reason: `it is ${status}` });
    if (failedAt === null) throw new AppError("RETRY_NOT_POSSIBLE", { run: id, reason: "no single step failed it" });
    const { rows } = await this.options.journal.read((await this.headOf(id)).runKey, { snapshot: false });
    const target = failedStep(rows.flatMap((row) => decodeRow(row.body))) ?? failedAt;
    return this.rerun(id, { ...target, ...options });
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
    const fingerprint = named ? fingerprintOf(submission, inputs, rerunOf) : "";
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

  /** The same with the steps of a scope; left out: of the root and of every open one. */
  async detail(id: string, options: { readonly scope?: string } = {}): Promise<RunDetail | null> {
    const head = await this.options.journal.head(this.options.tenant, id);
    return head && runDetail(this.detailOptions(id), head, options.scope);
  }

  /** One step of a run with its values whole. Throws `RUN_NOT_FOUND` and `STEP_NOT_FOUND`. */
  async step(id: string, step: string, options: { readonly scope?: string } = {}): Promise<RunStep> {
    return stepDetail(this.detailOptions(id), await this.headOf(id), options.scope ?? "root", step);
  }

  /**
   * Everything recorded of a run as one document, in pieces of text. Throws `RUN_NOT_FOUND` and `EXPORT_TOO_LARGE`, before
   * the first piece.
   */
  async export(id: string): Promise<AsyncIterable<string>> {
    return exportRun(this.options, await this.headOf(id));
  }

  /** A page of runs, newest first; with `q`, those that hold all of its words. */
  list(query: Omit<RunListQuery, "tenant">): Promise<RunPage> {
    return listRuns(this.options, { ...query, tenant: this.options.tenant });
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
    return taskView(sight, run ? this.options.streams.partials(run) : NO_TEXT);
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
    for await (const batch of this.stream(id, options)) yield* batch;
  }

  /**
   * The same as batches of what is there at a time. A message is one object for all who read it here. Throws
   * `RUN_NOT_FOUND`, and `INVALID_REQUEST` for what is no position.
   */
  stream(
    id: string,
    options: { readonly after?: string; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<readonly RunMessage[]> {
    return this.batches(id, readPosition(options.after), options.signal);
  }

  private async *batches(
    id: string,
    after: Position,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly RunMessage[]> {
    for await (const batch of this.options.feeds.batches(await this.headOf(id), after, signal))
      yield batch.map(({ message }) => message);
  }

  /** A page of the lines that the steps of a run wrote, in the order in which they came. Throws `RUN_NOT_FOUND`. */
  async logs(
    id: string,
    query: { readonly node?: string; readonly cursor?: string; readonly limit: number },
  ): Promise<Page<RunLog>> {
    return runLogs(this.options.buffer, await this.headOf(id), query);
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
    const asked = state.scopes.get(scope)?.body.byId.get(answer.step)?.step;
    if (answer.approved && asked?.kind === "approval" && asked.form !== null)
      checkFormAnswer(answer.step, asked.form, answer.form ?? {});
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

  /** The run is no longer held here. */
  left(run: HotRun): void {
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

  private detailOptions(id: string): DetailOptions {
    const { journal, payloads, tenant, workflows, owner } = this.options;
    return {
      journal,
      payloads,
      tenant,
      plansOf: ({ hash, pins }) => workflows.pinned(hash, pins),
      poolOf: (node) => workflows.poolOf(node),
      unserved: owner.find(tenant, id)?.unserved ?? NO_TEXT,
    };
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
