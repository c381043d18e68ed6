import { parseDuration } from "../base/duration.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { memoryBytes, valueOf } from "./check-fields.ts";
import { COMMON_FIELDS, WORK_FIELDS, WORK_TYPE_FIELDS } from "./fields.ts";
import type { StepCommon, StepReading } from "./step-reading.ts";
import { PRIORITIES, type Priority, type Resources, type RetryPolicy, type WorkStep } from "./workflow.ts";

/** The default retry policy; a policy that is written in part takes the rest from it. */
export const RETRY_DEFAULT: RetryPolicy = {
  attempts: 3,
  backoff: "exponential",
  initialMs: 1000,
  maxMs: 60_000,
  on: null,
};

/** A work step out of its checked map. Fields of its type stay as written. */
export function workStep(
  type: string,
  common: StepCommon,
  step: JsonObject,
  pointer: string,
  reading: StepReading,
): WorkStep {
  const { idempotent, pool } = { idempotent: valueOf(step, "idempotent"), pool: valueOf(step, "pool") };
  const seed = valueOf(step, "seed");
  const cache = valueOf(step, "cache");
  return {
    ...common,
    kind: "work",
    type,
    config: configOf(type, step),
    retry: readRetry(valueOf(step, "retry"), pointer + "/retry", reading),
    pool: typeof pool === "string" ? pool : null,
    priority: readPriority(valueOf(step, "priority")),
    resources: readResources(valueOf(step, "resources")),
    cacheTtlMs: parseDuration(isJsonObject(cache) ? valueOf(cache, "ttl") : cache),
    seed: typeof seed === "number" ? seed : null,
    idempotent: typeof idempotent === "boolean" ? idempotent : null,
    // A choice is an edge as well.
    ...(type === "classify" ? { handleFrom: "class_id" } : {}),
  };
}

/** A priority as written, or null when it is left out or wrong. */
export function readPriority(value: Json): Priority | null {
  return PRIORITIES.find((known) => known === value) ?? null;
}

function configOf(type: string, step: JsonObject): JsonObject {
  const config: Record<string, Json> = Object.create(null) as Record<string, Json>;
  for (const [name, value] of Object.entries(step)) {
    if (isOwnField(type, name) || !(isCommonField(name) || name.startsWith("x-"))) config[name] = value;
  }
  return config;
}

function isCommonField(name: string): boolean {
  return Object.hasOwn(COMMON_FIELDS, name) || (name !== "input" && Object.hasOwn(WORK_FIELDS, name));
}

/** A field that the type declares is the type's, even where all steps have one of that name (`join` of a list). */
export function isOwnField(type: string, name: string): boolean {
  const fields = WORK_TYPE_FIELDS[type]?.fields;
  return fields !== undefined && Object.hasOwn(fields, name);
}

function readRetry(value: Json, pointer: string, { problems }: StepReading): RetryPolicy | null {
  if (typeof value === "number") return { ...RETRY_DEFAULT, attempts: value };
  if (!isJsonObject(value)) return null;
  const attempts = valueOf(value, "attempts");
  const initial = parseDuration(valueOf(value, "initial"));
  const max = parseDuration(valueOf(value, "max"));
  const on = valueOf(value, "on");
  if (initial !== null && max !== null && initial > max) {
    problems.error({
      code: "invalid_value",
      message: "The first pause (initial) is longer than the longest (max).",
      suggestion: "Raise max, or lower initial.",
      pointer: pointer + "/max",
    });
  }
  // A bound that the author did not write gives way to the one that stands there.
  const initialMs = initial ?? Math.min(RETRY_DEFAULT.initialMs, max ?? Infinity);
  return {
    attempts: typeof attempts === "number" ? attempts : RETRY_DEFAULT.attempts,
    backoff: valueOf(value, "backoff") === "fixed" ? "fixed" : "exponential",
    initialMs,
    maxMs: max ?? Math.max(RETRY_DEFAULT.maxMs, initialMs),
    on: on === null ? null : textList(on),
  };
}

function readResources(value: Json): Resources | null {
  if (!isJsonObject(value)) return null;
  const number = (name: string): number | null => {
    const given = valueOf(value, name);
    return typeof given === "number" ? given : null;
  };
  return { cpu: number("cpu"), memoryBytes: memoryBytes(valueOf(value, "memory")), gpu: number("gpu") };
}

/** A text, or the texts of a list. */
export function textList(value: Json): readonly string[] {
  const list = Array.isArray(value) ? (value as readonly Json[]) : [value];
  return list.filter((item) => typeof item === "string");
}
