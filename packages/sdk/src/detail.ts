import type { Failure, Json, JsonObject, Priority } from "@weftwork/core";
import type { Run, RunLinks, RunStatus, RunUsage, SubmittedRun } from "./run.ts";

/** A run as a list shows it: what is known without reading its events. */
export interface RunListItem {
  readonly id: string;
  readonly workflow: string;
  readonly version: string;
  readonly status: RunStatus;
  readonly priority: Priority;
  readonly metadata: JsonObject;
  /** Code of the error that ended it; null for every other end. */
  readonly error_code: string | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly links: RunLinks;
}

/** Which runs a list shows, newest first. Times are RFC 3339. */
export interface RunFilter {
  readonly status?: RunStatus | readonly RunStatus[];
  readonly workflow?: string;
  readonly created_after?: string;
  readonly created_before?: string;
  /** 1 to 200; left out: 50. */
  readonly limit?: number;
  readonly cursor?: string;
}

export interface Page<Item> {
  readonly data: readonly Item[];
  /** Where the next page begins; null on the last one. */
  readonly next_cursor: string | null;
}

/** A step in one scope of a run. */
export interface RunStep {
  /** `root`, `each-doc[3]`, `retry-loop#2` */
  readonly scope: string;
  readonly id: string;
  readonly type: string;
  readonly status: "pending" | "running" | "waiting" | "succeeded" | "failed" | "skipped" | "cancelled";
  /** The try that runs or ended, from 1; 0 for a step that was not reached. */
  readonly attempt: number;
  /** The value, or how large it is when it is too large to be shown here. */
  readonly output: Json | TruncatedValue;
  readonly error: Failure | null;
  readonly usage: RunUsage | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  /** The handle it left by: the case of a `switch`, `approved`, `error`. */
  readonly handle: string | null;
}

export interface TruncatedValue {
  readonly truncated: true;
  readonly size: number;
}

/** A run with the steps of its root and of every scope that is open. Scopes that ended are in the run's events. */
export interface RunDetail extends Run {
  readonly steps: readonly RunStep[];
}

/** The answer to a rerun: a new run, and what it did not have to compute again. */
export interface RerunAnswer extends SubmittedRun {
  readonly rerun_of: string;
  /** Tasks, items and rounds taken over. */
  readonly reused: number;
  readonly reused_tokens: number;
}

/** Runs of the store by what became of them. */
export interface Stats {
  readonly runs: {
    readonly submitted: number;
    readonly open: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly cancelled: number;
  };
}
