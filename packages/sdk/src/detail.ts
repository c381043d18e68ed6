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
  /** Of a run that waits for its time: when it begins. */
  readonly run_at: string | null;
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
  /** Code of the error that ended it. */
  readonly error_code?: string;
  /** Members of the metadata, with the value as text: sent as `metadata.<name>=<value>`. Not together with `q`. */
  readonly metadata?: { readonly [name: string]: string };
  /** Words, all of which stand in the inputs, the outputs or the error of the run. */
  readonly q?: string;
  /** 1 to 200; left out: 50. */
  readonly limit?: number;
  readonly cursor?: string;
}

export interface Page<Item> {
  readonly data: readonly Item[];
  /** Where the next page begins; null on the last one. */
  readonly next_cursor: string | null;
}

/** A page of runs. */
export interface RunPage extends Page<RunListItem> {
  /** How far the search reached; only with `q`. */
  readonly search?: RunSearch;
}

/** How much of the store a search has seen. */
export interface RunSearch {
  /** Everything that was submitted before is in the index; null: nothing is yet. */
  readonly indexed_until: string | null;
  /** What the index has not reached was looked through as well: no run is missing that matches. */
  readonly complete: boolean;
}

/** One try of a step. */
export interface RunAttempt {
  readonly number: number;
  readonly started_at: string;
  readonly finished_at: string | null;
  /** Why it failed; null while it runs, and when it succeeded. */
  readonly error: Failure | null;
  readonly usage: RunUsage | null;
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
  /** Its tries, the newest 20 of them. Empty for a step that was skipped or taken over. */
  readonly attempts: readonly RunAttempt[];
  /** The pool that does it; null for a control step. */
  readonly pool: string | null;
  /** The run this result was taken over from; null for one that was computed here. */
  readonly copied_from: string | null;
  /** Its fields with all templates rendered, and its input; null before it began. Secrets stand as `***`. */
  readonly inputs: Json | TruncatedValue;
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

/** A run with the steps of its root and of every open scope, or those of the one scope that was asked for. */
export interface RunDetail extends Run {
  readonly steps: readonly RunStep[];
  /** Scopes that were opened, the newest 200 of them; each can be asked for by its id. */
  readonly scopes: readonly RunScope[];
  /** How many were opened. */
  readonly scope_count: number;
}

/** An item, a round or a nested workflow of a run. */
export interface RunScope {
  /** `each-doc[3]`, `retry-loop#2` */
  readonly id: string;
  readonly open: boolean;
}

/** Where a run begins again, and with what. */
export interface RerunRequest {
  readonly step: string;
  /** Scope of the step: `each-doc[3]` computes that item alone, `retry-loop#2` that round and the later ones. */
  readonly scope?: string;
  /** Inputs to be replaced, by name; the others stay. Every step that reads one of them is computed again. */
  readonly inputs?: JsonObject;
  /** Another version of the workflow; what is the same in both is taken over. */
  readonly version?: string;
}

/** The answer to a rerun: a new run, and what it did not have to compute again. */
export interface RerunAnswer extends SubmittedRun {
  readonly rerun_of: string;
  /** Tasks, items and rounds taken over. */
  readonly reused: number;
  readonly reused_tokens: number;
  /** Steps that are computed again, in whole or in part, as scope and id; the first 200 of them. */
  readonly recomputed: readonly string[];
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
