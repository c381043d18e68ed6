import { Payload } from "../base/payload.ts";
import type { Body, Edge, Plan, PlanNode } from "../plan/plan.ts";
import { emptyValues, keepValue, sealPage } from "./collect.ts";
import { dispatchId, RUN_TIMER, START_TIMER, taskTimerId, type Command } from "./command.ts";
import type { Decision, RunEvent, TaskUsage } from "./event.ts";
import type { ContainerState, Copy, ItemsState, LoopState, RunState, ScopeState, TaskState } from "./state.ts";

/**
 * Facts change the state; nothing else does. `decide` applies its events through here as it makes them, and recovery
 * applies the same events read back, so both arrive at the same state.
 *
 * E1. No event is refused: what stands in the journal happened.
 * E2. What follows from an event by the plan alone (edges resolved, a node due) follows here and needs no event. What
 *     needs a value or a clock is noted in `undecided` for `decide`, which records its answer.
 */
export function evolve(state: RunState, event: RunEvent): RunState {
  switch (event.type) {
    case "run_created":
      state.created = event;
      state.createdAt = state.at;
      if (event.waits?.type === "time") owe(state, { type: "arm_timer", id: START_TIMER, dueAt: event.waits.until });
      if (event.waits === null && event.rerunOf === null) begin(state);
      break;
    case "run_started":
      withdraw(state, START_TIMER);
      begin(state);
      break;
    case "run_completed":
      state.output = event.output;
      end(state, "succeeded");
      break;
    case "run_failed":
      state.failure = event.failure;
      state.failedAt = event.scope !== null && event.node !== null ? { scope: event.scope, node: event.node } : null;
      end(state, "failed");
      break;
    case "run_cancelled":
      state.failure = { code: "RUN_CANCELLED", message: event.reason, retryable: false };
      end(state, "cancelled");
      break;
    case "task_copied":
      copyOf(state, `${event.scope}/${event.node}`).end = event;
      break;
    case "item_ended":
      if (event.from === undefined) itemEnded(state, event);
      else copyOf(state, event.scope).end = event;
      break;
    case "round_ended":
      if (event.from === undefined) roundEnded(state, event);
      else copyOf(state, event.scope).end = event;
      break;
    case "variable_assigned":
      if (event.from === undefined) assign(scopeOf(state, event.scope), event.name, event.values);
      else copyOf(state, event.scope).assigned.push({ name: event.name, value: event.values });
      break;
    case "signal_received": {
      const queue = state.signals.get(event.name);
      state.signalIds.add(event.id);
      if (queue) queue.push({ id: event.id, payload: event.payload });
      else state.signals.set(event.name, [{ id: event.id, payload: event.payload }]);
      break;
    }
    default:
      taskEvent(state, event);
  }
  return state;
}

/** Whether a note in `undecided` still waits for its rule. */
export function isUndecided(state: RunState, entry: RunState["undecided"][number]): boolean {
  const { scope, node } = entry;
  if (state.scopes.get(scope.id) !== scope) return false;
  if (node === null) return scope.open === 0;
  const task = scope.tasks[node.index];
  if (!task || task.status === "pending") return true;
  const { container } = task;
  return (
    container !== null &&
    ((container.type === "items" && container.ended === container.count) ||
      (container.type === "loop" && container.done))
  );
}

/** Applies one row of the journal read back, and keeps of its notes only what is still to be decided. */
export function foldRow(state: RunState, row: readonly Decision[]): RunState {
  for (const decision of row) {
    state.at = decision.at;
    for (const event of decision.events) evolve(state, event);
  }
  state.seq += 1;
  state.fresh.length = 0;
  state.withdrawn.length = 0;
  if (state.undecided.length > 0) {
    const left = state.undecided.filter((entry) => isUndecided(state, entry));
    state.undecided.splice(0, state.undecided.length, ...left);
  }
  return state;
}

type TaskEvent = Exclude<
  RunEvent,
  { type: `run_${string}` | "task_copied" | "item_ended" | "round_ended" | "variable_assigned" | "signal_received" }
>;

