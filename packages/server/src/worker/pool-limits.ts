import type { TaskOutcome } from "@weftwork/core";
import { aimdLimit } from "../limits/aimd.ts";
import { gradientLimit } from "../limits/gradient.ts";
import type { Limit } from "../limits/limit.ts";
import type { PoolSize } from "../limits/pool-size.ts";

/** Pools whose tasks take a time that follows the length of an answer and says nothing of the load. */
const BY_ANSWER: ReadonlySet<string> = new Set(["generation", "agent"]);
/** Failures that say that what was asked has too much to do. */
const DROPPED: ReadonlySet<string> = new Set(["STEP_TIMEOUT", "MODEL_OVERLOADED", "MODEL_TIMEOUT", "OVERLOADED"]);
const START = 16;

/** The limit of a pool; a number where it never changes. `now`: milliseconds that never jump. */
export function poolLimit(name: string, size: PoolSize, now: () => number): Limit | number {
  if (typeof size === "number") return size;
  const { max, adaptive } = size;
  if (adaptive === false) return max;
  const bounds = { max, min: Math.min(max, 2), start: Math.min(max, START) };
  const byAnswer = adaptive === "aimd" || (adaptive === true && BY_ANSWER.has(name));
  return byAnswer ? aimdLimit(now, bounds) : gradientLimit({ ...bounds, min: Math.min(max, 4) });
}

/** What an outcome says of the load: `null`, nothing. */
export function droppedOf(outcome: TaskOutcome): boolean | null {
  if (outcome.type === "completed") return false;
  if (outcome.type === "failed" && DROPPED.has(outcome.failure.code)) return true;
  return null;
}
