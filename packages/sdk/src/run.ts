import type { Failure, Json, JsonObject, Priority } from "@weftwork/core";

/** The wire contract of the native API, as both ends see it. Times are RFC 3339 in UTC. */

export type RunStatus = "pending" | "running" | "waiting" | "succeeded" | "failed" | "cancelled";

/** One execution of a workflow. */
export interface Run {
  readonly id: string;
  readonly workflow: string;
  readonly version: string;
  readonly status: RunStatus;
  readonly inputs: JsonObject;
  /** Null until the run has succeeded. */
  readonly outputs: JsonObject | null;
  readonly error: RunError | null;
  /** Why the run does not move; null while it does, and when it has ended. */
  readonly waiting_for: RunWaiting | null;
  readonly priority: Priority;
  readonly metadata: JsonObject;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly usage: RunUsage;
  /** Money spent on models; null while no prices are configured. */
  readonly cost: number | null;
  readonly links: RunLinks;
  /** How the run of a Dify file stands in the words of Dify. Left out for other workflows. */
  readonly dify?: {
    readonly status: "running" | "succeeded" | "partial-succeeded" | "failed" | "stopped" | "paused";
    /** Failures that were handled, and attempts that were repeated. */
    readonly exceptions_count: number;
  };
}

export interface RunLinks {
  readonly self: string;
  readonly task: string;
  readonly events: string;
  readonly cancel: string;
}

export interface RunError extends Failure {
  /** Scope and id of the step that failed the run. */
  readonly scope: string | null;
  readonly step: string | null;
}

export interface RunWaiting {
  readonly code: string;
  readonly message: string;
  readonly step: string | null;
  readonly until: string | null;
}

export interface RunUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
}

/** The answer to a submission. */
export interface SubmittedRun {
  readonly id: string;
  readonly task_id: string;
  readonly status: RunStatus;
  readonly links: RunLinks;
}

/** What `POST /api/runs` takes. */
export interface RunSubmission {
  readonly workflow: string;
  readonly version?: string;
  /** The caller's own id; submitting it again is the same run. */
  readonly id?: string;
  readonly inputs?: JsonObject;
  /** The node that the run of a Dify file begins at, where it has several triggers. Left out: the first. */
  readonly root?: string;
  readonly priority?: Priority;
  readonly metadata?: JsonObject;
  /** RFC 3339; the run does not start before it. */
  readonly run_at?: string;
  /** Address that is told, by signed webhooks, of what becomes of the run. */
  readonly callback_url?: string;
}

/** The field's polling shape: a run seen as one task. */
export interface TaskProgress {
  readonly task_id: string;
  readonly status: "pending" | "running" | "waiting" | "success" | "failed" | "cancelled";
  readonly steps: readonly {
    readonly name: string;
    readonly status: "pending" | "running" | "completed" | "failed" | "skipped";
  }[];
  /** Text so far of steps that stream, by step. */
  readonly partial: { readonly [step: string]: string };
  readonly result: Json;
  readonly error: RunError | null;
  readonly created_at: string;
  readonly links: RunLinks;
}

/** One message of a run's stream: an event of its journal, or what a step said meanwhile. */
export interface RunMessage {
  /** Position in the stream; send it back to go on behind it. */
  readonly id: string;
  /** Type of the event: `task_completed`, `text_delta`, … */
  readonly event: string;
  readonly data: JsonObject;
}

/** Messages of a run's stream, as a poll answers with them. */
export interface RunMessages {
  readonly data: readonly RunMessage[];
  /** The position behind them: what the next poll sends as `after`. */
  readonly next: string;
  /** The run has ended, and nothing comes behind them. */
  readonly done: boolean;
}

/** A line that a step wrote while it worked. */
export interface RunLog {
  readonly at: string;
  readonly scope: string;
  readonly node: string;
  readonly attempt: number;
  readonly level: "info" | "warn" | "error";
  readonly message: string;
}

/** A published version of a workflow. */
export interface WorkflowVersion {
  readonly name: string;
  readonly version: string;
  readonly hash: string;
  readonly created_at: string;
}
