import { Validator } from "@cfworker/json-schema";
import { AppError, isJsonObject, type Json, type JsonObject, type Plan } from "@weftwork/core";

const validators = new WeakMap<Plan, Validator>();

/**
 * The inputs a run gets: those given, completed with the defaults of the schema. Refused with `INVALID_INPUTS`, all
 * problems named, when they do not fit. The schema is interpreted, never compiled to code.
 */
export function checkedInputs(plan: Plan, given: JsonObject): JsonObject {
  const schema = plan.workflow.inputs;
  if (schema === null) return given;
  const inputs = withDefaults(schema, given);
  let validator = validators.get(plan);
  if (!validator) validators.set(plan, (validator = new Validator(schema, "2020-12", false)));
  const { valid, errors } = validator.validate(inputs);
  if (valid) return inputs;
  // The library reports the enclosing schemas too; the innermost places say what is wrong.
  const leaves = errors.filter((error) => error.keyword !== "properties" && error.keyword !== "$ref");
  const named = (leaves.length > 0 ? leaves : errors).map((error) => ({
    pointer: `#/inputs${error.instanceLocation.slice(1)}`,
    detail: error.error,
  }));
  throw new AppError("INVALID_INPUTS", {
    workflow: plan.name,
    reason: `${named[0]!.pointer}: ${named[0]!.detail}`,
    errors: named,
  });
}

function withDefaults(schema: JsonObject, given: JsonObject): JsonObject {
  const { properties } = schema;
  if (!isJsonObject(properties)) return given;
  const defaults: [string, Json][] = [];
  for (const [name, property] of Object.entries(properties)) {
    if (isJsonObject(property) && property["default"] !== undefined && given[name] === undefined)
      defaults.push([name, property["default"]]);
  }
  return defaults.length === 0 ? given : { ...given, ...Object.fromEntries(defaults) };
}
