import type { Bodies, Body } from "./bodies.ts";

/** A run as its watcher sees it. `fold` changes it in place; `treeLines` draws it. Times are milliseconds since 1970. */
export interface TreeState {
  readonly id: string;
  readonly workflow: string;
  readonly version: string;
  status: "pending" | "running" | "waiting" | "succeeded" | "failed" | "cancelled";
  startedAt: number | null;
  endedAt: number | null;
  tokens: number;
  /** Why the run failed or was cancelled; null for every other end. */
  reason: string | null;
  readonly root: ScopeNode;
  /** Graphs of the workflows that it calls, by `name@version`, each with the hash of what it shows. */
  readonly nested: ReadonlyMap<string, Nested>;
  /** Hashes of the workflows that this run calls, by `name@version`. */
  pins: Readonly<Record<string, string>>;
}

export interface Nested {
  readonly hash: string;
  readonly bodies: Bodies;
}

/** A body being executed. */
export interface ScopeNode {
  readonly id: string;
  /** What is in it; null where its graph is not known: then only steps that were heard of are shown. */
  readonly body: Body | null;
  /** Of the workflow around, for the scopes inside. */
  readonly bodies: Bodies | null;
  /** Its place in `bodies`. */
  readonly path: string;
  readonly steps: Map<string, StepNode>;
}

export type StepStatus = "pending" | "running" | "waiting" | "done" | "failed" | "skipped" | "cancelled";

export interface StepNode {
  readonly id: string;
  status: StepStatus;
  attempt: number;
  /** Null where nobody told when it began. */
  startedAt: number | null;
  endedAt: number | null;
  isReused: boolean;
  error: { readonly code: string; readonly message: string } | null;
  waiting: StepWaiting | null;
  /** The end of the text that it streams. */
  text: string;
  inner: Inner | null;
}

export type StepWaiting =
  | { readonly type: "time"; readonly until: number | null }
  | { readonly type: "signal"; readonly name: string; readonly until: number | null }
  | { readonly type: "approval"; readonly title: string; readonly until: number | null }
  | { readonly type: "retry"; readonly until: number }
  | { readonly type: "parked"; readonly reason: string; readonly until: number };

/** The scopes inside a step. Those that ended well are counted and forgotten, so that a list of any length is small. */
export interface Inner {
  readonly kind: "items" | "rounds" | "child";
  /** Items of a list; null for loops and nested workflows. */
  readonly total: number | null;
  done: number;
  failed: number;
  /** Open ones by their id, in the order in which they were heard of. */
  readonly open: Map<string, ScopeNode>;
  /** The first that failed, with why. */
  readonly failures: { readonly label: string; readonly code: string; readonly message: string }[];
}

/** Failed items that are kept by name; the others are only counted. */
export const FAILURES_MAX = 20;
/** Characters kept of the text of a step. */
export const TEXT_MAX = 4000;

export function treeState(
  run: { readonly id: string; readonly workflow: string; readonly version: string },
  bodies: Bodies | null,
  nested: ReadonlyMap<string, Nested>,
): TreeState {
  return {
    id: run.id,
    workflow: run.workflow,
    version: run.version,
    status: "pending",
    startedAt: null,
    endedAt: null,
    tokens: 0,
    reason: null,
    root: scopeNode("root", bodies, ""),
    nested,
    pins: {},
  };
}

export function scopeNode(id: string, bodies: Bodies | null, path: string): ScopeNode {
  const body = bodies?.get(path) ?? null;
  const steps = new Map<string, StepNode>();
  for (const step of body?.steps ?? []) steps.set(step.id, stepNode(step.id));
  return { id, body, bodies, path, steps };
}

export function stepNode(id: string): StepNode {
  return {
    id,
    status: "pending",
    attempt: 1,
    startedAt: null,
    endedAt: null,
    isReused: false,
    error: null,
    waiting: null,
    text: "",
    inner: null,
  };
}
