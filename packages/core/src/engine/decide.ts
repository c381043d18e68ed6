import { AppError, failure as failureFor, failureOf, type Failure } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import { Payload } from "../base/payload.ts";
import { evaluateCondition } from "../expression/evaluate.ts";
import type { PlanNode } from "../plan/plan.ts";
import { humanOutput, pressedAction } from "../dify/human.ts";
import { fullPages, pageValue } from "./collect.ts";
import { dispatchId, RUN_TIMER, START_TIMER, timedTask } from "./command.ts";
import { closeContainer, runControl } from "./control.ts";
import { beginsAt, cameToEnd, holds } from "./dify-control.ts";
import type { Emit, RunCreated, RunEvent, TaskUsage } from "./event.ts";
import { evolve, isUndecided, keepUndecided } from "./evolve.ts";
import type { Input, TaskOutcome } from "./input.ts";
import { scopeOutput, workflowOutput } from "./output.ts";
import { retryDelayMs, retryPolicy } from "./retry.ts";
import { scopeView } from "./scope-view.ts";
import { isFinal, type RunState, type ScopeState } from "./state.ts";
import { joins, nodeOf, taskOf } from "./task.ts";

/**
 * What happened, and all that follows from it until the run is quiet: the events, already applied to `state`.
 *
 * D1. An input that no longer matters (a late report, a timer of an ended task, a repeated signal) decides nothing.
 * D2. A run that has ended takes no event.
 * D3. The same state, input and time decide the same, always.
 */
export function decide(state: RunState, input: Input, now: number): RunEvent[] {
  if (isFinal(state.status)) return [];
  const before = state.at;
  state.at = now;
  const events: RunEvent[] = [];
  const emit: Emit = (event) => {
    events.push(event);
    evolve(state, event);
  };
  take(state, input, now, emit);
  settle(state, now, events, emit);
  if (events.length === 0) state.at = before;
  return events;
}

/** The first decision of a run: its creation, what it takes over from another run, and its first steps. */
export function start(state: RunState, created: RunCreated, copies: readonly RunEvent[], now: number): RunEvent[] {
  state.at = now;
  const events: RunEvent[] = [];
  const emit: Emit = (event) => {
    events.push(event);
    evolve(state, event);
  };
  emit(created);
  for (const copy of copies) emit(copy);
  if (created.waits === null && created.rerunOf !== null) emit({ type: "run_started" });
  settle(state, now, events, emit);
  return events;
}

function take(state: RunState, input: Input, now: number, emit: Emit): void {
  switch (input.type) {
    case "task_reported":
      taskReported(state, input.scope, input.node, input.attempt, input.outcome, now, emit);
      break;
    case "task_starting": {
      const { scope, node, attempt } = input;
      const owed = state.owed.get(dispatchId(scope, node, attempt));
      if (owed?.type === "dispatch_task" && !owed.started) emit({ type: "task_started", scope, node, attempt });
      break;
    }
    case "timer_fired":
      timerFired(state, input.timer, emit);
      break;
    case "slot_granted":
    case "start_due":
      if (state.startedAt === null) emit({ type: "run_started" });
      break;
    case "signal_received":
      signalReceived(state, input, emit);
      break;
    case "approval_decided": {
      const { scope, node } = input;
      const waiting = state.waiting.get(`${scope}/${node}`)?.waiting;
      if (waiting?.type !== "approval") return;
      const asked = nodeOf(state.scopes.get(scope)!, node);
      const attempt = taskOf(state, state.scopes.get(scope)!, asked).attempt;
      if (asked.step.kind === "approval" && asked.step.dify) {
        const pressed = pressedAction(asked.step.dify, input);
        if (pressed === null) return;
        const output = Payload.of(humanOutput(waiting.title, pressed, input.form));
        emit({ type: "task_completed", scope, node, attempt, output, handle: pressed.id });
        break;
      }
      const output = Payload.of({ decision: input.approved ? "approved" : "rejected", by: input.by, form: input.form });
      emit({ type: "task_completed", scope, node, attempt, output, handle: input.approved ? "approved" : "rejected" });
      break;
    }
    case "resume":
      break;
    case "cancel_requested":
      emit({ type: "run_cancelled", reason: input.reason });
      break;
    case "run_refused":
      emit({ type: "run_failed", failure: input.failure, scope: null, node: null });
      break;
  }
}

