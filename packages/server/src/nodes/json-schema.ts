import { Validator, type Schema } from "@cfworker/json-schema";
import { AppError, type Json, type JsonObject } from "@weftwork/core";

/**
 * Why the value does not fit the schema, with its place, in words; null when it fits. Interpreted, never compiled to
 * program text. Schemas are prepared once: the plan hands the same frozen object to every task of a step.
 */
export function schemaProblem(schema: JsonObject, value: Json): string | null {
  const { valid, errors } = validatorOf(schema).validate(value);
  if (valid) return null;
  // The last error is the innermost: what is wrong, not only that something is.
  const innermost = errors.at(-1);
  return innermost ? `${innermost.instanceLocation}: ${innermost.error}` : "it does not match";
}

const validators = new WeakMap<JsonObject, Validator>();

function validatorOf(schema: JsonObject): Validator {
  let validator = validators.get(schema);
  if (!validator) {
    try {
      // A copy, for the library writes into the schema it is given.
      validator = new Validator(structuredClone(schema) as Schema, "2020-12", false);
    } catch (error) {
      throw new AppError("STEP_FAILED", { reason: `schema: ${(error as Error).message}` }, { cause: error });
    }
    validators.set(schema, validator);
  }
  return validator;
}
