import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import type { HumanRules } from "../workflow/dify-steps.ts";
import { renderValue } from "./render.ts";

type Action = HumanRules["actions"][number];

/** The button that an answer names; null when the question has no such button, and the answer counts for nothing. */
export function pressedAction(
  { actions }: HumanRules,
  answer: { readonly action?: string; readonly approved: boolean },
): Action | null {
  if (answer.action !== undefined) return actions.find(({ id }) => id === answer.action) ?? null;
  // Callers that know only yes and no press the first button, or the last.
  return (answer.approved ? actions[0] : actions.at(-1)) ?? null;
}

/** What a question gives: the inputs by name, the button, and its text with the inputs in their places. */
export function humanOutput(content: string, { id, title }: Action, form: Json): JsonObject {
  const inputs = isJsonObject(form) ? form : {};
  const rendered = content.replaceAll(/\{\{#\$output\.([A-Za-z_]\w{0,29})#\}\}/g, (whole, name: string) =>
    Object.hasOwn(inputs, name) ? renderValue(inputs[name]!, "markdown") : whole,
  );
  return { ...inputs, __action_id: id, __action_value: title, __rendered_content: rendered };
}
