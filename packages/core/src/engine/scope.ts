import type { Payload } from "../base/payload.ts";
import type { Body, Plan, PlanNode } from "../plan/plan.ts";
import { dispatchId, taskTimerId } from "./command.ts";
import { withdraw } from "./owe.ts";
import type { RunState, ScopeState, TaskState } from "./state.ts";
import { decided } from "./task.ts";
import { assign } from "./variable.ts";

/** How scopes begin and end. */

/** `each-doc[3]`; the root's own name is left out. */
export function itemId(scope: ScopeState, node: string, position: number): string {
  return `${childId(scope, node)}[${position}]`;
}

export function roundId(scope: ScopeState, node: string, round: number): string {
  return `${childId(scope, node)}#${round}`;
}

export function childId(scope: ScopeState, node: string): string {
  return scope.parent === null ? node : `${scope.id}/${node}`;
}

export function openScope(
  state: RunState,
  id: string,
  plan: Plan,
  body: Body,
  parent: ScopeState["parent"],
  inputs: Payload,
): void {
  const scope: ScopeState = {
    id,
    plan,
    body,
    parent,
    inputs,
    depth: parent === null ? 0 : parent.scope.depth + (parent.node.kind === "workflow" ? 1 : 0),
    tasks: [],
    unresolved: body.incoming.slice(),
    taken: body.incoming.map(() => 0),
    open: body.nodes.length,
    vars: null,
    children: new Set(),
  };
  state.scopes.set(id, scope);
  parent?.scope.children.add(scope);
  if (state.copies.size > 0) {
    const assigned = state.copies.get(id)?.assigned ?? [];
    state.copies.delete(id);
    for (const { name, value } of assigned) assign(scope, name, value);
  }
  decided(state, scope, body.entries);
}

/** Ends a scope and all inside it: what they still owed is withdrawn. */
export function closeScope(state: RunState, scope: ScopeState): void {
  for (const child of scope.children) closeScope(state, child);
  for (const node of scope.body.nodes) {
    const task = scope.tasks[node.index];
    if (task?.status !== "running" && task?.status !== "waiting") continue;
    withdraw(state, dispatchId(scope.id, node.id, task.attempt));
    withdraw(state, taskTimerId(scope.id, node.id, task.attempt));
    state.waiting.delete(`${scope.id}/${node.id}`);
  }
  state.scopes.delete(scope.id);
  scope.parent?.scope.children.delete(scope);
}

/** The task has a result: the world owes it nothing more, and nothing inside it goes on. */
export function settleTask(state: RunState, scope: ScopeState, node: PlanNode, task: TaskState): void {
  state.owed.delete(dispatchId(scope.id, node.id, task.attempt));
  if (task.status === "waiting") state.waiting.delete(`${scope.id}/${node.id}`);
  if (task.status === "waiting" || node.kind !== "work") withdraw(state, taskTimerId(scope.id, node.id, task.attempt));
  if (task.container === null) return;
  for (const child of scope.children) if (child.parent!.node === node) closeScope(state, child);
  task.container = null;
}