function taskEvent(state: RunState, event: TaskEvent): void {
  const scope = scopeOf(state, event.scope);
  const node = nodeOf(scope, event.node);
  switch (event.type) {
    case "task_admitted":
      dispatch(state, scope, node, taskOf(state, scope, node));
      break;
    case "task_skipped": {
      const task = taskOf(state, scope, node);
      state.counts.skipped += 1;
      ended(state, scope, node, task, "skipped");
      break;
    }
    case "task_completed": {
      const task = taskOf(state, scope, node);
      task.output = event.output;
      task.handle = event.handle ?? null;
      if (event.signal !== undefined) takeSignal(state, event.signal);
      addUsage(state, task, event.usage);
      state.counts.completed += 1;
      settle(state, scope, node, task);
      ended(state, scope, node, task, "succeeded");
      break;
    }
    case "task_failed": {
      const task = taskOf(state, scope, node);
      addUsage(state, task, event.usage);
      task.failure = event.failure;
      task.attempt = event.attempt;
      state.counts.failed += 1;
      settle(state, scope, node, task);
      failed(state, scope, node, task);
      break;
    }
    case "task_retried":
    case "task_parked": {
      const task = taskOf(state, scope, node);
      state.owed.delete(dispatchId(scope.id, node.id, event.attempt));
      if (event.type === "task_retried") task.failure = event.failure;
      task.attempt = event.type === "task_retried" ? event.attempt + 1 : event.attempt;
      task.status = "waiting";
      owe(state, { type: "arm_timer", id: taskTimerId(scope.id, node.id, task.attempt), dueAt: event.dueAt });
      break;
    }
    case "task_due": {
      withdraw(state, taskTimerId(scope.id, node.id, event.attempt));
      dispatch(state, scope, node, taskOf(state, scope, node));
      break;
    }
    case "task_started": {
      const id = dispatchId(scope.id, node.id, event.attempt);
      owe(state, { type: "dispatch_task", id, scope: scope.id, node: node.id, attempt: event.attempt, started: true });
      break;
    }
    case "task_waiting": {
      const task = taskOf(state, scope, node);
      task.status = "waiting";
      state.waiting.set(`${scope.id}/${node.id}`, {
        scope: scope.id,
        node: node.id,
        waiting: event.waiting,
        since: state.at,
        dueAt: event.dueAt,
      });
      if (event.dueAt !== null)
        owe(state, { type: "arm_timer", id: taskTimerId(scope.id, node.id, task.attempt), dueAt: event.dueAt });
      break;
    }
    case "items_started": {
      const items: ItemsState = {
        type: "items",
        items: event.items,
        count: event.count,
        next: 0,
        ended: 0,
        values: emptyValues(),
      };
      enter(state, scope, node, items);
      openItems(state, scope, node, items);
      break;
    }
    case "loop_started": {
      const loop: LoopState = {
        type: "loop",
        round: -1,
        initial: event.values,
        assigned: new Map(),
        values: emptyValues(),
        done: false,
      };
      enter(state, scope, node, loop);
      openRound(state, scope, node, loop);
      break;
    }
    case "values_paged": {
      const container = taskOf(state, scope, node).container;
      if (container?.type === "items" || container?.type === "loop")
        sealPage(container.values, event.page, event.values);
      break;
    }
    case "child_started": {
      const plan = node.kind === "workflow" ? state.nested.get(node.nested) : undefined;
      if (!plan) throw new Error(`the nested workflow of ${node.id} is not there`);
      enter(state, scope, node, { type: "child" });
      openScope(state, childId(scope, node.id), plan, plan.bodies[0]!, { scope, node, position: 0 }, event.inputs);
      break;
    }
  }
}

function begin(state: RunState): void {
  state.status = "running";
  state.startedAt = state.at;
  const timeoutMs = state.plan.workflow.timeoutMs;
  if (timeoutMs !== null) owe(state, { type: "arm_timer", id: RUN_TIMER, dueAt: state.at + timeoutMs });
  openScope(state, "root", state.plan, state.plan.bodies[0]!, null, state.created!.inputs);
}

function end(state: RunState, status: "succeeded" | "failed" | "cancelled"): void {
  state.status = status;
  state.finishedAt = state.at;
  for (const id of state.owed.keys()) state.withdrawn.push(id);
  state.owed.clear();
  state.waiting.clear();
  state.signals.clear();
  state.copies.clear();
  state.undecided.length = 0;
  state.fresh.length = 0;
  const root = state.scopes.get("root");
  if (!root) return;
  for (const child of [...root.children]) closeScope(state, child);
  for (const task of root.tasks) {
    if (task?.status !== "running" && task?.status !== "waiting") continue;
    task.status = "cancelled";
    task.container = null;
    task.endedAt = state.at;
  }
}

function openScope(
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
  for (const { name, value } of takeCopyOf(state, id)?.assigned ?? []) assign(scope, name, value);
  for (const node of body.entries) decided(state, scope, node);
}

/** Every incoming edge of the node is resolved: it runs, is copied, or a rule has to say. */
function decided(state: RunState, scope: ScopeState, node: PlanNode): void {
  if (state.copies.size > 0) {
    const key = `${scope.id}/${node.id}`;
    const copied = state.copies.get(key)?.end;
    if (copied?.type === "task_copied") {
      state.copies.delete(key);
      takeCopy(state, scope, node, copied);
      return;
    }
  }
  if (node.kind === "work" && node.when === null && joins(scope, node))
    dispatch(state, scope, node, taskOf(state, scope, node));
  else state.undecided.push({ scope, node });
}

