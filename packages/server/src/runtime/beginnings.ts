import { AppError, Payload, decodeRow, hash32, initialState, isJsonObject } from "@weftwork/core";
import type { JsonObject, RunCreated, RunEvent } from "@weftwork/core";
import type { Run } from "@weftwork/sdk";
import { v7 as uuid } from "uuid";
import type { Journal, RunCreation } from "../journal/journal.ts";
import type { Clock } from "./clock.ts";
import { failedStep } from "./failed-step.ts";
import { hotRun, type CreationAnswer, type HotRun } from "./hot-run.ts";
import { checkedInputs } from "./inputs.ts";
import type { Keys } from "./keys.ts";
import type { Needs } from "./needs.ts";
import type { Overload } from "./overload.ts";
import type { Owner } from "./owner.ts";
import type { Payloads } from "./payloads.ts";
import { planRerun, type RerunTarget } from "./plan-rerun.ts";
import type { RunSights } from "./run-sights.ts";
import { fingerprintOf, slotOf, timeOf, withRoot, type Submission } from "./submission.ts";
import { runView } from "./view.ts";
import type { PreparedPlan, Workflows } from "./workflows.ts";

export interface BeginningsOptions {
  readonly journal: Journal;
  readonly owner: Owner;
  readonly workflows: Workflows;
  readonly payloads: Payloads;
  readonly clock: Clock;
  readonly keys: Keys;
  readonly needs: Needs;
  readonly callbacks?: RunCallbacks;
  readonly tenant: string;
  /** Runs that begin here are advanced here. */
  readonly own: boolean;
  /** Refuses new runs where there is no room for them. */
  readonly overload: Pick<Overload, "admit" | "began">;
  /** Told of each run that took over from one that failed. */
  readonly tookOver?: (failed: string, by: string, key: string | null) => Promise<void>;
}

/** Addresses at which somebody waits to be told of a run. */
export interface RunCallbacks {
  /**
   * Durable when it resolves, before the run is: a run that then does not begin leaves nothing behind for long. Throws
   * `INVALID_REQUEST` and `REQUEST_BLOCKED`.
   */
  keep(runId: string, url: string): Promise<void>;
}

/** A run that was asked for. `created` false: the request is a repeat of an earlier one. */
export interface BegunRun {
  readonly run: Run;
  readonly created: boolean;
}

/** A run begun again, and what it did not have to compute. */
export interface RunAgain extends BegunRun {
  /** Tasks, items and rounds taken over. */
  readonly reused: number;
  readonly reusedTokens: number;
  readonly recomputed: readonly string[];
}

const IDEMPOTENCY_MS = 24 * 3_600_000;

/** How runs begin: by a submission, or again from an earlier run. */
export class Beginnings {
  private readonly options: BeginningsOptions;
  private readonly sights: RunSights;

  constructor(options: BeginningsOptions, sights: RunSights) {
    this.options = options;
    this.sights = sights;
  }

  /** Begins a run. It is durable when this resolves. `created` false: the submission is a repeat of an earlier one. */
  async start(submission: Submission): Promise<BegunRun> {
    const prepared = this.options.workflows.prepare(submission.workflow, submission.version ?? null);
    const plans = prepared instanceof Promise ? await prepared : prepared;
    this.options.needs.check(plans);
    return this.create(plans, inputsOf(plans, submission), submission, [], null);
  }

  /** Begins a run with the results that an earlier one took over, so that it can happen again. */
  async startWith(
    submission: Submission,
    copies: readonly RunEvent[],
    rerunOf: RunCreated["rerunOf"],
  ): Promise<BegunRun> {
    const plans = await this.options.workflows.prepare(submission.workflow, submission.version ?? null);
    return this.create(plans, inputsOf(plans, submission), submission, copies, rerunOf);
  }

  /** Throws what keeps such a run from beginning at any time: its workflow, its version, its root, its inputs. */
  async check(submission: Submission): Promise<void> {
    inputsOf(await this.options.workflows.prepare(submission.workflow, submission.version ?? null), submission);
  }

