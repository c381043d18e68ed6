import { parseDuration } from "../base/duration.ts";
import { isJsonObject, isPrototypeName, type Json, type JsonObject } from "../base/json.ts";
import { checkMap, valueOf } from "./check-fields.ts";
import { controlStep } from "./control-steps.ts";
import {
  COMMON_FIELDS,
  CONTROL_TYPE_FIELDS,
  type MapSpec,
  type TypeSpec,
  WORK_FIELDS,
  WORK_TYPE_FIELDS,
} from "./fields.ts";
import { listed, pointerPart, shown } from "./problems.ts";
import { readDependsOn, readOnError } from "./step-edges.ts";
import { expressionText, type StepCommon, type StepReading } from "./step-reading.ts";
import { isOwnField, workStep } from "./work-step.ts";
import { type Step, TYPE_ALIASES, WORK_TYPES } from "./workflow.ts";

export const STEPS_MAX = 10_000;
export const NESTING_MAX = 20;
export const STEP_ID = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/;

/**
 * Reads a list of steps. A step that has an id is returned even when other things about it are wrong, so that no
 * problem is reported about a step that the author can see in the text.
 */
export function readSteps(value: Json, pointer: string, depth: number, reading: StepReading): readonly Step[] {
  const { problems } = reading;
  if (value === null) return []; // Reported as a missing field.
  if (!Array.isArray(value)) {
    problems.error({
      code: "wrong_type",
      message: `steps must be a list, and is ${shown(value)}.`,
      suggestion: isJsonObject(value) ? "Begin each step with a dash: - id: name." : null,
      pointer,
    });
    return [];
  }
  if (value.length === 0) {
    problems.error({ code: "no_steps", message: "steps is empty.", suggestion: "Add a step: - id: name.", pointer });
    return [];
  }
  if (depth > NESTING_MAX) {
    problems.error({
      code: "too_deep",
      message: `Steps are nested deeper than ${NESTING_MAX} levels.`,
      suggestion: "Move the inner steps to a workflow of their own and call it with a workflow step.",
      pointer,
    });
    return [];
  }
  const before = reading.stepCount;
  reading.stepCount += value.length;
  if (before <= STEPS_MAX && reading.stepCount > STEPS_MAX) {
    problems.error({
      code: "too_many_steps",
      message: `The workflow has more than ${STEPS_MAX} steps.`,
      suggestion: "Use for_each over data, or split the workflow.",
      pointer,
    });
  }
  if (reading.stepCount > STEPS_MAX) return [];
  const steps: Step[] = [];
  for (const [i, item] of (value as readonly Json[]).entries()) {
    const step = readStep(item, pointer + pointerPart(i), depth, reading);
    if (step) steps.push(step);
  }
  return steps;
}

function readStep(value: Json, pointer: string, depth: number, reading: StepReading): Step | null {
  if (!isJsonObject(value)) {
    reading.problems.error({
      code: "wrong_type",
      message: `A step must be a map, and is ${shown(value)}.`,
      suggestion: "Write - id: name, and the other fields below it.",
      pointer,
    });
    return null;
  }
  const type = readType(value, pointer, reading);
  const id = readId(value, pointer, reading);
  const what = id === null ? "The step" : `Step ${id}`;
  const kind = type === null ? null : specOf(type, value);
  if (kind) checkStep(value, kind, what, pointer, reading);
  if (id === null) {
    // Its inner steps are still looked at; nothing can refer to the step itself.
    if (kind && "steps" in kind.fields) readSteps(valueOf(value, "steps"), `${pointer}/steps`, depth + 1, reading);
    return null;
  }
  const common: StepCommon = {
    id,
    title: typeof value["title"] === "string" ? value["title"] : null,
    place: reading.locator.locate(pointer),
    dependsOn: readDependsOn(valueOf(value, "depends_on"), pointer + "/depends_on", reading),
    when: expressionText(valueOf(value, "when")),
    join: valueOf(value, "join") === "all" && !isOwnField(type ?? "", "join") ? "all" : "any",
    onError: readOnError(valueOf(value, "on_error"), pointer + "/on_error", reading),
    timeoutMs: parseDuration(valueOf(value, "timeout")),
  };
  const step: Step =
    type !== null && Object.hasOwn(CONTROL_TYPE_FIELDS, type)
      ? controlStep(type, common, value, pointer, reading, (inner, at) => readSteps(inner, at, depth + 1, reading))
      : // A step of unknown type is kept for those that depend on it.
        workStep(type ?? "", common, value, pointer, reading);
  reading.pointers.set(step, pointer);
  return step;
}

