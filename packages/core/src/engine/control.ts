import type { Emit } from "./event.ts";
import { AppError } from "../base/errors.ts";
import { parseDuration, parseTime } from "../base/duration.ts";
import { isJsonObject, type Json } from "../base/json.ts";
import { Payload } from "../base/payload.ts";
import { renderValueTemplate, type ValueTemplate } from "../expression/template.ts";
import {
  NESTING_MAX,
  type AggregateNode,
  type ApprovalNode,
  type AssignNode,
  type ControlNode,
  type ForEachNode,
  type PlanNode,
  type WaitNode,
  type WorkflowNode,
} from "../plan/plan.ts";
import { allValues, fullPages, pageValue } from "./collect.ts";
import { defaultInput } from "./default-input.ts";
import {
  assignAll,
  choiceOutput,
  endsBefore,
  holds,
  iterationItems,
  iterationResult,
  loopResult,
  startOutput,
} from "./dify-control.ts";
import { difyOpenView } from "./dify-view.ts";
import { scopeOutput } from "./output.ts";
import { loopVariables, scopeView, visibleTask } from "./scope-view.ts";
import type { RunState, ScopeState, TaskState } from "./state.ts";

/**
 * The control nodes: rules of the engine, not work. Each is asked once its edges are decided, answers with events, and
 * costs no round trip. What a rule throws as an `AppError` fails its node.
 */
export function runControl(state: RunState, scope: ScopeState, node: ControlNode, now: number, emit: Emit): void {
  switch (node.kind) {
    case "switch": {
      // A choice keeps nothing of what it compares, so it may see the secrets of a file.
      const view = scope.plan.workflow.dify ? difyOpenView(state, scope) : scopeView(state, scope);
      const chosen = node.cases.find((option) => holds(option.when, view))?.name ?? node.default;
      const output = scope.plan.workflow.dify ? choiceOutput(chosen) : Payload.of(chosen);
      complete(scope, node, output, emit, chosen ?? undefined);
      break;
    }
    case "assign":
      runAssign(state, scope, node, emit);
      break;
    case "aggregate":
      if (node.value) complete(scope, node, scopeOutput(state, scope, node.value), emit);
      else complete(scope, node, aggregate(scope, node), emit);
      break;
    case "for_each":
      startItems(state, scope, node, emit);
      break;
    case "loop": {
      const values = renderMap(state, scope, node.vars, "vars");
      const isDify = scope.plan.workflow.dify !== undefined;
      if (isDify && endsBefore(node, scopeView(state, scope), values)) complete(scope, node, Payload.of({}), emit);
      else emit({ type: "loop_started", scope: scope.id, node: node.id, values: Payload.of(values) });
      break;
    }
    case "start":
      complete(scope, node, startOutput(state, scope, node), emit);
      break;
    case "end":
      complete(scope, node, scopeOutput(state, scope, node.value), emit);
      break;
    case "refuse":
      throw new AppError("NODE_NOT_AVAILABLE", { type: node.type, reason: node.reason });
    case "workflow":
      startChild(state, scope, node, emit);
      break;
    case "approval":
      askApproval(state, scope, node, now, emit);
      break;
    case "wait":
      startWait(state, scope, node, now, emit);
      break;
  }
}

/** A container whose last item or round has ended: its own value, and on. */
export function closeContainer(scope: ScopeState, node: PlanNode, task: TaskState, emit: Emit): void {
  const { container } = task;
  if (container?.type === "items" && container.ended === container.count) {
    for (const page of fullPages(container.values)) {
      emit({ type: "values_paged", scope: scope.id, node: node.id, page, values: pageValue(container.values, page) });
    }
    const isDify = node.kind === "for_each" && scope.plan.workflow.dify !== undefined;
    complete(scope, node, isDify ? iterationResult(node, container) : allValues(container.values), emit);
  } else if (container?.type === "loop" && container.done && node.kind === "loop") {
    if (scope.plan.workflow.dify) complete(scope, node, loopResult(container), emit);
    else complete(scope, node, node.collect ? allValues(container.values) : Payload.of(loopVariables(container)), emit);
  }
}

function complete(scope: ScopeState, node: PlanNode, output: Payload, emit: Emit, handle?: string): void {
  const event = { type: "task_completed", scope: scope.id, node: node.id, attempt: 1, output } as const;
  emit(handle === undefined ? event : { ...event, handle });
}

function runAssign(state: RunState, scope: ScopeState, node: AssignNode, emit: Emit): void {
  if (node.assignments) {
    assignAll(scope, node.id, node.assignments, scopeView(state, scope), emit);
    complete(scope, node, Payload.of({}), emit);
    return;
  }
  const values = renderMap(state, scope, node.variables, "variables");
  for (const [name, value] of Object.entries(values)) {
    emit({ type: "variable_assigned", scope: scope.id, node: node.id, name, values: Payload.of(value) });
  }
  complete(scope, node, Payload.of(values), emit);
}