  /**
   * Begins a run that takes over from an ended or open one everything that is not downstream of a node, nor of an input
   * that is given anew, and computes the rest. `created` false: the key has begun this run before.
   */
  async rerun(id: string, target: RerunTarget & { readonly idempotencyKey?: string }): Promise<RunAgain> {
    const { idempotencyKey } = target;
    const head = await this.sights.head(id);
    const planned = await planRerun(this.options, head, target);
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
    if (created && head.status === "failed") await this.options.tookOver?.(id, run.id, idempotencyKey ?? null);
    const { reused, reusedTokens, recomputed } = taken;
    return { run, created, reused, reusedTokens, recomputed };
  }

  /** Begins a run again from the innermost step that failed it. Throws `RETRY_NOT_POSSIBLE` when none did. */
  async retry(id: string, options: { readonly idempotencyKey?: string } = {}): Promise<RunAgain> {
    const target = await this.failedAt(id);
    if (target === null) throw new AppError("RETRY_NOT_POSSIBLE", { run: id, reason: "no single step failed it" });
    return this.rerun(id, { ...target, ...options });
  }

  /** The innermost step that failed a run; null when none did. Throws `RETRY_NOT_POSSIBLE` for one that has not failed. */
  async failedAt(id: string): Promise<{ readonly node: string; readonly scope: string } | null> {
    const sight = await this.sights.find(id);
    if (!sight) throw new AppError("RUN_NOT_FOUND", { run: id });
    const { status, failedAt } = sight.state;
    if (status !== "failed") throw new AppError("RETRY_NOT_POSSIBLE", { run: id, reason: `it is ${status}` });
    if (failedAt === null) return null;
    const { rows } = await this.options.journal.read((await this.sights.head(id)).runKey, { snapshot: false });
    return failedStep(rows.flatMap((row) => decodeRow(row.body))) ?? failedAt;
  }

  private async create(
    plans: PreparedPlan,
    inputs: JsonObject,
    submission: Submission,
    copies: readonly RunEvent[],
    rerunOf: RunCreated["rerunOf"],
  ): Promise<BegunRun> {
    const { owner, clock, tenant, keys, own, overload } = this.options;
    const { plan, nested } = plans;
    const priority = submission.priority ?? plan.workflow.priority;
    if (submission.accepted !== true) overload.admit(priority);
    const room = this.options.journal.admit?.() ?? null;
    if (room !== null) await room;
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
      priority,
      metadata: submission.metadata ?? {},
      waits: slot
        ? { type: "slot", key: slot.key }
        : availableAt !== null
          ? { type: "time", until: availableAt }
          : null,
      rerunOf,
      batch: null,
      ...(submission.callback_url === undefined ? {} : { callback: true as const }),
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
      // One that others advance is nobody's from the first; a slot is asked for by an owner.
      availableAt: availableAt ?? (own || slot ? null : now),
      idempotency: key === undefined ? null : { key, fingerprint, expiresAt: now + IDEMPOTENCY_MS },
      fingerprint,
      slot,
    };
    if (submission.callback_url !== undefined) await this.keepCallback(id, submission.callback_url);
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
    if (answer.type === "created") overload.began();
    if (answer.type === "exists") return { run: runView((await this.sights.find(answer.id))!), created: false };
    return { run: bornView(run, inputs), created: true };
  }

  private async keepCallback(id: string, url: string): Promise<void> {
    const { callbacks } = this.options;
    if (!callbacks) throw new AppError("INVALID_REQUEST", { reason: "callback_url is not served here; leave it out" });
    await callbacks.keep(id, url);
  }
}

function inputsOf(plans: PreparedPlan, submission: Submission): JsonObject {
  const given = submission.inputs ?? {};
  if (!isJsonObject(given)) throw new AppError("INVALID_REQUEST", { reason: "inputs must be a JSON object" });
  return checkedInputs(plans.plan, withRoot(plans, given, submission));
}

/**
 * The run as its first row has it. Its state may be further by now, with steps that started early, but nothing of that
 * is recorded yet (H1).
 */
function bornView(run: HotRun, inputs: JsonObject): Run {
  const view = runView({ state: run.state, inputs, output: null, unserved: new Map() });
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
