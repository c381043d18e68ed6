import type { JsonObject } from "@weftwork/core";
import type { WorkflowVersion } from "./run.ts";

/** A published version with what its author wrote. */
export interface WorkflowDetail extends WorkflowVersion {
  readonly description: string | null;
  /** JSON Schema of a run's inputs; null takes any object. */
  readonly inputs: JsonObject | null;
  /** Number of steps, those inside containers included. */
  readonly step_count: number;
  /** Workflows it calls, as `name@version` (`name@` for the newest). */
  readonly nested: readonly string[];
  readonly source: string;
}

/** What is wrong with a workflow file, at its place in the author's text. */
export interface WorkflowFinding {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly suggestion: string | null;
  /** JSON Pointer into the document, with a leading `#`. */
  readonly pointer: string;
  readonly line: number;
  readonly column: number;
}

/** The answer of a check that executes nothing. */
export interface WorkflowCheck {
  readonly valid: boolean;
  readonly workflow: string | null;
  readonly problems: readonly WorkflowFinding[];
  /** Steps that are right but cannot run on the server that was asked, and why. */
  readonly unavailable: readonly { readonly step: string; readonly type: string; readonly reason: string }[];
}

/** The plan of a workflow as a graph to be drawn. */
export interface WorkflowGraph {
  readonly name: string;
  readonly version: string;
  readonly hash: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

export interface GraphNode {
  /** Unique in the graph: the ids of the containers around it and its own, joined by `/`. */
  readonly id: string;
  readonly step: string;
  readonly title: string | null;
  readonly type: string;
  /** `work`, or the kind of control step. */
  readonly kind: string;
  /** The container it lies in; null at the root. */
  readonly parent: string | null;
  /** The condition under which it runs; null always. */
  readonly when: string | null;
  readonly on_error: "fail" | "continue" | "branch" | "default";
  readonly timeout_ms: number | null;
  /** The workflow it calls, as `name@version`; null for other kinds. */
  readonly nested: string | null;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** The handle it leaves by (`refund`, `error`); null is the plain edge. */
  readonly handle: string | null;
  /** The target only waits for the source. */
  readonly order_only: boolean;
}
