import type { Json, JsonObject } from "../base/json.ts";
import type {
  Assignment,
  DifyFlow,
  DifyRoot,
  DifyTest,
  HumanRules,
  IterationRules,
  LoopRules,
  StartField,
} from "./dify-steps.ts";

/**
 * What an author wrote, read and checked for its form: the native YAML and every imported dialect end here.
 * Text is still text (templates are parsed by `compile`), and nothing has been looked up yet.
 */
export interface Workflow {
  readonly name: string;
  /** Semantic version; null lets publishing choose the next patch number. */
  readonly version: string | null;
  readonly description: string | null;
  /** JSON Schema of the run's inputs; null takes any object. */
  readonly inputs: JsonObject | null;
  /** Templates by name; null returns the values of the last steps by id. */
  readonly outputs: JsonObject | null;
  readonly steps: readonly Step[];
  readonly timeoutMs: number | null;
  readonly concurrency: ConcurrencyPolicy | null;
  readonly priority: Priority;
  readonly retention: Retention | null;
  readonly env: JsonObject;
  /** Set when the workflow came from a Dify file: its values and rules are Dify's then. */
  readonly dify?: DifyFlow;
}

export type Priority = "interactive" | "normal" | "batch" | "background";
export const PRIORITIES: readonly Priority[] = ["interactive", "normal", "batch", "background"];

export interface ConcurrencyPolicy {
  /** A template, evaluated once when the run is submitted. */
  readonly key: string;
  readonly limit: number;
  readonly strategy: "queue" | "reject" | "cancel_running";
}

export interface Retention {
  readonly keepMs: number;
}

/** Where something stands in the author's text; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export type Step = WorkStep | ControlStep;
export type ControlStep =
  | SwitchStep
  | ForEachStep
  | LoopStep
  | WorkflowStep
  | ApprovalStep
  | WaitStep
  | AggregateStep
  | AssignStep
  | StartStep
  | EndStep
  | RefuseStep;

interface StepBase {
  readonly id: string;
  readonly title: string | null;
  readonly place: Place;
  /** Null takes the steps that its templates reference as its edges. */
  readonly dependsOn: readonly Dependency[] | null;
  /** A bare expression; the step is skipped when it is false. */
  readonly when: string | null;
  readonly join: "any" | "all";
  readonly onError: OnError;
  readonly timeoutMs: number | null;
}

export interface Dependency {
  readonly step: string;
  /** The handle the edge leaves by (`route.refund`); null for the plain edge. */
  readonly handle: string | null;
  readonly place: Place;
}

export type OnError =
  | { readonly type: "fail" }
  | { readonly type: "continue" }
  | { readonly type: "branch" }
  | { readonly type: "default"; readonly value: Json };

export interface RetryPolicy {
  /** Tries in all, the first one included. */
  readonly attempts: number;
  readonly backoff: "exponential" | "fixed";
  readonly initialMs: number;
  readonly maxMs: number;
  /** Codes of failures that are tried again; null: those that say they are retryable. */
  readonly on: readonly string[] | null;
}

export interface Resources {
  readonly cpu: number | null;
  readonly memoryBytes: number | null;
  readonly gpu: number | null;
}

/** A step done by an executor. `config` holds the fields of its type as written; their strings are templates. */
export interface WorkStep extends StepBase {
  readonly kind: "work";
  readonly type: string;
  readonly config: JsonObject;
  readonly retry: RetryPolicy | null;
  readonly pool: string | null;
  readonly priority: Priority | null;
  readonly resources: Resources | null;
  readonly cacheTtlMs: number | null;
  readonly seed: number | null;
  /** Null: as its executor declares. True: may be repeated. False: must not be repeated after a crash in the middle. */
  readonly idempotent: boolean | null;
  /** Member of its result that names the handle it leaves by; left out: it has no handles. */
  readonly handleFrom?: string;
  /** Name that its result is kept under, as the only member of a map; left out: the result is kept as it is. */
  readonly resultAs?: string;
}

export interface SwitchStep extends StepBase {
  readonly kind: "switch";
  readonly cases: readonly { readonly name: string; readonly when: string | DifyTest; readonly place: Place }[];
  /** Handle taken when no case is true; null takes none. */
  readonly default: string | null;
}

