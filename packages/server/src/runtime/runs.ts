import { AppError, Payload } from "@weftwork/core";
import type { Input, Json } from "@weftwork/core";
import type { Page, Run, RunDetail, RunLog, RunMessage, RunPage, RunStep, Stats, TaskProgress } from "@weftwork/sdk";
import { v7 as uuid } from "uuid";
import type { Live } from "../live/live.ts";
import type { SearchIndex } from "../search/search.ts";
import { Beginnings, type BeginningsOptions, type BegunRun, type RunAgain } from "./beginnings.ts";
import { exportRun } from "./export.ts";
import type { Feeds } from "./feeds.ts";
import { checkAction, checkFormAnswer } from "./form-answer.ts";
import type { HotRun } from "./hot-run.ts";
import type { Inbox } from "./inbox.ts";
import type { RunNotice } from "./owner.ts";
import type { RerunTarget } from "./plan-rerun.ts";
import type { OpenedPayload } from "./payloads.ts";
import { runDetail, stepDetail, stepOutput, type DetailOptions } from "./run-detail.ts";
import { listRuns, type RunListQuery } from "./run-list.ts";
import { runLogs } from "./run-logs.ts";
import { RunBell } from "./run-bell.ts";
import { RunSights, type RunSightsOptions } from "./run-sights.ts";
import { RunWaiters } from "./run-waiters.ts";
import type { StepStreams } from "./step-streams.ts";
import type { StreamBuffer } from "./stream-buffer.ts";
import { readPosition, type Position } from "./stream-position.ts";
import type { Submission } from "./submission.ts";
import { runView, taskView } from "./view.ts";

export interface RunsOptions extends BeginningsOptions, Pick<RunSightsOptions, "standing"> {
  readonly inbox: Inbox;
  readonly streams: StepStreams;
  readonly buffer: StreamBuffer;
  readonly feeds: Feeds;
  readonly live: Live<RunNotice>;
  readonly index: SearchIndex;
}

const NO_TEXT: ReadonlyMap<string, string> = new Map();

/** Runs, as everybody outside the engine deals with them. */
export class Runs {
  private readonly options: RunsOptions;
  private readonly sights: RunSights;
  private readonly beginnings: Beginnings;
  private readonly waiters: RunWaiters;

  constructor(options: RunsOptions) {
    this.options = options;
    this.sights = new RunSights(options);
    this.beginnings = new Beginnings(options, this.sights);
    this.waiters = new RunWaiters(options.clock);
  }

  /** Begins a run. It is durable when this resolves. `created` false: the submission is a repeat of an earlier one. */
  start(submission: Submission): Promise<BegunRun> {
    return this.beginnings.start(submission);
  }

  /** Throws what keeps such a run from beginning at any time: its workflow, its version, its root, its inputs. */
  check(submission: Submission): Promise<void> {
    return this.beginnings.check(submission);
  }

  /**
   * Begins a run that takes over from an ended or open one everything that is not downstream of a node, nor of an input
   * that is given anew, and computes the rest. `created` false: the key has begun this run before.
   */
  rerun(id: string, target: RerunTarget & { readonly idempotencyKey?: string }): Promise<RunAgain> {
    return this.beginnings.rerun(id, target);
  }

  /** Begins a run again from the innermost step that failed it. Throws `RETRY_NOT_POSSIBLE` when none did. */
  retry(id: string, options: { readonly idempotencyKey?: string } = {}): Promise<RunAgain> {
    return this.beginnings.retry(id, options);
  }

  /** Begins a run with the results that an earlier one took over, so that it can happen again. */
  startWith(...given: Parameters<Beginnings["startWith"]>): Promise<BegunRun> {
    return this.beginnings.startWith(...given);
  }

  /** The innermost step that failed a run; null when none did. Throws `RETRY_NOT_POSSIBLE` for one that has not failed. */
  failedAt(id: string): Promise<{ readonly node: string; readonly scope: string } | null> {
    return this.beginnings.failedAt(id);
  }

  /** A run as it is recorded; null when there is none. */
  async get(id: string): Promise<Run | null> {
    const sight = await this.sights.find(id);
    return sight && runView(sight);
  }

  /** The same with the steps of a scope; left out: of the root and of every open one. */
  async detail(id: string, options: { readonly scope?: string } = {}): Promise<RunDetail | null> {
    const head = await this.options.journal.head(this.options.tenant, id);
    return head && runDetail(this.detailOptions(id), head, options.scope);
  }

  /** One step of a run with its values whole. Throws `RUN_NOT_FOUND` and `STEP_NOT_FOUND`. */
  async step(id: string, step: string, options: { readonly scope?: string } = {}): Promise<RunStep> {
    return stepDetail(this.detailOptions(id), await this.sights.head(id), options.scope ?? "root", step);
  }

