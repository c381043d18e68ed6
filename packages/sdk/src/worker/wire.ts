import type { Json, JsonObject } from "@weftwork/core";

/** What `POST /api/workers` takes: a process of the user's own wants to do `worker` steps. */
export interface OwnWorkerJoin {
  /** For lists. Several workers may share it. Left out: `worker`. */
  readonly name?: string;
  /** The pools it serves, as the steps name them. */
  readonly pools: readonly string[];
  /** How long it keeps its tasks without a sign of life, 5,000 to 300,000. Left out: 15,000. */
  readonly lease_ms?: number;
}

export interface OwnWorkerJoined {
  readonly id: string;
  /** Proves every later call; told this one time. */
  readonly token: string;
  readonly lease_ms: number;
  /** Pause between two heartbeats. */
  readonly heartbeat_ms: number;
}

/** A worker whose lease holds. */
export interface OwnWorkerListing {
  readonly id: string;
  readonly name: string;
  readonly pools: readonly string[];
  readonly joined_at: string;
  readonly lease_until: string;
}

/** What `POST /api/workers/{id}/tasks` takes. */
export interface OwnTaskTake {
  /** Tasks at most, 1 to 100. Left out: 1. */
  readonly limit?: number;
  /** Seconds to wait while there is nothing to do, 0 to 30. Left out: 30. */
  readonly wait?: number;
}

/** A step to be done, with everything resolved. No secret is in it. */
export interface OwnTask {
  /** Names the task in later calls. Of no other meaning. */
  readonly id: string;
  readonly run_id: string;
  readonly step: string;
  /** `root`, `each-doc[3]`, … */
  readonly scope: string;
  /** From 1. */
  readonly attempt: number;
  /** Same whenever this attempt is done again, by whomever: send it along as an idempotency key. */
  readonly key: string;
  readonly pool: string;
  readonly handler: string;
  readonly input: Json;
  readonly config: JsonObject;
  /** When the step's timeout ends; null: it has none. */
  readonly deadline: string | null;
  /** The same, as milliseconds from now. */
  readonly timeout_ms: number | null;
}

export interface OwnTasks {
  readonly data: readonly OwnTask[];
}

/** What `POST /api/workers/{id}/heartbeat` takes. */
export interface OwnHeartbeat {
  /** All tasks that the worker has in hand. What it holds and does not name twice in a row goes to others. */
  readonly tasks?: readonly string[];
}

export interface OwnHeartbeatAnswer {
  readonly lease_ms: number;
  /** Tasks to stop: their runs no longer want them, their time is over, or others have them. */
  readonly unwanted: readonly string[];
}

/** What `POST /api/workers/{id}/tasks/{task}/result` takes. */
export type OwnTaskResult =
  | { readonly status: "completed"; readonly output: Json }
  | { readonly status: "failed"; readonly error: OwnTaskError; readonly retry_after_ms?: number }
  /** Undone: others can take it at once, and no attempt is counted. */
  | { readonly status: "given_back" };

export interface OwnTaskError {
  readonly message: string;
  /** `A` to `Z`, `0` to `9` and `_`. Left out: `STEP_FAILED`. */
  readonly code?: string;
  /** Whether the step may be tried again, as its `retry` says. Left out: no. */
  readonly retryable?: boolean;
  readonly details?: JsonObject;
}

/** What `POST /api/workers/{id}/tasks/{task}/progress` takes: for those who watch, never part of the result. */
export interface OwnTaskProgress {
  readonly parts: readonly OwnTaskPart[];
}

export type OwnTaskPart =
  | { readonly type: "text_delta"; readonly text: string }
  | { readonly type: "log"; readonly level: "info" | "warn" | "error"; readonly message: string };

/** Header that carries the token. */
export const WORKER_TOKEN_HEADER = "x-weft-worker-token";
