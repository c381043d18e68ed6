import { AppError } from "../base/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { Payload } from "../base/payload.ts";
import { runAssignments } from "../dify/assign.ts";
import { testHolds } from "../dify/conditions/evaluate.ts";
import { iterationOutput } from "../dify/iteration.ts";
import { isActiveRoot } from "../dify/roots.ts";
import { startValues } from "../dify/start-inputs.ts";
import { evaluateCondition } from "../expression/evaluate.ts";
import type { Expression } from "../expression/parse.ts";
import type { Scope } from "../expression/scope.ts";
import type { DifyCheck, ForEachNode, LoopNode, StartNode } from "../plan/plan.ts";
import { allValues } from "./collect.ts";
import { systemValues, withLoop } from "./dify-view.ts";
import { loopVariables } from "./scope-view.ts";
import type { Assignment } from "../workflow/dify-steps.ts";
import type { Emit } from "./event.ts";
import type { ItemsState, LoopState, RunState, ScopeState } from "./state.ts";

/** Rules of imported graphs where they differ from the native ones. */

/** Whether a condition of either language holds. */
export function holds(check: Expression | DifyCheck, view: Scope): boolean {
  return "test" in check ? testHolds(check.test, view) : evaluateCondition(check, view);
}

/** Whether a run begins at this node: of several roots it does at one. */
export function beginsAt(scope: ScopeState, { step }: StartNode): boolean {
  const inputs = scope.inputs.value;
  return step.kind === "start" && isActiveRoot(step, isJsonObject(inputs) ? inputs : {});
}

/** The run's inputs as the form of its start takes them, and the values of the system. */
export function startOutput(state: RunState, scope: ScopeState, node: StartNode): Payload {
  const inputs = scope.inputs.value;
  const checked = startValues(node.fields, isJsonObject(inputs) ? inputs : {});
  if (!checked.ok) throw new AppError("INVALID_INPUTS", { workflow: scope.plan.name, reason: checked.message });
  return Payload.of({ ...systemValues(state, scope), ...checked.values });
}

/** What a choice shows of itself. */
export function choiceOutput(chosen: string | null): Payload {
  return Payload.of({ result: chosen !== null && chosen !== "false", selected_case_id: chosen ?? "false" });
}

export function assignAll(
  scope: ScopeState,
  node: string,
  items: readonly Assignment[],
  view: Scope,
  emit: Emit,
): void {
  for (const { name, value } of runAssignments(items, view))
    emit({ type: "variable_assigned", scope: scope.id, node, name, values: Payload.of(value) });
}

/** The items of an iteration: a list, or nothing at all. */
export function iterationItems(value: Json): readonly Json[] {
  if (value === null) return [];
  if (Array.isArray(value)) return value as readonly Json[];
  throw new AppError("STEP_FAILED", {
    reason: `invalid iterator value: ${JSON.stringify(value).slice(0, 100)}, please provide a list.`,
    error_type: "InvalidIteratorValueError",
  });
}

export function iterationResult(node: ForEachNode, items: ItemsState): Payload {
  const values = allValues(items.values).value as readonly Json[];
  const rules = node.step.kind === "for_each" ? node.step.dify : undefined;
  return Payload.of({ output: iterationOutput(values, rules?.flatten ?? true) });
}

/** Whether a loop is over before its first round. What cannot be asked yet counts as no. */
export function endsBefore(node: LoopNode, view: Scope, variables: JsonObject): boolean {
  const { until } = node;
  if (until === null) return false;
  try {
    return holds(until, withLoop(view, node, variables));
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

/** Whether a round came to a node that ends its loop. */
export function cameToEnd(scope: ScopeState, node: LoopNode): boolean {
  const ends = node.step.kind === "loop" ? (node.step.dify?.ends ?? []) : [];
  return ends.some((id) => {
    const inner = scope.body.byId.get(id);
    return inner !== undefined && scope.tasks[inner.index]?.status === "succeeded";
  });
}

export function loopResult(loop: LoopState): Payload {
  return Payload.of({ ...loopVariables(loop), loop_round: loop.round + 1 });
}