  /**
   * The value of a step as JSON text, in pieces. One of any size is little memory. Throws `RUN_NOT_FOUND`, and
   * `STEP_NOT_FOUND` where the step has no value.
   */
  async output(id: string, step: string, options: { readonly scope?: string } = {}): Promise<OpenedPayload> {
    return stepOutput(this.detailOptions(id), await this.sights.head(id), options.scope ?? "root", step);
  }

  /**
   * Everything recorded of a run as one document, in pieces of text. Throws `RUN_NOT_FOUND` and `EXPORT_TOO_LARGE`, before
   * the first piece.
   */
  async export(id: string): Promise<AsyncIterable<string>> {
    return exportRun(this.options, await this.sights.head(id));
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
    const sight = await this.sights.find(id);
    if (!sight) return null;
    const run = this.options.owner.find(this.options.tenant, id);
    return taskView(sight, run ? this.options.streams.partials(run) : NO_TEXT);
  }

  /** Resolves when the run has ended, or with the run as it stands when the time is over. Null: there is no such run. */
  async wait(
    id: string,
    { timeoutMs, signal }: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Run | null> {
    const { clock, live, owner, tenant } = this.options;
    const until = timeoutMs === undefined ? Infinity : clock.monotonic() + timeoutMs;
    const isTimeOver = (): boolean => signal?.aborted === true || clock.monotonic() >= until;
    let bell: RunBell | null = null;
    let hasRung = false;
    try {
      for (;;) {
        const held = owner.find(tenant, id);
        if (held) {
          const left = await this.waiters.leaving(held, signal, until);
          if (left && left.endRecorded) return runView(await this.sights.of(left.state));
          if (!left) return this.get(id);
          continue;
        }
        const run = hasRung || isTimeOver() ? await this.get(id) : null;
        if (run?.finished_at || isTimeOver()) return run;
        // While it goes on elsewhere its head says so, which costs less than reading the run.
        const key = await this.sights.openKey(id);
        if (key === null) return this.get(id);
        bell ??= new RunBell(live, clock, key);
        hasRung = await bell.next(until, signal);
      }
    } finally {
      bell?.close();
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
    for await (const batch of this.options.feeds.batches(await this.sights.head(id), after, signal))
      yield batch.map(({ message }) => message);
  }

  /** A page of the lines that the steps of a run wrote, in the order in which they came. Throws `RUN_NOT_FOUND`. */
  async logs(
    id: string,
    query: { readonly node?: string; readonly cursor?: string; readonly limit: number },
  ): Promise<Page<RunLog>> {
    return runLogs(this.options.buffer, await this.sights.head(id), query);
  }

  /** Ends the run where it stands. A run that has ended already is returned as it is. */
  async cancel(id: string, reason = "cancelled by request"): Promise<Run> {
    // One that is held here is not read first: with rows on their way that folds all of it again.
    const held = this.options.owner.find(this.options.tenant, id);
    if (held === undefined) {
      const run = await this.get(id);
      if (!run) throw new AppError("RUN_NOT_FOUND", { run: id });
      if (run.finished_at !== null) return run;
    }
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
    await this.sights.open(id);
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
      /** The button that was pressed, where the step has more than two. */
      readonly action?: string;
    },
  ): Promise<void> {
    const { state } = await this.sights.open(id);
    const scope = answer.scope ?? "root";
    if (state.waiting.get(`${scope}/${answer.step}`)?.waiting.type !== "approval")
      throw new AppError("SIGNAL_NOT_EXPECTED", { run: id, step: answer.step });
    const asked = state.scopes.get(scope)?.body.byId.get(answer.step)?.step;
    if (answer.approved && asked?.kind === "approval" && asked.form !== null)
      checkFormAnswer(answer.step, asked.form, answer.form ?? {});
    if (answer.action !== undefined) checkAction(answer.step, asked, answer.action);
    const inputId = `approval:${scope}/${answer.step}`;
    const input: Input = {
      type: "approval_decided",
      id: inputId,
      scope,
      node: answer.step,
      approved: answer.approved,
      by: answer.by ?? null,
      form: answer.form ?? null,
      ...(answer.action === undefined ? {} : { action: answer.action }),
    };
    await this.options.inbox.submit(id, input, inputId);
  }

  /** The run is no longer held here. */
  left(run: HotRun): void {
    this.sights.left(run);
    this.waiters.left(run);
  }

  private detailOptions(id: string): DetailOptions {
    const { journal, payloads, tenant, workflows } = this.options;
    return {
      journal,
      payloads,
      tenant,
      plansOf: ({ hash, pins }) => workflows.pinned(hash, pins),
      poolOf: (node) => workflows.poolOf(node),
      unserved: (runKey, state) => this.sights.unserved(runKey, state, this.options.owner.find(tenant, id)),
    };
  }
}
