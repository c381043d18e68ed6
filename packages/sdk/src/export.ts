import type { Json, JsonObject } from "@weftwork/core";
import type { Run, RunUsage } from "./run.ts";
import type { RunStep } from "./detail.ts";

export const EXPORT_FORMAT = "weftwork.run/1";

/**
 * Everything recorded of a run, in one document that needs nothing else: `GET /api/runs/{id}/export`. The same run gives
 * the same text. `steps` are for readers; `workflow`, `rows` and `payloads` are what the run is folded from.
 */
export interface RunExport {
  readonly format: typeof EXPORT_FORMAT;
  /** The run as the API shows it. */
  readonly run: Run;
  readonly workflow: ExportedWorkflow & {
    /** Workflows it calls, by the name each is called by, as they were pinned when the run began. */
    readonly nested: { readonly [key: string]: ExportedWorkflow };
    /** Types of steps that the language does not know (own nodes of the server that ran it), with the fields they send. */
    readonly own_types: { readonly [type: string]: readonly string[] };
  };
  /** What was computed in each scope, with values: the answers of models among them. */
  readonly steps: readonly ExportedStep[];
  /** Values too large to stand in the events, by SHA-256 of their text. */
  readonly payloads: { readonly [hash: string]: string };
  /** The events of the run, a row for each commit. */
  readonly rows: readonly ExportedRow[];
}

export interface ExportedWorkflow {
  readonly name: string;
  readonly version: string;
  /** Hash of the content, which names the plan. */
  readonly hash: string;
  /** What its author wrote. */
  readonly source: string;
}

export interface ExportedStep {
  readonly scope: string;
  readonly id: string;
  readonly type: string;
  readonly status: RunStep["status"];
  /** The try that ended so; null for what was skipped or taken over. */
  readonly attempt: number | null;
  readonly usage: RunUsage | null;
  readonly error: JsonObject | null;
  /** The value, or the hash under which `payloads` has its text. */
  readonly output: Json | { readonly payload: string; readonly size: number };
}

export interface ExportedRow {
  readonly seq: number;
  /** Format version of the row. */
  readonly format: string;
  readonly decisions: Json;
}