function readId(step: JsonObject, pointer: string, { problems }: StepReading): string | null {
  const id = valueOf(step, "id");
  if (typeof id === "string" && STEP_ID.test(id) && !isPrototypeName(id)) return id;
  if (id === null) {
    problems.error({
      code: "missing_field",
      message: "The step needs the field id.",
      suggestion: "Write id: and a name that no other step has.",
      pointer,
    });
    return null;
  }
  const cleaned = typeof id === "string" ? cleanedId(id) : null;
  problems.error({
    code: "invalid_id",
    message: `${shown(id)} cannot be the id of a step: letters, digits, _ and -, at most 64, and no - at the start.`,
    suggestion:
      typeof id === "number" ? `Write id: "${id}", in quotes.` : cleaned === null ? null : `Write id: ${cleaned}.`,
    pointer: pointer + "/id",
  });
  return null;
}

/** The nearest text that can be an id, or null when nothing of it can. */
function cleanedId(id: string): string | null {
  const cleaned = id
    .slice(0, 200)
    .trim()
    .replaceAll(/[^A-Za-z0-9_-]+/g, "_")
    .replace(/^-+/, "")
    .slice(0, 64);
  return STEP_ID.test(cleaned) && !isPrototypeName(cleaned) ? cleaned : null;
}

/** The type in its one spelling; null when it is missing or unknown. */
function readType(step: JsonObject, pointer: string, reading: StepReading): string | null {
  const written = valueOf(step, "type");
  if (typeof written === "string") {
    const type = Object.hasOwn(TYPE_ALIASES, written) ? TYPE_ALIASES[written]! : written;
    if (Object.hasOwn(WORK_TYPE_FIELDS, type) || Object.hasOwn(CONTROL_TYPE_FIELDS, type)) return type;
    if (reading.ownTypes.has(type)) return type;
  }
  const known = [...WORK_TYPES, ...Object.keys(CONTROL_TYPE_FIELDS), ...Object.keys(TYPE_ALIASES), ...reading.ownTypes];
  if (written === null) {
    reading.problems.error({
      code: "missing_field",
      message: "The step needs the field type.",
      suggestion: `Types: ${listed(known, 40)}.`,
      pointer,
    });
  } else {
    reading.problems.error({
      code: "unknown_type",
      message: `There is no step type ${shown(written)}.`,
      suggestion: () =>
        (typeof written === "string" ? reading.suggester.didYouMean(written, known) : null) ??
        `Types: ${listed(known, 40)}.`,
      pointer: pointer + "/type",
    });
  }
  return null;
}

const merged = new Map<string, MapSpec>();

/** Every field that a step of the type may have. An own type takes any field besides the common ones. */
function specOf(type: string, step: JsonObject): MapSpec {
  const known = merged.get(type);
  if (known) return known;
  const work = Object.hasOwn(WORK_TYPE_FIELDS, type) ? WORK_TYPE_FIELDS[type] : undefined;
  const control = Object.hasOwn(CONTROL_TYPE_FIELDS, type) ? CONTROL_TYPE_FIELDS[type] : undefined;
  if (!work && !control) {
    const free = Object.keys(step).map((name) => [name, { kind: "any", about: "" }] as const);
    return { fields: { ...Object.fromEntries(free), ...COMMON_FIELDS, ...WORK_FIELDS } };
  }
  const own = (work ?? control)!;
  const spec: TypeSpec = { ...own, fields: { ...COMMON_FIELDS, ...(work ? WORK_FIELDS : {}), ...own.fields } };
  merged.set(type, spec);
  return spec;
}

function checkStep(step: JsonObject, spec: MapSpec, what: string, pointer: string, reading: StepReading): void {
  const { id: _id, type: _type, ...fields } = spec.fields;
  const { id: _i, type: _t, ...rest } = step;
  const idle = Object.keys(rest).filter(
    (name) => name !== "input" && Object.hasOwn(WORK_FIELDS, name) && !Object.hasOwn(fields, name),
  );
  const used =
    idle.length === 0 ? rest : Object.fromEntries(Object.entries(rest).filter(([name]) => !idle.includes(name)));
  checkMap(used, { ...spec, fields }, what, pointer, reading);
  for (const name of idle) {
    reading.problems.warning({
      code: "unused_field",
      message: `${what} is a rule of the engine itself; ${name} changes nothing there.`,
      suggestion: "Remove it, or set it on the steps that do the work.",
      pointer: pointer + pointerPart(name),
      atKey: true,
    });
  }
}
