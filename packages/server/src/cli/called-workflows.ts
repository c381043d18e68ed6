import { isJsonObject, type Json, type Plan } from "@weftwork/core";

/** The workflows that a plan can call: by a step of its own, or as the tool of a step. By name, each once. */
export function calledWorkflows(plan: Plan): readonly string[] {
  const names = new Set(plan.nested.map((key) => key.replace(/@[^@]*$/, "")));
  for (const { nodes } of plan.bodies) {
    for (const { step } of nodes) {
      if (step.kind !== "work" || (step.type !== "agent" && step.type !== "tool")) continue;
      for (const name of toolWorkflows(step.config["tools"] ?? step.config["tool"] ?? null)) names.add(name);
    }
  }
  return [...names];
}

/** The workflows in `workflow:NAME` and `workflow:NAME@VERSION`, bare or as the `tool` of a map. */
function toolWorkflows(tools: Json): readonly string[] {
  if (Array.isArray(tools)) return (tools as readonly Json[]).flatMap(toolWorkflows);
  const reference = isJsonObject(tools) ? tools["tool"] : tools;
  const name = typeof reference === "string" ? /^\s*workflow:([^@{]+)/.exec(reference)?.[1] : undefined;
  return name === undefined ? [] : [name.trim()];
}
