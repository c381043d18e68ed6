import type { Failure } from "../base/errors.ts";
import type { WorkNode } from "../plan/plan.ts";
import { RETRY_DEFAULT } from "../plan/plan.ts";
import type { RetryPolicy } from "../workflow/workflow.ts";

/** The policy of a node: its own, or the default. */
export function retryPolicy(node: WorkNode): RetryPolicy {
  return node.retry ?? RETRY_DEFAULT;
}

/** Longest wait that a server's own `Retry-After` may ask for, in milliseconds. */
const RETRY_AFTER_MS_MAX = 600_000;

/**
 * Milliseconds until the next attempt, or null when this failure ends the task.
 * Full jitter (O4): a uniform draw below `min(max, initial · 2^k)`. The draw is a hash of the run's and the
 * command's id and not random: a repeated decision decides the same, and a thousand runs do not come back together. A wait the server asked for is the least, plus up to 10 %.
 */
export function retryDelayMs(
  policy: RetryPolicy,
  failure: Failure,
  attempt: number,
  commandId: string,
  retryAfterMs?: number,
): number | null {
  if (attempt >= policy.attempts) return null;
  if (policy.on === null ? !failure.retryable : !(policy.on.includes(failure.code) || policy.on.includes("*")))
    return null;
  const draw = uniform(commandId);
  const grown = policy.backoff === "fixed" ? policy.initialMs : policy.initialMs * 2 ** Math.min(attempt - 1, 30);
  const delay = policy.backoff === "fixed" ? grown : draw * Math.min(policy.maxMs, grown);
  if (retryAfterMs === undefined) return Math.round(delay);
  return Math.round(Math.max(delay, Math.min(retryAfterMs, RETRY_AFTER_MS_MAX)) * (1 + draw / 10));
}

/** A number in [0, 1) that depends on the text alone (FNV-1a with a final mix). */
export function uniform(text: string): number {
  return hash32(text) / 2 ** 32;
}

/** 32 bits that depend on the text alone. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