function taskReported(
  state: RunState,
  scopeId: string,
  nodeId: string,
  attempt: number,
  outcome: TaskOutcome,
  now: number,
  emit: Emit,
): void {
  const id = dispatchId(scopeId, nodeId, attempt);
  if (!state.owed.has(id)) return;
  const scope = state.scopes.get(scopeId)!;
  const node = nodeOf(scope, nodeId);
  const task = { scope: scopeId, node: nodeId, attempt };
  switch (outcome.type) {
    case "completed": {
      const completed = { type: "task_completed", ...task, ...shaped(node, outcome.output) } as const;
      emit(outcome.usage ? { ...completed, usage: outcome.usage } : completed);
      return;
    }
    case "parked":
      emit({ type: "task_parked", ...task, reason: outcome.reason, dueAt: outcome.until });
      return;
    case "failed": {
      const delay =
        node.kind === "work"
          ? retryDelayMs(
              retryPolicy(node),
              outcome.failure,
              attempt,
              `${state.created!.runId}/${id}`,
              outcome.retryAfterMs,
            )
          : null;
      if (delay !== null) {
        const retried = { type: "task_retried", ...task, failure: outcome.failure, dueAt: now + delay } as const;
        emit(outcome.usage ? { ...retried, usage: outcome.usage } : retried);
      } else failTask(state, scope, node, attempt, outcome.failure, emit, outcome.usage);
    }
  }
}

/** The result of a step as its own rules keep it, and the handle that it names. */
function shaped({ step }: PlanNode, output: Payload): { readonly output: Payload; readonly handle?: string } {
  if (step.kind !== "work") return { output };
  if (step.resultAs !== undefined)
    return { output: Payload.ofJson(`{${JSON.stringify(step.resultAs)}:${output.text}}`) };
  if (step.handleFrom === undefined) return { output };
  const value = output.value;
  const handle = isJsonObject(value) ? value[step.handleFrom] : undefined;
  // The edge of that name is for failures.
  return typeof handle === "string" && handle !== "error" ? { output, handle } : { output };
}

function timerFired(state: RunState, timer: string, emit: Emit): void {
  if (!state.owed.has(timer)) return;
  if (timer === START_TIMER) {
    emit({ type: "run_started" });
    return;
  }
  if (timer === RUN_TIMER) {
    emit({
      type: "run_failed",
      failure: failureFor("RUN_TIMEOUT", { timeoutMs: state.plan.workflow.timeoutMs }),
      scope: null,
      node: null,
    });
    return;
  }
  const timed = timedTask(timer)!;
  const scope = state.scopes.get(timed.scope)!;
  const node = nodeOf(scope, timed.node);
  if (node.kind === "work") emit({ type: "task_due", ...timed });
  else if (scope.tasks[node.index]!.container)
    failTask(state, scope, node, timed.attempt, failureFor("STEP_TIMEOUT", { timeoutMs: node.timeoutMs }), emit);
  else if (node.kind === "wait" && node.on.type !== "signal")
    emit({ type: "task_completed", ...timed, output: Payload.null });
  else if (node.step.kind === "approval" && node.step.dify)
    emit({ type: "task_completed", ...timed, output: Payload.of({}), handle: "timeout" });
  else if (node.outgoing.some((edge) => edge.handle === "timeout"))
    emit({ type: "task_completed", ...timed, output: Payload.null, handle: "timeout" });
  else failTask(state, scope, node, timed.attempt, failureFor("WAIT_TIMEOUT", { timeoutMs: node.timeoutMs }), emit);
}

function signalReceived(state: RunState, input: Extract<Input, { type: "signal_received" }>, emit: Emit): void {
  if (state.signalIds.has(input.id)) return;
  emit({ type: "signal_received", name: input.name, id: input.id, payload: input.payload });
  for (const { scope, node, waiting } of state.waiting.values()) {
    if (waiting.type !== "signal" || waiting.name !== input.name) continue;
    const attempt = taskOf(state, state.scopes.get(scope)!, nodeOf(state.scopes.get(scope)!, node)).attempt;
    emit({ type: "task_completed", scope, node, attempt, output: input.payload, signal: input.id });
    return;
  }
}

/**
 * Events that one decision makes before it pauses. What is left stays in `undecided`, in the live state as in a
 * replayed one, and the owner asks again with `resume`: a loop of control nodes alone cannot hold the process.
 */
const EVENTS_PER_DECISION = 512;

/** Applies the rules to everything that became due, until nothing is left that needs one. */
function settle(state: RunState, now: number, events: readonly RunEvent[], emit: Emit): void {
  let done = 0;
  for (; done < state.undecided.length && !isFinal(state.status) && events.length < EVENTS_PER_DECISION; done++) {
    const entry = state.undecided[done]!;
    if (!isUndecided(state, entry)) continue;
    if (entry.node === null) closeQuiet(state, entry.scope, emit);
    else decideNode(state, entry.scope, entry.node, now, emit);
  }
  state.undecided.splice(0, done);
  keepUndecided(state);
}