function aggregate(scope: ScopeState, node: AggregateNode): Payload {
  const outputs = node.from
    .map((step) => visibleTask(scope, step))
    .flatMap((task) => (task?.status === "succeeded" && task.output ? [task.output] : []));
  switch (node.mode) {
    case "first":
      return outputs[0] ?? Payload.null;
    case "list":
      return Payload.ofList(outputs);
    case "merge": {
      const merged: [string, Json][] = outputs.flatMap((output) => {
        const value = output.value;
        if (!isJsonObject(value))
          throw new AppError("STEP_FAILED", {
            reason: "aggregate with mode merge needs maps, and one of its values is none",
          });
        return Object.entries(value);
      });
      return Payload.of(Object.fromEntries(merged));
    }
  }
}

function startItems(state: RunState, scope: ScopeState, node: ForEachNode, emit: Emit): void {
  const given = renderValueTemplate(node.items, scopeView(state, scope));
  const items = scope.plan.workflow.dify ? iterationItems(given) : given;
  if (!Array.isArray(items))
    throw new AppError("ITEMS_INVALID", {
      actual: items === null ? "null" : typeof items === "object" ? "a map" : `a ${typeof items}`,
    });
  emit({ type: "items_started", scope: scope.id, node: node.id, items: Payload.of(items), count: items.length });
}

function startChild(state: RunState, scope: ScopeState, node: WorkflowNode, emit: Emit): void {
  if (scope.depth + 1 > NESTING_MAX) throw new AppError("NESTING_LIMIT", { limit: NESTING_MAX });
  if (!state.nested.has(node.nested)) throw new AppError("WORKFLOW_NOT_FOUND", { workflow: node.nested });
  const inputs = node.inputs
    ? renderValueTemplate(node.inputs, scopeView(state, scope))
    : defaultInput(scope, node.defaultInput);
  if (!isJsonObject(inputs)) throw new AppError("STEP_FAILED", { reason: "the inputs of a nested workflow are a map" });
  emit({ type: "child_started", scope: scope.id, node: node.id, inputs: Payload.of(inputs) });
}

function askApproval(state: RunState, scope: ScopeState, node: ApprovalNode, now: number, emit: Emit): void {
  const prompt = renderMap(state, scope, node.prompt, "title and assignees");
  const assignees = Array.isArray(prompt["assignees"])
    ? prompt["assignees"].map(String)
    : prompt["assignees"] == null
      ? []
      : [String(prompt["assignees"])];
  const title = typeof prompt["title"] === "string" ? prompt["title"] : node.id;
  emit({
    type: "task_waiting",
    scope: scope.id,
    node: node.id,
    waiting: { type: "approval", title, assignees },
    dueAt: node.timeoutMs === null ? null : now + node.timeoutMs,
  });
}

function startWait(state: RunState, scope: ScopeState, node: WaitNode, now: number, emit: Emit): void {
  const place = { scope: scope.id, node: node.id };
  switch (node.on.type) {
    case "signal": {
      const { name } = node.on;
      const kept = state.signals.get(name)?.[0];
      if (kept) emit({ type: "task_completed", ...place, attempt: 1, output: kept.payload, signal: kept.id });
      else
        emit({
          type: "task_waiting",
          ...place,
          waiting: { type: "signal", name },
          dueAt: node.timeoutMs === null ? null : now + node.timeoutMs,
        });
      return;
    }
    case "for": {
      const duration = parseDuration(renderValueTemplate(node.on.duration, scopeView(state, scope)));
      if (duration === null)
        throw new AppError("STEP_FAILED", { reason: "wait.for is no duration; write seconds or text such as 5m" });
      emit({ type: "task_waiting", ...place, waiting: { type: "time" }, dueAt: now + duration });
      return;
    }
    case "until": {
      const time = renderValueTemplate(node.on.time, scopeView(state, scope));
      const dueAt = parseTime(time);
      if (dueAt === null)
        throw new AppError("STEP_FAILED", {
          reason: "wait.until is no time; write one such as 2026-12-31T08:00:00Z, or Unix seconds",
        });
      emit({ type: "task_waiting", ...place, waiting: { type: "time" }, dueAt });
    }
  }
}

function renderMap(
  state: RunState,
  scope: ScopeState,
  template: ValueTemplate,
  what: string,
): Readonly<Record<string, Json>> {
  const value = renderValueTemplate(template, scopeView(state, scope));
  if (!isJsonObject(value)) throw new AppError("STEP_FAILED", { reason: `${what} must be a map` });
  return value;
}
