import { Payload } from "../base/payload.ts";
import type { ForEachNode, LoopNode, PlanNode } from "../plan/plan.ts";
import { emptyValues, keepValue } from "./collect.ts";
import { taskTimerId } from "./command.ts";
import type { RunEvent } from "./event.ts";
import { owe } from "./owe.ts";
import { childId, closeScope, itemId, openScope, roundId } from "./scope.ts";
import type { ContainerState, ItemsState, LoopState, RunState, ScopeState } from "./state.ts";
import { scopeOf, taskOf } from "./task.ts";
import { assign } from "./variable.ts";

/** How nodes that hold a scope go through their items and rounds. */

type Event<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;

export function itemsStarted(
  state: RunState,
  scope: ScopeState,
  node: ForEachNode,
  { items, count }: Event<"items_started">,
): void {
  const held: ItemsState = { type: "items", items, count, next: 0, ended: 0, values: emptyValues() };
  enter(state, scope, node, held);
  openItems(state, scope, node, held);
}

export function loopStarted(
  state: RunState,
  scope: ScopeState,
  node: LoopNode,
  { values }: Event<"loop_started">,
): void {
  const loop: LoopState = {
    type: "loop",
    round: -1,
    initial: values,
    assigned: new Map(),
    values: emptyValues(),
    done: false,
  };
  enter(state, scope, node, loop);
  openRound(state, scope, node, loop);
}

export function childStarted(
  state: RunState,
  scope: ScopeState,
  node: PlanNode,
  { inputs }: Event<"child_started">,
): void {
  const plan = node.kind === "workflow" ? state.nested.get(node.nested) : undefined;
  if (!plan) throw new Error(`the nested workflow of ${node.id} is not there`);
  enter(state, scope, node, { type: "child" });
  openScope(state, childId(scope, node.id), plan, plan.bodies[0]!, { scope, node, position: 0 }, inputs);
}

export function itemEnded(state: RunState, event: Event<"item_ended">): void {
  const scope = scopeOf(state, event.scope);
  const { scope: around, position } = scope.parent!;
  const node = scope.parent!.node as ForEachNode;
  const items = taskOf(state, around, node).container as ItemsState;
  const value = event.failure === undefined ? (event.output ?? bodyValue(scope)) : null;
  closeScope(state, scope);
  items.ended += 1;
  keepItem(node, items, position, value);
  openItems(state, around, node, items);
}

export function roundEnded(state: RunState, event: Event<"round_ended">): void {
  const scope = scopeOf(state, event.scope);
  const { scope: around } = scope.parent!;
  const node = scope.parent!.node as LoopNode;
  const loop = taskOf(state, around, node).container as LoopState;
  if (event.output !== undefined) keepValue(loop.values, loop.round, event.output);
  closeScope(state, scope);
  loop.done = event.last;
  if (event.last) state.undecided.push({ scope: around, node });
  else openRound(state, around, node, loop);
}

/** A container begins: its own time limit begins with it. */
function enter(state: RunState, scope: ScopeState, node: PlanNode, container: ContainerState): void {
  const task = taskOf(state, scope, node);
  task.status = "running";
  task.container = container;
  if (node.timeoutMs !== null) {
    const id = taskTimerId(scope.id, node.id, task.attempt);
    owe(state, { type: "arm_timer", id, dueAt: state.at + node.timeoutMs });
  }
}

/** Opens items until as many are open as may be. Those of another run that are taken over have ended at once. */
function openItems(state: RunState, scope: ScopeState, node: ForEachNode, items: ItemsState): void {
  const body = scope.plan.bodies[node.inner]!;
  while (items.next < items.count && items.next - items.ended < node.concurrency) {
    const position = items.next++;
    const id = itemId(scope, node.id, position);
    const copy = state.copies.size > 0 ? state.copies.get(id)?.end : undefined;
    if (copy?.type === "item_ended") {
      state.copies.delete(id);
      state.counts.copied += 1;
      items.ended += 1;
      keepItem(node, items, position, copy.failure === undefined ? (copy.output ?? Payload.null) : null);
    } else {
      openScope(state, id, scope.plan, body, { scope, node, position }, scope.inputs);
    }
  }
  if (items.ended === items.count) state.undecided.push({ scope, node });
}

/** Null: the item failed, and the node says what stands in its place. */
function keepItem(node: ForEachNode, items: ItemsState, position: number, value: Payload | null): void {
  keepValue(items.values, position, value ?? (node.onItemError === "drop" ? null : Payload.null));
}

/** Opens the next round, behind those of another run that are taken over. */
function openRound(state: RunState, scope: ScopeState, node: LoopNode, loop: LoopState): void {
  for (;;) {
    loop.round += 1;
    const id = roundId(scope, node.id, loop.round);
    const copy = state.copies.size > 0 ? state.copies.get(id) : undefined;
    if (copy?.end?.type !== "round_ended") {
      const parent = { scope, node, position: loop.round };
      openScope(state, id, scope.plan, scope.plan.bodies[node.inner]!, parent, scope.inputs);
      return;
    }
    state.copies.delete(id);
    state.counts.copied += 1;
    for (const { name, value } of copy.assigned) {
      const own = ownVariable(scope, node, name);
      if (own !== null) loop.assigned.set(own, value);
      else assign(scope, name, value);
    }
    if (node.collect !== null) keepValue(loop.values, loop.round, copy.end.output ?? Payload.null);
  }
}

/** The variable of a loop that an assigned name means; null when it is none of its own. */
function ownVariable(scope: ScopeState, { id, varNames }: LoopNode, name: string): string | null {
  const label = !scope.plan.workflow.dify ? name : name.startsWith(`${id}.`) ? name.slice(id.length + 1) : "";
  return varNames.includes(label) ? label : null;
}

/** The value of a body that names none: of its last nodes, the last one in the author's order that has a value. */
function bodyValue(scope: ScopeState): Payload {
  for (let i = scope.body.last.length - 1; i >= 0; i--) {
    const task = scope.tasks[scope.body.last[i]!.index];
    if (task?.output) return task.output;
  }
  return Payload.null;
}
