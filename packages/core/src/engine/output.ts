import { AppError } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import { Payload } from "../base/payload.ts";
import { renderValueTemplate, type ValueTemplate } from "../expression/template.ts";
import { difyOutput } from "./dify-view.ts";
import { scopeView } from "./scope-view.ts";
import type { RunState, ScopeState } from "./state.ts";

/** A template rendered in a scope, as a payload. */
export function scopeOutput(state: RunState, scope: ScopeState, template: ValueTemplate): Payload {
  return Payload.of(renderValueTemplate(template, scopeView(state, scope)));
}

/** The outputs of a workflow: its `outputs`, or the values of its last steps by id, as far as they ran. */
export function workflowOutput(state: RunState, scope: ScopeState): Payload {
  if (scope.plan.workflow.dify) return Payload.of(difyOutput(scope));
  if (scope.plan.outputs === null) {
    const texts: Record<string, string> = {};
    for (const node of scope.body.last) {
      const output = scope.tasks[node.index]?.output;
      if (output) texts[node.id] = output.text;
    }
    // Through a map, for the order of its keys is the one that the text has when it is read and written again.
    return Payload.ofJson(
      `{${Object.keys(texts)
        .map((id) => `${JSON.stringify(id)}:${texts[id]}`)
        .join(",")}}`,
    );
  }
  const value = renderValueTemplate(scope.plan.outputs, scopeView(state, scope));
  if (!isJsonObject(value)) throw new AppError("EXPRESSION_ERROR", { reason: "the outputs of a workflow are a map" });
  return Payload.of(value);
}