function decideNode(state: RunState, scope: ScopeState, node: PlanNode, now: number, emit: Emit): void {
  const task = scope.tasks[node.index];
  if (task?.container) {
    closeContainer(scope, node, task, emit);
    return;
  }
  const place = { scope: scope.id, node: node.id };
  if (!joins(scope, node)) {
    emit({ type: "task_skipped", ...place });
    return;
  }
  try {
    const isLeftOut = node.kind === "start" && !beginsAt(scope, node);
    if (isLeftOut || (node.when !== null && !evaluateCondition(node.when, scopeView(state, scope)))) {
      emit({ type: "task_skipped", ...place });
      return;
    }
    if (node.kind === "work") emit({ type: "task_admitted", ...place });
    else runControl(state, scope, node, now, emit);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    failTask(state, scope, node, 1, failureOf(error), emit);
  }
}

/** A scope in which every node has ended: its container goes on, or the run ends. */
function closeQuiet(state: RunState, scope: ScopeState, emit: Emit): void {
  if (scope.parent === null) {
    try {
      emit({ type: "run_completed", output: workflowOutput(state, scope) });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      emit({ type: "run_failed", failure: failureOf(error), scope: null, node: null });
    }
    return;
  }
  try {
    endScope(state, scope, scope.parent.node, emit);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    failScope(state, scope, null, failureOf(error), emit);
  }
}

function endScope(state: RunState, scope: ScopeState, container: PlanNode, emit: Emit): void {
  switch (container.kind) {
    case "for_each": {
      const output = container.collect ? scopeOutput(state, scope, container.collect) : null;
      emit(output ? { type: "item_ended", scope: scope.id, output } : { type: "item_ended", scope: scope.id });
      break;
    }
    case "loop": {
      const output = container.collect ? scopeOutput(state, scope, container.collect) : null;
      const isDify = scope.plan.workflow.dify !== undefined;
      const stop =
        (isDify && cameToEnd(scope, container)) ||
        (container.until !== null && holds(container.until, scopeView(state, scope)));
      const last = stop || scope.parent!.position + 1 >= container.maxIterations;
      if (last && !stop && container.until !== null && !isDify)
        throw new AppError("ITERATION_LIMIT", { limit: container.maxIterations });
      emit(
        output
          ? { type: "round_ended", scope: scope.id, output, last }
          : { type: "round_ended", scope: scope.id, last },
      );
      break;
    }
    case "workflow": {
      const { scope: around, node } = scope.parent!;
      emit({
        type: "task_completed",
        scope: around.id,
        node: node.id,
        attempt: 1,
        output: workflowOutput(state, scope),
      });
      break;
    }
    default:
      throw new Error(`a ${container.kind} has no inner scope`);
  }
  pageValues(scope.parent!.scope, container, emit);
}

/** Moves pages that became full out of the state. */
function pageValues(scope: ScopeState, container: PlanNode, emit: Emit): void {
  const held = scope.tasks[container.index]?.container;
  if (held?.type !== "items" && held?.type !== "loop") return;
  for (const page of fullPages(held.values))
    emit({ type: "values_paged", scope: scope.id, node: container.id, page, values: pageValue(held.values, page) });
}

/** A task has failed for good. Where nothing handles it, its scope fails with it, and so on outwards. */
export function failTask(
  state: RunState,
  scope: ScopeState,
  node: PlanNode,
  attempt: number,
  failure: Failure,
  emit: Emit,
  usage?: TaskUsage,
): void {
  const event = { type: "task_failed", scope: scope.id, node: node.id, attempt, failure } as const;
  emit(usage ? { ...event, usage } : event);
  if (node.onError.type === "fail") failScope(state, scope, node, failure, emit);
}

/** Fail-fast: whatever else runs in the scope is aborted with it. */
function failScope(state: RunState, scope: ScopeState, node: PlanNode | null, failure: Failure, emit: Emit): void {
  if (scope.parent === null) {
    emit({ type: "run_failed", failure, scope: node ? scope.id : null, node: node?.id ?? null });
    return;
  }
  const { scope: around, node: container } = scope.parent;
  if (container.kind === "for_each" && container.onItemError !== "fail") {
    emit({ type: "item_ended", scope: scope.id, failure });
    pageValues(around, container, emit);
    return;
  }
  failTask(state, around, container, 1, failure, emit);
}
