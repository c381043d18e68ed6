import type { JsonObject } from "../base/json.ts";
import type { StartField } from "../workflow/dify-steps.ts";
import type { StartStep, Step } from "../workflow/workflow.ts";

/** The input that names the step a run begins at, where a graph has several. */
export const ROOT_INPUT = "sys.root";

/** The steps that runs may begin at. */
export function rootsOf(steps: readonly Step[]): readonly StartStep[] {
  return steps.filter((step) => step.kind === "start");
}

/** Whether a run with these inputs begins at this step. */
export function isActiveRoot({ id, root }: StartStep, inputs: JsonObject): boolean {
  const named = Object.hasOwn(inputs, ROOT_INPUT) ? inputs[ROOT_INPUT] : undefined;
  return typeof named === "string" ? named === id : (root?.isDefault ?? true);
}

/** The form of the step that a run with these inputs begins at. */
export function formOf(steps: readonly Step[], inputs: JsonObject = {}): readonly StartField[] {
  return rootsOf(steps).flatMap((step) => (isActiveRoot(step, inputs) ? step.fields : []));
}