/** Whether enough of a node's edges were taken for it to run. */
export function joins(scope: ScopeState, node: PlanNode): boolean {
  if (node.incomingTakeable === 0) return true;
  const taken = scope.taken[node.index]!;
  return node.join === "all" ? taken === node.incomingTakeable : taken > 0;
}

function takeCopy(
  state: RunState,
  scope: ScopeState,
  node: PlanNode,
  copied: Extract<RunEvent, { type: "task_copied" }>,
): void {
  const task = taskOf(state, scope, node);
  task.output = copied.output;
  task.handle = copied.handle;
  task.failure = copied.failure;
  state.counts.copied += 1;
  if (copied.skipped) ended(state, scope, node, task, "skipped");
  else if (copied.failure !== null) failed(state, scope, node, task);
  else ended(state, scope, node, task, "succeeded");
}

function dispatch(state: RunState, scope: ScopeState, node: PlanNode, task: TaskState): void {
  task.status = "running";
  owe(state, {
    type: "dispatch_task",
    id: dispatchId(scope.id, node.id, task.attempt),
    scope: scope.id,
    node: node.id,
    attempt: task.attempt,
  });
}

/** The task has a result: the world owes it nothing more. */
function settle(state: RunState, scope: ScopeState, node: PlanNode, task: TaskState): void {
  state.owed.delete(dispatchId(scope.id, node.id, task.attempt));
  if (task.status === "waiting") state.waiting.delete(`${scope.id}/${node.id}`);
  if (task.status === "waiting" || node.kind !== "work") withdraw(state, taskTimerId(scope.id, node.id, task.attempt));
  if (task.container === null) return;
  for (const child of scope.children) if (child.parent!.node === node) closeScope(state, child);
  task.container = null;
}

/** A container begins: its own time limit begins with it. */
function enter(state: RunState, scope: ScopeState, node: PlanNode, container: ContainerState): void {
  const task = taskOf(state, scope, node);
  task.status = "running";
  task.container = container;
  if (node.timeoutMs !== null)
    owe(state, {
      type: "arm_timer",
      id: taskTimerId(scope.id, node.id, task.attempt),
      dueAt: state.at + node.timeoutMs,
    });
}

function failed(state: RunState, scope: ScopeState, node: PlanNode, task: TaskState): void {
  switch (node.onError.type) {
    case "fail":
      // The scope ends with it; `decide` records how.
      task.status = "failed";
      task.endedAt = state.at;
      break;
    case "default":
      task.output = Payload.of(node.onError.value);
      ended(state, scope, node, task, "succeeded");
      break;
    case "branch":
      task.handle = "error";
      ended(state, scope, node, task, "failed");
      break;
    case "continue":
      ended(state, scope, node, task, "failed");
      break;
  }
}

function ended(
  state: RunState,
  scope: ScopeState,
  node: PlanNode,
  task: TaskState,
  status: "succeeded" | "failed" | "skipped",
): void {
  task.status = status;
  task.endedAt = state.at;
  for (const edge of node.outgoing) {
    const left = (scope.unresolved[edge.to]! -= 1);
    if (isTaken(edge, node, task)) scope.taken[edge.to]! += 1;
    if (left === 0) decided(state, scope, scope.body.nodes[edge.to]!);
  }
  scope.open -= 1;
  if (scope.open === 0) state.undecided.push({ scope, node: null });
}

/** Handles that say no: plain edges are not taken then. A handled failure that branches is one as well. */
const NEGATIVE_HANDLES: ReadonlySet<string> = new Set(["rejected", "timeout", "error"]);

function isTaken(edge: Edge, node: PlanNode, task: TaskState): boolean {
  if (edge.orderOnly || task.status === "skipped") return false;
  if (edge.handle !== null) return edge.handle === task.handle;
  return task.handle === null || node.kind === "switch" || !NEGATIVE_HANDLES.has(task.handle);
}

function openItems(state: RunState, scope: ScopeState, node: PlanNode, items: ItemsState): void {
  if (node.kind !== "for_each") throw new Error(`${node.id} is no for_each`);
  const body = scope.plan.bodies[node.inner]!;
  while (items.next < items.count && items.next - items.ended < node.concurrency) {
    const position = items.next++;
    const id = itemId(scope, node.id, position);
    const copy = takeEnd(state, id);
    if (copy?.type === "item_ended") {
      items.ended += 1;
      state.counts.copied += 1;
      keepItem(node.onItemError, items, position, copy.failure === undefined ? (copy.output ?? Payload.null) : null);
    } else {
      openScope(state, id, scope.plan, body, { scope, node, position }, scope.inputs);
    }
  }
  if (items.ended === items.count) state.undecided.push({ scope, node });
}

