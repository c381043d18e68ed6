import { failure } from "../base/errors.ts";
import { sealPage } from "./collect.ts";
import { dispatchId, RUN_TIMER, START_TIMER, taskTimerId } from "./command.ts";
import { childStarted, itemEnded, itemsStarted, loopStarted, roundEnded } from "./container.ts";
import type { Decision, RunEvent } from "./event.ts";
import { owe, withdraw } from "./owe.ts";
import { closeScope, openScope, settleTask } from "./scope.ts";
import type { Copy, RunState } from "./state.ts";
import { addUsage, dispatch, ended, failed, nodeOf, scopeOf, taskOf } from "./task.ts";
import { assign } from "./variable.ts";

export { nodeOf } from "./task.ts";

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
      state.failure = failure("RUN_CANCELLED", { reason: event.reason });
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

/**
 * Drops the notes that were answered. A container is noted twice (it begins, it ends), so of equal notes the newest
 * counts: the live state and a replayed one are left with the same list in the same order.
 */
export function keepUndecided(state: RunState): void {
  if (state.undecided.length === 0) return;
  const seen = new Set<string>();
  const left: RunState["undecided"] = [];
  for (let i = state.undecided.length - 1; i >= 0; i--) {
    const entry = state.undecided[i]!;
    if (!isUndecided(state, entry)) continue;
    const key = `${entry.scope.id}/${entry.node?.id ?? ""}`;
    if (seen.has(key)) continue;
    seen.add(key);
    left.push(entry);
  }
  state.undecided.length = 0;
  for (let i = left.length - 1; i >= 0; i--) state.undecided.push(left[i]!);
}

/** Applies one row of the journal read back, and keeps of its notes only what is still to be decided. */
export function foldRow(state: RunState, row: readonly Decision[]): RunState {
  for (const decision of row) {
    // An input that decided nothing is recorded as taken; it is no moment of the run, in the live state either.
    if (decision.events.length > 0) state.at = decision.at;
    for (const event of decision.events) evolve(state, event);
  }
  state.seq += 1;
  state.fresh.length = 0;
  state.withdrawn.length = 0;
  keepUndecided(state);
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
      settleTask(state, scope, node, task);
      ended(state, scope, node, task, "succeeded");
      break;
    }
    case "task_failed": {
      const task = taskOf(state, scope, node);
      addUsage(state, task, event.usage);
      task.failure = event.failure;
      task.attempt = event.attempt;
      state.counts.failed += 1;
      settleTask(state, scope, node, task);
      failed(state, scope, node, task);
      break;
    }
    case "task_retried":
    case "task_parked": {
      const task = taskOf(state, scope, node);
      state.owed.delete(dispatchId(scope.id, node.id, event.attempt));
      if (event.type === "task_retried") {
        addUsage(state, task, event.usage);
        task.failure = event.failure;
        task.attempt = event.attempt + 1;
        state.retried += 1;
      }
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
    case "items_started":
      if (node.kind === "for_each") itemsStarted(state, scope, node, event);
      break;
    case "loop_started":
      if (node.kind === "loop") loopStarted(state, scope, node, event);
      break;
    case "child_started":
      childStarted(state, scope, node, event);
      break;
    case "values_paged": {
      const container = taskOf(state, scope, node).container;
      if (container?.type === "items" || container?.type === "loop")
        sealPage(container.values, event.page, event.values);
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
  for (const child of root.children) closeScope(state, child);
  for (const task of root.tasks) {
    if (task?.status !== "running" && task?.status !== "waiting") continue;
    task.status = "cancelled";
    task.container = null;
    task.endedAt = state.at;
  }
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

function copyOf(state: RunState, key: string): Copy {
  let copy = state.copies.get(key);
  if (!copy) state.copies.set(key, (copy = { end: null, assigned: [] }));
  return copy;
}