export interface ForEachStep extends StepBase {
  readonly kind: "for_each";
  /** A template that gives a list, or a list. */
  readonly items: Json;
  readonly steps: readonly Step[];
  /** Template of the value kept for each item; null keeps the value of the last inner step. */
  readonly collect: Json | null;
  readonly concurrency: number;
  readonly onItemError: "fail" | "null" | "drop";
  readonly dify?: IterationRules;
}

export interface LoopStep extends StepBase {
  readonly kind: "loop";
  readonly steps: readonly Step[];
  /** Start values of the loop's variables, as templates. */
  readonly vars: JsonObject;
  /** A bare expression, asked after each round; null runs all rounds. */
  readonly until: string | DifyTest | null;
  readonly maxIterations: number;
  /** Template of the value kept for each round; null keeps none and the loop returns its variables. */
  readonly collect: Json | null;
  readonly dify?: LoopRules;
}

/** A nested workflow: a child scope in the same journal. */
export interface WorkflowStep extends StepBase {
  readonly kind: "workflow";
  readonly workflow: string;
  /** A version or an alias; null takes the newest. Pinned by hash when a run starts. */
  readonly version: string | null;
  readonly inputs: Json;
}

export interface ApprovalStep extends StepBase {
  readonly kind: "approval";
  /** Templates, shown to the people asked. */
  readonly approvalTitle: Json;
  readonly form: JsonObject | null;
  readonly assignees: Json | null;
  readonly dify?: HumanRules;
}

export interface WaitStep extends StepBase {
  readonly kind: "wait";
  readonly on:
    | { readonly type: "for"; readonly duration: Json }
    | { readonly type: "until"; readonly time: Json }
    | { readonly type: "signal"; readonly name: string };
}

export interface AggregateStep extends StepBase {
  readonly kind: "aggregate";
  readonly from: readonly string[];
  /** `first`: the first that ran, in the order of `from`; `list`: all that ran; `merge`: their maps put together. */
  readonly mode: "first" | "list" | "merge";
  /** The value itself; `from` and `mode` say nothing then. */
  readonly value?: Json;
}

export interface AssignStep extends StepBase {
  readonly kind: "assign";
  readonly variables: JsonObject;
  /** Done one after the other, each seeing the ones before; `variables` says nothing then. */
  readonly dify?: readonly Assignment[];
}

/** Where a Dify graph begins: its value is the run's inputs, checked and completed by the form. */
export interface StartStep extends StepBase {
  readonly kind: "start";
  readonly fields: readonly StartField[];
  /** Left out where it is the only way to begin and takes a form. */
  readonly root?: DifyRoot;
}

/**
 * Adds to the result of the run. The maps of `outputs` are put together, a later one wins where names are equal; the
 * texts of `answer` stand one behind the other.
 */
export interface EndStep extends StepBase {
  readonly kind: "end";
  readonly gives: "outputs" | "answer";
  readonly value: Json;
}

/** A step that was read and cannot be done here: to come to it fails, with the reason. */
export interface RefuseStep extends StepBase {
  readonly kind: "refuse";
  readonly what: string;
  readonly reason: string;
}

/** One thing wrong (or doubtful) in an author's text. All of them are listed, never the first only. */
export interface Problem {
  readonly severity: "error" | "warning";
  /** Stable, lower case: `unknown_field`, `missing_field`, `unknown_step`, `cycle`, … */
  readonly code: string;
  readonly message: string;
  /** What to write instead; null when there is nothing to suggest. */
  readonly suggestion: string | null;
  /** JSON Pointer into the document. */
  readonly pointer: string;
  readonly place: Place;
}

/** The step types that executors do. Own nodes add theirs at run time. */
export const WORK_TYPES = [
  "model_inference",
  "agent",
  "tool",
  "retrieval",
  "embedding",
  "rerank",
  "http",
  "template",
  "javascript",
  "python_script",
  "container",
  "classify",
  "extract",
  "document",
  "list",
  "answer",
  "worker",
] as const;

/** Other spellings of a step type that authors use. */
export const TYPE_ALIASES: Readonly<Record<string, string>> = { llm: "model_inference" };

export const CONTROL_TYPES = [
  "switch",
  "for_each",
  "loop",
  "workflow",
  "approval",
  "wait",
  "aggregate",
  "assign",
] as const;
