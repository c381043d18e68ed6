import {
  AppError,
  isJsonObject,
  formOf,
  readJsonSchema,
  ROOT_INPUT,
  rootsOf,
  startValues,
  type Json,
  type JsonObject,
  type JsonSchema,
  type Plan,
} from "@weftwork/core";

const schemas = new WeakMap<Plan, JsonSchema>();

/**
 * The inputs a run gets: those given, completed with the defaults of the schema. Refused with `INVALID_INPUTS`, all
 * problems named, when they do not fit. The schema is interpreted, never compiled to code.
 */
export function checkedInputs(plan: Plan, given: JsonObject): JsonObject {
  if (plan.workflow.dify) return checkedForm(plan, given);
  const schema = plan.workflow.inputs;
  if (schema === null) return given;
  const inputs = withDefaults(schema, given);
  let prepared = schemas.get(plan);
  if (!prepared) schemas.set(plan, (prepared = readJsonSchema(schema)));
  const errors = prepared.errors(inputs);
  if (errors.length === 0) return inputs;
  const named = errors.map(({ pointer, message }) => ({ pointer: `#/inputs${pointer}`, detail: message }));
  throw new AppError("INVALID_INPUTS", {
    workflow: plan.name,
    reason: `${named[0]!.pointer}: ${named[0]!.detail}`,
    errors: named,
  });
}

/** A Dify file refuses what its form does not take, in its own words. The form itself completes them when the run begins. */
function checkedForm(plan: Plan, given: JsonObject): JsonObject {
  const { steps } = plan.workflow;
  checkRoot(plan, given);
  const checked = startValues(formOf(steps, given), given);
  if (checked.ok) return given;
  const errors = [{ pointer: `#/inputs/${checked.field}`, detail: checked.message }];
  throw new AppError("INVALID_INPUTS", { workflow: plan.name, reason: checked.message, errors });
}

/** A node that a run is to begin at is one that it can begin at. */
function checkRoot({ name, workflow }: Plan, given: JsonObject): void {
  if (!Object.hasOwn(given, ROOT_INPUT)) return;
  const known = rootsOf(workflow.steps).map(({ id }) => id);
  if (known.some((id) => id === given[ROOT_INPUT])) return;
  const reason = `a run can begin at ${known.join(", ")}, and not at ${JSON.stringify(given[ROOT_INPUT]).slice(0, 100)}`;
  throw new AppError("INVALID_INPUTS", {
    workflow: name,
    reason,
    errors: [{ pointer: `#/inputs/${ROOT_INPUT}`, detail: reason }],
  });
}

function withDefaults(schema: JsonObject, given: JsonObject): JsonObject {
  const { properties } = schema;
  if (!isJsonObject(properties)) return given;
  const defaults: [string, Json][] = [];
  for (const [name, property] of Object.entries(properties)) {
    if (isJsonObject(property) && property["default"] !== undefined && !isGiven(given, name))
      defaults.push([name, property["default"]]);
  }
  return defaults.length === 0 ? given : { ...given, ...Object.fromEntries(defaults) };
}

/** Names that every object inherits are not given by that. */
function isGiven(given: JsonObject, name: string): boolean {
  return Object.hasOwn(given, name) && given[name] !== undefined;
}
