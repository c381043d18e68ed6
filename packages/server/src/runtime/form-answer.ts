import { AppError, readJsonSchema, type Json, type JsonObject, type JsonSchema, type Step } from "@weftwork/core";

const forms = new WeakMap<JsonObject, JsonSchema>();

/**
 * Refuses an approval whose form does not fit the schema that the step asks with, all problems named. The plan hands
 * the same schema each time, so it is prepared once.
 */
export function checkFormAnswer(step: string, form: JsonObject, answer: Json): void {
  let prepared = forms.get(form);
  if (!prepared) forms.set(form, (prepared = readJsonSchema(form)));
  const errors = prepared.errors(answer);
  if (errors.length === 0) return;
  const named = errors.map(({ pointer, message }) => ({ pointer: `#/form${pointer}`, detail: message }));
  const reason = `the form of the step ${step} does not fit: ${named[0]!.pointer} ${named[0]!.detail}`;
  throw new AppError("INVALID_REQUEST", { reason, errors: named });
}

/** Refuses a button that the step does not have. */
export function checkAction(step: string, asked: Step | undefined, action: string): void {
  const actions = asked?.kind === "approval" ? (asked.dify?.actions ?? []) : [];
  if (actions.some(({ id }) => id === action)) return;
  const known = actions.length === 0 ? "it has none" : `it has ${actions.map(({ id }) => id).join(", ")}`;
  throw new AppError("INVALID_REQUEST", { reason: `the step ${step} has no button ${action}; ${known}` });
}
