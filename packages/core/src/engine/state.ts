import type { Failure } from "../base/errors.ts";
import type { Payload } from "../base/payload.ts";
import type { Body, Plan, PlanNode } from "../plan/plan.ts";
import type { Command } from "./command.ts";
import type { RunCreated, RunEvent, TaskUsage, Waiting } from "./event.ts";

/**
 * The state of a run: the fold of its events, and nothing that is not in them.
 *
 * A fold owns its state and updates it in place, so an event costs what it changes. Whoever wants to keep a moment
 * takes a snapshot.
 *
 * S1. `owed` holds exactly what the world owes: a task or timer enters it and leaves it by events alone.
 * S2. `fresh`, `withdrawn` and `undecided` are notes of the last events for whoever applied them; they are empty
 *     between rows and no part of a snapshot.
 * S3. A scope that ended is gone from `scopes`; what the run still needs of it is in its container.
 */
export interface RunState {
  readonly plan: Plan;
  /** Plans of nested workflows, by the name each is called by. */
  readonly nested: ReadonlyMap<string, Plan>;
  /** Null until `run_created`. */
  created: RunCreated | null;
  status: RunStatus;
  createdAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  /** Time of the newest row. */
  at: number;
  /** Rows folded. */
  seq: number;
  output: Payload | null;
  failure: Failure | null;
  /** Node that made the run fail. */
  failedAt: { readonly scope: string; readonly node: string } | null;
  readonly scopes: Map<string, ScopeState>;
  readonly owed: Map<string, Command>;
  /** Tasks that wait for a person or a signal, by scope and node. */
  readonly waiting: Map<
    string,
    {
      readonly scope: string;
      readonly node: string;
      readonly waiting: Waiting;
      readonly since: number;
      readonly dueAt: number | null;
    }
  >;
  readonly signals: Map<string, { readonly id: string; readonly payload: Payload }[]>;
  readonly signalIds: Set<string>;
  usage: TaskUsage;
  /** Tasks ended in any scope, by how. */
  readonly counts: { completed: number; failed: number; skipped: number; copied: number };
  /** Attempts that failed and were followed by another. */
  retried: number;
  readonly fresh: Command[];
  readonly withdrawn: string[];
  /** Nodes whose edges are decided and that need a rule to go on; `node` null: the scope has become quiet. */
  readonly undecided: { readonly scope: ScopeState; readonly node: PlanNode | null }[];
  /** Results of another run's tasks and scopes, by scope or scope and node, until the run reaches them. */
  readonly copies: Map<string, Copy>;
}

/** What a rerun takes over: the end of a task, an item or a round, with the variables a round assigned. */
export interface Copy {
  end: Extract<RunEvent, { type: "task_copied" | "item_ended" | "round_ended" }> | null;
  readonly assigned: { readonly name: string; readonly value: Payload }[];
}

export type RunStatus = "pending" | "running" | "succeeded" | "failed" | "cancelled";
export type TaskStatus = "pending" | "running" | "waiting" | "succeeded" | "failed" | "skipped" | "cancelled";

/** One body being executed. Iterations, loop rounds, nested workflows and the root are all this. */
export interface ScopeState {
  /** `root`, `each-doc[3]`, `retry-loop#2`, `call/each-doc[0]` */
  readonly id: string;
  readonly plan: Plan;
  readonly body: Body;
  readonly parent: { readonly scope: ScopeState; readonly node: PlanNode; readonly position: number } | null;
  /** Inputs of the workflow that this scope belongs to. */
  readonly inputs: Payload;
  /** How many workflows it is nested in. */
  readonly depth: number;
  /** By node index; undefined: not reached yet. */
  readonly tasks: (TaskState | undefined)[];
  /** Incoming edges of each node that are not resolved yet. */
  readonly unresolved: number[];
  /** Incoming edges of each node that were taken. */
  readonly taken: number[];
  /** Nodes that have not ended. At zero the scope is quiet. */
  open: number;
  /** Variables of the scope, by `assign`; loop variables live in the loop's container. */
  vars: Map<string, Payload> | null;
  readonly children: Set<ScopeState>;
}

export interface TaskState {
  status: TaskStatus;
  attempt: number;
  output: Payload | null;
  failure: Failure | null;
  handle: string | null;
  usage: TaskUsage | null;
  container: ContainerState | null;
  startedAt: number;
  endedAt: number | null;
}

export type ContainerState = ItemsState | LoopState | ChildState;

export interface ItemsState {
  readonly type: "items";
  readonly items: Payload;
  readonly count: number;
  /** Next position to open. */
  next: number;
  ended: number;
  readonly values: CollectedValues;
}

export interface LoopState {
  readonly type: "loop";
  /** Round being executed, from 0. */
  round: number;
  /** Start values of the variables, as one map. */
  readonly initial: Payload;
  /** Variables assigned since. */
  readonly assigned: Map<string, Payload>;
  readonly values: CollectedValues;
  /** The round that ended was the last. */
  done: boolean;
}

export interface ChildState {
  readonly type: "child";
}

/** Values kept for each item or round: open pages of at most `PAGE_SIZE` values, and finished ones by reference. */
export interface CollectedValues {
  readonly pages: (Payload | undefined)[];
  readonly open: Map<number, OpenPage>;
}

export interface OpenPage {
  readonly values: (Payload | null | undefined)[];
  filled: number;
}

/** A state before its first event. */
export function initialState(plan: Plan, nested: ReadonlyMap<string, Plan>): RunState {
  return {
    plan,
    nested,
    created: null,
    status: "pending",
    createdAt: 0,
    startedAt: null,
    finishedAt: null,
    at: 0,
    seq: 0,
    output: null,
    failure: null,
    failedAt: null,
    scopes: new Map(),
    owed: new Map(),
    waiting: new Map(),
    signals: new Map(),
    signalIds: new Set(),
    usage: { input_tokens: 0, output_tokens: 0, total_tokens: 0 },
    counts: { completed: 0, failed: 0, skipped: 0, copied: 0 },
    retried: 0,
    fresh: [],
    withdrawn: [],
    undecided: [],
    copies: new Map(),
  };
}

export function isFinal(status: RunStatus): boolean {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}
