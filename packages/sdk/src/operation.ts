import type { JsonObject } from "@weftwork/core";
import type { RunStatus } from "./run.ts";

export const OPERATION_ACTIONS = ["cancel", "retry", "rerun", "discard"] as const;

/** What is done to each run. `retry` and `discard` are for dead letters. */
export type OperationAction = (typeof OPERATION_ACTIONS)[number];

/** Which runs an operation is for; what is left out restricts nothing. */
export interface OperationFilter {
  /** Left out: for `cancel` the open ones, for `rerun` those that have ended. Not for dead letters. */
  readonly status?: readonly RunStatus[];
  readonly workflow?: string;
  readonly error_code?: string;
  readonly quarantined?: boolean;
  readonly created_after?: string;
  /** Left out: when the operation was asked for. Runs that begin later are never touched. */
  readonly created_before?: string;
  /** Members of the metadata, with the value as text. */
  readonly metadata?: { readonly [name: string]: string };
}

/** Asks for an operation: for the runs of a filter, or for those that are named. */
export interface OperationRequest {
  readonly action: OperationAction;
  readonly filter?: OperationFilter;
  /** Up to 10,000. */
  readonly ids?: readonly string[];
  /** Only count. */
  readonly dry_run?: boolean;
  /** For `cancel` and `discard`: recorded with each run. */
  readonly reason?: string;
  /** For `rerun`: the step to begin at. */
  readonly step?: string;
  readonly scope?: string;
  /** For `retry` and `rerun`: inputs to be replaced in each of them. */
  readonly inputs?: JsonObject;
  readonly version?: string;
  /** Runs a second at most; left out: 50. */
  readonly rate?: number;
}

/** The answer to `dry_run`. */
export interface OperationPreview {
  readonly dry_run: true;
  readonly action: OperationAction;
  /** How many runs it would be for. */
  readonly total: number;
  /** False: there may be more; counting stopped. */
  readonly exact: boolean;
  /** The first of them. */
  readonly sample: readonly string[];
}

/** Something done to many runs in the background. */
export interface Operation {
  readonly id: string;
  readonly action: OperationAction;
  readonly filter: OperationFilter | null;
  /** How many runs were named; null: they are chosen by the filter. */
  readonly id_count: number | null;
  readonly status: "pending" | "running" | "aborting" | "succeeded" | "aborted" | "failed";
  /** Runs it is for, as counted before the first one; null until then. */
  readonly total: number | null;
  readonly done: number;
  readonly failed: number;
  /** Runs for which there was nothing left to do when their turn came. */
  readonly skipped: number;
  /** The first 100 of those that failed. */
  readonly errors: readonly OperationError[];
  readonly reason: string | null;
  readonly rate: number;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  /** Why the whole of it failed. */
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly links: { readonly self: string; readonly abort: string };
}

export interface OperationError {
  readonly run: string;
  readonly code: string;
  readonly message: string;
}
