import { failure, failureOf, type Failure, type JsonObject } from "@weftwork/core";
import type { z } from "zod";
import type { Effect, NodeExecutor, NodeTask, Outcome, Usage } from "./node.ts";

/** Marks an outcome that a node chose itself. A symbol is never part of JSON, so no ordinary output carries it. */
const CHOSEN: unique symbol = Symbol.for("weftwork.outcome");

/** What `completed`, `failed` and `parked` make: an outcome, told apart from an output that only looks like one. */
export type ChosenOutcome = Outcome & { readonly [CHOSEN]: true };

export interface NodeDefinition<Schema extends z.ZodType> {
  readonly type: string;
  /** The fields of the step as `execute` sees them; checked after their templates are rendered. */
  readonly config: Schema;
  /** Left out: `effect`, the careful one. */
  readonly effect?: Effect;
  /** Left out: 1. */
  readonly version?: number;
  /** Left out: `default`. */
  readonly pool?: string;
  /** Left out: no limit. */
  readonly timeoutMs?: number;
  /** Fields that are sent outside, where `secrets.NAME` may stand; see `task.secrets.reveal`. Left out: none. */
  readonly secretFields?: readonly string[];
  readonly unavailable?: (config: JsonObject) => string | null;
  /** Like `unavailable`, for what a run must not even begin without. */
  readonly needs?: (config: JsonObject) => string | null;
  /**
   * Returns the output, or an outcome of `completed`, `failed`, `parked`. What it throws fails the step: an `AppError`
   * with its code, anything else as `STEP_FAILED`; an error with a boolean `retryable` decides that itself.
   */
  readonly execute: (config: z.output<Schema>, task: NodeTask) => unknown;
  /** Lets go of what the node holds open; called once, after its last task. */
  readonly close?: () => Promise<void>;
}

/**
 * An executor from a schema and a function. This is how every node here is made, and how users make theirs.
 * A function that returns at once costs no promise: its outcome is returned at once too.
 */
export function defineNode<Schema extends z.ZodType>(definition: NodeDefinition<Schema>): NodeExecutor {
  const { type, config: schema, execute, unavailable, needs, secretFields, close } = definition;
  const { effect = "effect", version = 1, pool = "default", timeoutMs = null } = definition;
  return {
    type,
    version,
    effect,
    pool,
    timeoutMs,
    ...(unavailable ? { unavailable } : {}),
    ...(needs ? { needs } : {}),
    ...(secretFields ? { secretFields } : {}),
    ...(close ? { close } : {}),
    execute(task) {
      try {
        const checked = schema.safeParse(task.config);
        if (!checked.success) return failedOutcome(configFailure(checked.error));
        const returned = execute(checked.data, task);
        return isPromise(returned) ? returned.then(outcomeOf, thrownOutcome) : outcomeOf(returned);
      } catch (thrown) {
        return thrownOutcome(thrown);
      }
    },
  };
}

/** Done, with something to tell besides the output. */
export function completed(output: unknown, options: { readonly usage?: Usage } = {}): ChosenOutcome {
  const { usage } = options;
  return usage ? { [CHOSEN]: true, type: "completed", output, usage } : { [CHOSEN]: true, type: "completed", output };
}

export interface FailedOptions {
  /** Whether the same task may succeed later. Left out: no. */
  readonly retryable?: boolean;
  /** How long to wait before that, when whoever refused has said so. */
  readonly retryAfterMs?: number;
  readonly details?: JsonObject;
}

/** Failed with a code of the node's own. For the codes of the product's table throw an `AppError`, or see `failedAs`. */
export function failed(code: string, message: string, options: FailedOptions = {}): ChosenOutcome {
  const { retryable = false, retryAfterMs, details } = options;
  return failedAs(details ? { code, message, retryable, details } : { code, message, retryable }, retryAfterMs);
}

/** Failed with this failure. */
export function failedAs(reason: Failure, retryAfterMs?: number): ChosenOutcome {
  if (retryAfterMs === undefined) return { [CHOSEN]: true, type: "failed", failure: reason };
  return { [CHOSEN]: true, type: "failed", failure: reason, retryAfterMs };
}

/** Not now: try again at `until` (milliseconds since 1970). No attempt is counted. */
export function parked(until: number, reason: string): ChosenOutcome {
  return { [CHOSEN]: true, type: "parked", until, reason };
}

function outcomeOf(returned: unknown): Outcome {
  return isChosen(returned) ? returned : { type: "completed", output: returned };
}

function isChosen(returned: unknown): returned is ChosenOutcome {
  return typeof returned === "object" && returned !== null && CHOSEN in returned;
}

function isPromise(returned: unknown): returned is Promise<unknown> {
  return (
    typeof returned === "object" && returned !== null && typeof (returned as { then?: unknown }).then === "function"
  );
}

function failedOutcome(reason: Failure): Outcome {
  return { type: "failed", failure: reason };
}

function thrownOutcome(thrown: unknown): Outcome {
  const reason = failureOf(thrown, "STEP_FAILED");
  if (typeof thrown !== "object" || thrown === null) return failedOutcome(reason);
  const { retryable } = thrown as { retryable?: unknown };
  return failedOutcome(typeof retryable === "boolean" ? { ...reason, retryable } : reason);
}

/** All that is wrong with a step's fields, in one failure. Names fields and kinds; never a value, it may be a secret. */
function configFailure(error: z.ZodError): Failure {
  const problems = error.issues.map((issue) =>
    issue.path.length === 0 ? issue.message : `${issue.path.join(".")}: ${issue.message}`,
  );
  return failure("STEP_FAILED", { reason: `its fields are wrong: ${problems.join("; ")}` });
}
