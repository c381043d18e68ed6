import { createHash } from "node:crypto";
import { AppError, canonicalJson, parseTime, renderValueTemplate, ROOT_INPUT } from "@weftwork/core";
import type { Json, JsonObject, RunCreated } from "@weftwork/core";
import type { RunSubmission } from "@weftwork/sdk";
import type { RunCreation } from "../journal/journal.ts";
import type { PreparedPlan } from "./workflows.ts";

export interface Submission extends RunSubmission {
  /** Makes the submission repeatable without an id of the caller's own; kept for 24 hours. */
  readonly idempotencyKey?: string;
  /** What a repeat must have in common with the first, where the inputs tell more than that. Left out: the inputs. */
  readonly same?: JsonObject;
  /** Belongs to work that was accepted before, and is not refused for load. */
  readonly accepted?: true;
}

/** The inputs with the node that the run is to begin at. Throws `INVALID_REQUEST` where there is no such choice. */
export function withRoot({ plan }: PreparedPlan, inputs: JsonObject, { root }: Submission): JsonObject {
  if (root === undefined) return inputs;
  if (plan.workflow.dify) return { ...inputs, [ROOT_INPUT]: root };
  throw new AppError("INVALID_REQUEST", {
    reason: `root names a trigger of a Dify file, and ${plan.name} is none; leave it out`,
  });
}

/** The place that a run needs under its concurrency key; null where the workflow has none. */
export function slotOf({ plan }: PreparedPlan, inputs: JsonObject): RunCreation["slot"] {
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

/** Equal for what is the same submission, and the same rerun. */
export function fingerprintOf(submission: Submission, inputs: JsonObject, rerunOf: RunCreated["rerunOf"]): string {
  const { workflow, version = null } = submission;
  const content = { workflow, version, inputs: submission.same ?? inputs, ...(rerunOf ? { rerunOf } : {}) };
  return createHash("sha256").update(canonicalJson(content)).digest("hex");
}

/** A time in milliseconds. Throws `INVALID_REQUEST`. */
export function timeOf(text: string): number {
  const time = parseTime(text);
  if (time === null)
    throw new AppError("INVALID_REQUEST", {
      reason: `run_at is no time: ${text}; write one such as 2026-12-31T08:00:00Z`,
    });
  return time;
}
