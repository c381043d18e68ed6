import { AppError, readJsonSchema, type Json, type JsonObject, type JsonSchema } from "@weftwork/core";

/**
 * Why the value does not fit the schema, with its place, in words; null when it fits. Throws `STEP_FAILED` when the
 * schema itself is wrong. Schemas are prepared once: the plan hands the same frozen object to every task of a step.
 */
export function schemaProblem(schema: JsonObject, value: Json): string | null {
  let prepared = schemas.get(schema);
  if (!prepared) schemas.set(schema, (prepared = readJsonSchema(schema)));
  const [wrong] = prepared.problems;
  if (wrong) throw new AppError("STEP_FAILED", { reason: `schema: #${wrong.pointer}: ${wrong.message}` });
  const [first] = prepared.errors(value);
  return first ? `#${first.pointer}: ${first.message}` : null;
}

const schemas = new WeakMap<JsonObject, JsonSchema>();