function itemEnded(state: RunState, event: Extract<RunEvent, { type: "item_ended" }>): void {
  const scope = scopeOf(state, event.scope);
  const { scope: outer, node, position } = scope.parent!;
  const items = taskOf(state, outer, node).container as ItemsState;
  const value = event.failure === undefined ? (event.output ?? bodyValue(scope)) : null;
  closeScope(state, scope);
  items.ended += 1;
  keepItem((node as { onItemError?: "fail" | "null" | "drop" }).onItemError ?? "fail", items, position, value);
  openItems(state, outer, node, items);
}

function keepItem(
  onItemError: "fail" | "null" | "drop",
  items: ItemsState,
  position: number,
  value: Payload | null,
): void {
  keepValue(items.values, position, value ?? (onItemError === "drop" ? null : Payload.null));
}

function openRound(state: RunState, scope: ScopeState, node: PlanNode, loop: LoopState): void {
  if (node.kind !== "loop") throw new Error(`${node.id} is no loop`);
  for (;;) {
    loop.round += 1;
    const id = roundId(scope, node.id, loop.round);
    const copy = takeCopyOf(state, id);
    if (copy?.end?.type !== "round_ended") {
      openScope(
        state,
        id,
        scope.plan,
        scope.plan.bodies[node.inner]!,
        { scope, node, position: loop.round },
        scope.inputs,
      );
      return;
    }
    state.counts.copied += 1;
    for (const { name, value } of copy.assigned) loop.assigned.set(name, value);
    if (node.collect !== null) keepValue(loop.values, loop.round, copy.end.output ?? Payload.null);
  }
}

function roundEnded(state: RunState, event: Extract<RunEvent, { type: "round_ended" }>): void {
  const scope = scopeOf(state, event.scope);
  const { scope: outer, node } = scope.parent!;
  const loop = taskOf(state, outer, node).container as LoopState;
  if (event.output !== undefined) keepValue(loop.values, loop.round, event.output);
  closeScope(state, scope);
  loop.done = event.last;
  if (!event.last) openRound(state, outer, node, loop);
  else state.undecided.push({ scope: outer, node });
}

/** Ends a scope and all inside it: what they still owed is withdrawn. */
export function closeScope(state: RunState, scope: ScopeState): void {
  for (const child of [...scope.children]) closeScope(state, child);
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

/** The value of a body that names none: of its last nodes, the last one in the author's order that has a value. */
export function bodyValue(scope: ScopeState): Payload {
  for (let i = scope.body.last.length - 1; i >= 0; i--) {
    const task = scope.tasks[scope.body.last[i]!.index];
    if (task?.output) return task.output;
  }
  return Payload.null;
}

/**
 * A variable is set where its name is known: the nearest loop or scope around that has it. An item of a `for_each` has
 * its own copy, and a nested workflow sees nothing of its caller; a new name begins there or at the root.
 */
function assign(scope: ScopeState, name: string, value: Payload): void {
  let at = scope;
  for (;;) {
    if (at.vars?.has(name)) break;
    const { parent } = at;
    if (parent === null || parent.node.kind !== "loop") break;
    const loop = parent.scope.tasks[parent.node.index]!.container as LoopState;
    if (loop.assigned.has(name) || (parent.node.kind === "loop" && parent.node.varNames.includes(name))) {
      loop.assigned.set(name, value);
      return;
    }
    at = parent.scope;
  }
  at.vars ??= new Map();
  at.vars.set(name, value);
}

function takeSignal(state: RunState, id: string): void {
  for (const [name, queue] of state.signals) {
    const at = queue.findIndex((signal) => signal.id === id);
    if (at < 0) continue;
    queue.splice(at, 1);
    if (queue.length === 0) state.signals.delete(name);
    return;
  }
}

function addUsage(state: RunState, task: TaskState, usage: TaskUsage | undefined): void {
  if (!usage) return;
  task.usage = usage;
  const sum = state.usage;
  state.usage = {
    input_tokens: sum.input_tokens + usage.input_tokens,
    output_tokens: sum.output_tokens + usage.output_tokens,
    total_tokens: sum.total_tokens + usage.total_tokens,
  };
}

function owe(state: RunState, command: Command): void {
  state.owed.set(command.id, command);
  state.fresh.push(command);
}

function withdraw(state: RunState, id: string): void {
  if (state.owed.delete(id)) state.withdrawn.push(id);
}

function copyOf(state: RunState, key: string): Copy {
  let copy = state.copies.get(key);
  if (!copy) state.copies.set(key, (copy = { end: null, assigned: [] }));
  return copy;
}

function takeCopyOf(state: RunState, key: string): Copy | undefined {
  if (state.copies.size === 0) return undefined;
  const copy = state.copies.get(key);
  state.copies.delete(key);
  return copy;
}

function takeEnd(state: RunState, key: string): Copy["end"] {
  return takeCopyOf(state, key)?.end ?? null;
}

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
