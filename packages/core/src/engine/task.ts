import type { JsonObject } from "../base/json.ts";
import { Payload } from "../base/payload.ts";
import type { Edge, PlanNode } from "../plan/plan.ts";
import { dispatchId } from "./command.ts";
import { errorOutputs, keepResult } from "./dify-view.ts";
import type { RunEvent, TaskUsage } from "./event.ts";
import { owe } from "./owe.ts";
import type { RunState, ScopeState, TaskState } from "./state.ts";

/** How tasks begin and end within one scope, and what their ends mean for the nodes behind them (the join rule). */

export function scopeOf(state: RunState, id: string): ScopeState {
  const scope = state.scopes.get(id);
  if (!scope) throw new Error(`the scope ${id} is not open`);
  return scope;
}

export function nodeOf(scope: ScopeState, id: string): PlanNode {
  const node = scope.body.byId.get(id);
  if (!node) throw new Error(`the scope ${scope.id} has no node ${id}`);
  return node;
}

/** The task of a node in a scope, made when it is first reached. */
export function taskOf(state: RunState, scope: ScopeState, node: PlanNode): TaskState {
  return (scope.tasks[node.index] ??= {
    status: "pending",
    attempt: 1,
    output: null,
    failure: null,
    handle: null,
    usage: null,
    container: null,
    startedAt: state.at,
    endedAt: null,
  });
}

/** Whether enough of a node's edges were taken for it to run. */
export function joins(scope: ScopeState, node: PlanNode): boolean {
  if (node.incomingTakeable === 0) return true;
  const taken = scope.taken[node.index]!;
  return node.join === "all" ? taken === node.incomingTakeable : taken > 0;
}

export function dispatch(state: RunState, scope: ScopeState, node: PlanNode, task: TaskState): void {
  task.status = "running";
  owe(state, {
    type: "dispatch_task",
    id: dispatchId(scope.id, node.id, task.attempt),
    scope: scope.id,
    node: node.id,
    attempt: task.attempt,
  });
}

/**
 * Every incoming edge of these nodes is resolved: each runs, is copied, or a rule has to say. A copy resolves the edges
 * behind it at once; a list and no recursion, for a chain of copies may be 10,000 nodes long.
 */
export function decided(state: RunState, scope: ScopeState, nodes: readonly PlanNode[]): void {
  const due = [...nodes];
  for (let i = 0; i < due.length; i++) {
    const node = due[i]!;
    const copied = takeTaskCopy(state, scope, node);
    if (copied) due.push(...takeOver(state, scope, node, copied));
    else if (node.kind === "work" && node.when === null && joins(scope, node))
      dispatch(state, scope, node, taskOf(state, scope, node));
    else state.undecided.push({ scope, node });
  }
}

type EndStatus = "succeeded" | "failed" | "skipped";

/** A task has ended: its edges are resolved, and what became due goes on. */
export function ended(state: RunState, scope: ScopeState, node: PlanNode, task: TaskState, status: EndStatus): void {
  decided(state, scope, leave(state, scope, node, task, status));
}

/** A task has failed for good: its node's `on_error` says what that means here. */
export function failed(state: RunState, scope: ScopeState, node: PlanNode, task: TaskState): void {
  decided(state, scope, leaveFailed(state, scope, node, task));
}

/** Ends the task and resolves its edges. Returns the nodes that have no open edge left. */
function leave(state: RunState, scope: ScopeState, node: PlanNode, task: TaskState, status: EndStatus): PlanNode[] {
  task.status = status;
  task.endedAt = state.at;
  if (node.kind === "end" && task.output !== null) keepResult(scope, node.gives, task.output);
  const due: PlanNode[] = [];
  for (const edge of node.outgoing) {
    if (isTaken(edge, node, task)) scope.taken[edge.to]! += 1;
    if ((scope.unresolved[edge.to]! -= 1) === 0) due.push(scope.body.nodes[edge.to]!);
  }
  scope.open -= 1;
  if (scope.open === 0) state.undecided.push({ scope, node: null });
  return due;
}

function leaveFailed(state: RunState, scope: ScopeState, node: PlanNode, task: TaskState): PlanNode[] {
  switch (node.onError.type) {
    case "fail":
      // The scope ends with it; `decide` records how.
      task.status = "failed";
      task.endedAt = state.at;
      return [];
    case "default":
      task.output = scope.plan.workflow.dify
        ? Payload.of({ ...(node.onError.value as JsonObject), ...errorOutputs(task.failure!) })
        : Payload.of(node.onError.value);
      return leave(state, scope, node, task, "succeeded");
    case "branch":
      task.handle = "error";
      return leave(state, scope, node, task, "failed");
    case "continue":
      return leave(state, scope, node, task, "failed");
  }
}

/** Handles that say no: plain edges are not taken then. A case or a class may have such a name and says nothing. */
const NEGATIVE_HANDLES: ReadonlySet<string> = new Set(["rejected", "timeout"]);

/** Whether an edge of a node that has ended was taken. */
export function isTaken(edge: Edge, node: PlanNode, task: TaskState): boolean {
  if (edge.orderOnly || task.status === "skipped") return false;
  if (edge.handle !== null) return edge.handle === task.handle;
  if (task.status === "failed") return node.onError.type === "continue";
  const isChoice = node.kind === "switch" || node.kind === "work";
  return task.handle === null || isChoice || !NEGATIVE_HANDLES.has(task.handle);
}

type TaskCopied = Extract<RunEvent, { type: "task_copied" }>;

function takeTaskCopy(state: RunState, scope: ScopeState, node: PlanNode): TaskCopied | null {
  if (state.copies.size === 0) return null;
  const key = `${scope.id}/${node.id}`;
  const copied = state.copies.get(key)?.end;
  if (copied?.type !== "task_copied") return null;
  state.copies.delete(key);
  return copied;
}

function takeOver(state: RunState, scope: ScopeState, node: PlanNode, copied: TaskCopied): PlanNode[] {
  const task = taskOf(state, scope, node);
  state.counts.copied += 1;
  if (copied.skipped) return leave(state, scope, node, task, "skipped");
  task.handle = copied.handle;
  task.failure = copied.failure;
  if (copied.failure !== null) return leaveFailed(state, scope, node, task);
  task.output = copied.output;
  return leave(state, scope, node, task, "succeeded");
}

/** What an attempt used counts for its task and for the run, whether it succeeded or not. */
export function addUsage(state: RunState, task: TaskState, usage: TaskUsage | undefined): void {
  if (!usage) return;
  task.usage = task.usage === null ? usage : sumOf(task.usage, usage);
  state.usage = sumOf(state.usage, usage);
}

function sumOf(a: TaskUsage, b: TaskUsage): TaskUsage {
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
  };
}
