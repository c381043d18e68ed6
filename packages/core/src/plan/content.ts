import { canonicalJson, type Json, type JsonObject } from "../base/json.ts";
import type { Step } from "../workflow/workflow.ts";

/**
 * All that decides what a step does, as text: equal texts do equal things. Places in the author's file are left out,
 * so that a step may move; values of `env` stand in it where the step may read them.
 */
export function contentOf(step: Step, env: JsonObject): string {
  const text = canonicalJson(withoutPlaces(step));
  return text.includes("env") ? text + canonicalJson(env) : text;
}

/** The same without the steps inside: what a container does around them. */
export function shellOf(step: Step, env: JsonObject): string {
  return contentOf(step.kind === "for_each" || step.kind === "loop" ? { ...step, steps: [] } : step, env);
}

/** `place` stands in three kinds of maps; in values of the author's own it is a name like any other. */
function withoutPlaces(step: Step): Json {
  const { place: _, dependsOn, ...rest } = step;
  return {
    ...rest,
    dependsOn: dependsOn?.map(({ step: id, handle }) => ({ step: id, handle })) ?? null,
    ...(rest.kind === "switch" ? { cases: rest.cases.map(({ name, when }) => ({ name, when })) } : {}),
    ...(rest.kind === "for_each" || rest.kind === "loop" ? { steps: rest.steps.map(withoutPlaces) } : {}),
  } as unknown as Json;
}
