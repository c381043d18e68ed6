import type { JsonObject } from "../base/json.ts";
import type { Expression, Reference } from "../expression/parse.ts";
import type { ValueTemplate } from "../expression/template.ts";
import type { Assignment, DifyTest, StartField } from "../workflow/dify-steps.ts";
import type { OnError, Priority, RetryPolicy, Step, Workflow } from "../workflow/workflow.ts";
import type { SecretNeeds } from "./secrets.ts";

/**
 * A workflow compiled: frozen, indexed, checked. Every edge exists, every expression is parsed, every reference leads
 * to a step that is ordered before its reader. Nothing downstream asks again.
 */
export interface Plan {
  readonly workflow: Workflow;
  readonly name: string;
  readonly version: string;
  /** Hash of the content; names the plan in the journal. */
  readonly hash: string;
  /** `bodies[0]` is the root; every container node names the body it runs. */
  readonly bodies: readonly Body[];
  readonly outputs: ValueTemplate | null;
  readonly concurrencyKey: ValueTemplate | null;
  readonly env: JsonObject;
  /** Nested workflows that any step names, as `name@version` (`name@` for the newest). */
  readonly nested: readonly string[];
}

/** A graph of nodes that runs in a scope of its own: the root, the inside of a `for_each` or of a `loop`. */
export interface Body {
  readonly index: number;
  readonly nodes: readonly PlanNode[];
  readonly byId: ReadonlyMap<string, PlanNode>;
  /** Incoming edges of each node: a scope starts from a copy of it, and "decided" is a comparison with zero. */
  readonly incoming: readonly number[];
  /** Nodes without incoming edges. */
  readonly entries: readonly PlanNode[];
  /** Nodes that no other node follows. */
  readonly last: readonly PlanNode[];
  /** The container this body belongs to; null for the root. */
  readonly parent: { readonly body: number; readonly node: number } | null;
}

export interface Edge {
  readonly to: number;
  /** The handle it leaves by; null is the plain edge. */
  readonly handle: string | null;
  /** The target only waits for the source: the edge never counts as taken. */
  readonly orderOnly: boolean;
}

interface NodeBase {
  readonly index: number;
  readonly body: number;
  readonly id: string;
  readonly type: string;
  readonly step: Step;
  readonly outgoing: readonly Edge[];
  /** Edges that can be taken, for `join: all`. */
  readonly incomingTakeable: number;
  readonly when: Expression | null;
  readonly join: "any" | "all";
  readonly onError: OnError;
  readonly timeoutMs: number | null;
  /** Some control expression of the plan reads this node's value, so the value stays in memory with the run. */
  readonly readByControl: boolean;
  /** Hash of everything that decides what this node does: reruns onto another version copy where it is equal. */
  readonly hash: string;
}

export interface WorkNode extends NodeBase {
  readonly kind: "work";
  readonly config: ValueTemplate;
  /** Fields of the config that the executor reads as written. */
  readonly rawConfig: JsonObject;
  /** The secrets that stand in the config; null for a step without any, which pays nothing for them. */
  readonly secrets: SecretNeeds | null;
  /** The input when the step names none: ids of the steps it depends on, or null for the run's inputs. */
  readonly defaultInput: readonly string[] | null;
  /** Ids of steps whose values the config and the input read, in this body or around it. */
  readonly reads: readonly string[];
  readonly retry: RetryPolicy | null;
  readonly pool: string | null;
  readonly priority: Priority | null;
  readonly idempotent: boolean | null;
}

/** Conditions of an imported graph, with the values they read. */
export interface DifyCheck {
  readonly test: DifyTest;
  readonly roots: readonly Reference[];
}

export interface SwitchNode extends NodeBase {
  readonly kind: "switch";
  readonly cases: readonly { readonly name: string; readonly when: Expression | DifyCheck }[];
  readonly default: string | null;
}

export interface ForEachNode extends NodeBase {
  readonly kind: "for_each";
  readonly inner: number;
  readonly items: ValueTemplate;
  readonly collect: ValueTemplate | null;
  readonly concurrency: number;
  readonly onItemError: "fail" | "null" | "drop";
}

export interface LoopNode extends NodeBase {
  readonly kind: "loop";
  readonly inner: number;
  readonly vars: ValueTemplate;
  readonly varNames: readonly string[];
  readonly until: Expression | DifyCheck | null;
  readonly maxIterations: number;
  readonly collect: ValueTemplate | null;
}

export interface WorkflowNode extends NodeBase {
  readonly kind: "workflow";
  /** Key into the plans pinned at the start of the run. */
  readonly nested: string;
  readonly inputs: ValueTemplate | null;
  readonly defaultInput: readonly string[] | null;
}

export interface ApprovalNode extends NodeBase {
  readonly kind: "approval";
  readonly prompt: ValueTemplate;
  readonly form: JsonObject | null;
}

export interface WaitNode extends NodeBase {
  readonly kind: "wait";
  readonly on:
    | { readonly type: "for"; readonly duration: ValueTemplate }
    | { readonly type: "until"; readonly time: ValueTemplate }
    | { readonly type: "signal"; readonly name: string };
}

export interface AggregateNode extends NodeBase {
  readonly kind: "aggregate";
  readonly from: readonly string[];
  readonly mode: "first" | "list" | "merge";
  /** The value itself, in an imported graph. */
  readonly value: ValueTemplate | null;
}

export interface AssignNode extends NodeBase {
  readonly kind: "assign";
  readonly variables: ValueTemplate;
  readonly assignments: readonly Assignment[] | null;
}

export interface StartNode extends NodeBase {
  readonly kind: "start";
  readonly fields: readonly StartField[];
}

export interface EndNode extends NodeBase {
  readonly kind: "end";
  readonly gives: "outputs" | "answer";
  readonly value: ValueTemplate;
}

export interface RefuseNode extends NodeBase {
  readonly kind: "refuse";
  readonly reason: string;
}

export type ControlNode =
  | SwitchNode
  | ForEachNode
  | LoopNode
  | WorkflowNode
  | ApprovalNode
  | WaitNode
  | AggregateNode
  | AssignNode
  | StartNode
  | EndNode
  | RefuseNode;
export type PlanNode = WorkNode | ControlNode;

/** The retry policy of a step that names none (design defaults): 3 attempts, full jitter, 1 s to 60 s. */
export { RETRY_DEFAULT } from "../workflow/work-step.ts";

/** Levels of nested workflows in one run. */
export const NESTING_MAX = 20;

/** Fields that an executor reads as written: code, and expressions over names that only the executor knows. */
export const RAW_FIELDS: Readonly<Record<string, readonly string[]>> = {
  javascript: ["code"],
  python_script: ["code"],
  list: ["where", "map", "sort_by"],
  model_inference: ["schema"],
  agent: ["schema"],
  extract: ["schema"],
};
