import type { Json } from "../base/json.ts";
import { visibleTask } from "./scope-view.ts";
import type { ScopeState } from "./state.ts";

/** The input of a step that names none: the output it depends on, several by id, or the run's inputs for a first step. */
export function defaultInput(scope: ScopeState, steps: readonly string[] | null): Json {
  if (steps === null) return scope.inputs.value;
  const value = (step: string): Json => visibleTask(scope, step)?.output?.value ?? null;
  return steps.length === 1 ? value(steps[0]!) : Object.fromEntries(steps.map((step) => [step, value(step)]));
}
