import { isJsonObject, isPrototypeName, type Json, type JsonObject } from "../base/json.ts";
import { checkMap, valueOf } from "./check-fields.ts";
import type { MapSpec } from "./fields.ts";
import { pointerPart, shown } from "./problems.ts";
import { expressionText, type StepCommon, type StepReading } from "./step-reading.ts";
import { textList } from "./work-step.ts";
import type { AggregateStep, ControlStep, ForEachStep, Step, SwitchStep, WaitStep } from "./workflow.ts";

export const CASES_MAX = 1000;
const CASE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/;

/** A control step out of its checked map. `readInner` reads the list of steps that it holds. */
export function controlStep(
  type: string,
  common: StepCommon,
  step: JsonObject,
  pointer: string,
  reading: StepReading,
  readInner: (steps: Json, pointer: string) => readonly Step[],
): ControlStep {
  const inner = (): readonly Step[] => readInner(valueOf(step, "steps"), pointer + "/steps");
  switch (type) {
    case "switch":
      return {
        ...common,
        kind: "switch",
        cases: readCases(valueOf(step, "cases"), pointer + "/cases", reading),
        default: readDefault(valueOf(step, "default"), pointer + "/default", reading),
      };
    case "for_each":
      return {
        ...common,
        kind: "for_each",
        items: valueOf(step, "items"),
        steps: inner(),
        collect: valueOf(step, "collect"),
        concurrency: numberOr(valueOf(step, "concurrency"), 16),
        onItemError: onItemError(step),
      };
    case "loop":
      return {
        ...common,
        kind: "loop",
        steps: inner(),
        vars: mapOr(valueOf(step, "vars")),
        until: expressionText(valueOf(step, "until")),
        maxIterations: numberOr(valueOf(step, "max_iterations"), 100),
        collect: valueOf(step, "collect"),
      };
    case "workflow":
      return {
        ...common,
        kind: "workflow",
        workflow: textOr(valueOf(step, "workflow"), ""),
        version: textOr(valueOf(step, "version"), null),
        inputs: valueOf(step, "inputs") ?? {},
      };
    case "approval": {
      const form = valueOf(step, "form");
      return {
        ...common,
        kind: "approval",
        approvalTitle: valueOf(step, "title") ?? common.id,
        form: isJsonObject(form) ? form : null,
        assignees: valueOf(step, "assignees"),
      };
    }
    case "wait":
      return { ...common, kind: "wait", on: waitOn(step) };
    case "aggregate":
      return {
        ...common,
        kind: "aggregate",
        from: textList(valueOf(step, "from")),
        mode: aggregateMode(valueOf(step, "mode")),
      };
    default:
      return { ...common, kind: "assign", variables: mapOr(valueOf(step, "variables")) };
  }
}

const CASE_FIELDS: MapSpec = {
  fields: {
    name: { kind: "name", about: "Name of the handle.", required: true },
    when: { kind: "expression", about: "Taken when this is true.", required: true },
  },
};

function readCases(value: Json, pointer: string, reading: StepReading): SwitchStep["cases"] {
  const { problems } = reading;
  if (value === null) return [];
  if (!Array.isArray(value) || value.length === 0 || value.length > CASES_MAX) {
    problems.error({
      code: Array.isArray(value) ? "invalid_value" : "wrong_type",
      message: `cases must be a list of 1 to ${CASES_MAX} maps, and is ${shown(value)}.`,
      suggestion: "Write - name: refund, and when: below it.",
      pointer,
    });
    return [];
  }
  const cases: SwitchStep["cases"][number][] = [];
  const names = new Set<string>();
  for (const [i, item] of (value as readonly Json[]).entries()) {
    const at = pointer + pointerPart(i);
    if (!isJsonObject(item)) {
      problems.error({
        code: "wrong_type",
        message: `A case must be a map of name and when, and is ${shown(item)}.`,
        pointer: at,
      });
      continue;
    }
    checkMap(item, CASE_FIELDS, "The case", at, reading);
    const name = valueOf(item, "name");
    if (typeof name !== "string" || !handleNameFits(name, at + "/name", reading)) continue;
    if (names.has(name)) {
      problems.error({
        code: "duplicate_case",
        message: `Two cases are named ${shown(name)}.`,
        suggestion: "Give each case a name of its own, or join their conditions with or.",
        pointer: at + "/name",
      });
      continue;
    }
    names.add(name);
    cases.push({ name, when: expressionText(valueOf(item, "when")) ?? "", place: reading.locator.locate(at) });
  }
  return cases;
}

function readDefault(value: Json, pointer: string, reading: StepReading): string | null {
  return typeof value === "string" && handleNameFits(value, pointer, reading) ? value : null;
}

function handleNameFits(name: string, pointer: string, { problems }: StepReading): boolean {
  const reserved = name === "error" || isPrototypeName(name);
  if (CASE_NAME.test(name) && !reserved) return true;
  problems.error({
    code: "invalid_name",
    message: reserved
      ? `${shown(name)} is reserved and cannot name a case.`
      : `${shown(name)} cannot name a case: letters, digits, _ and -, at most 64, and no - at the start.`,
    suggestion: "Choose another name.",
    pointer,
  });
  return false;
}

/** YAML reads a bare `null` as no value, and here it is one of the choices. */
function onItemError(step: JsonObject): ForEachStep["onItemError"] {
  if (!Object.hasOwn(step, "on_item_error")) return "fail";
  const value = step["on_item_error"]!;
  return value === null || value === "null" ? "null" : value === "drop" ? "drop" : "fail";
}

function waitOn(step: JsonObject): WaitStep["on"] {
  const [duration, time, signal] = [valueOf(step, "for"), valueOf(step, "until"), valueOf(step, "signal")];
  if (duration !== null) return { type: "for", duration };
  if (time !== null) return { type: "until", time };
  return { type: "signal", name: textOr(signal, "") };
}

function aggregateMode(value: Json): AggregateStep["mode"] {
  return value === "list" || value === "merge" ? value : "first";
}

function mapOr(value: Json): JsonObject {
  return isJsonObject(value) ? value : {};
}

function numberOr(value: Json, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

function textOr<T extends string | null>(value: Json, otherwise: T): string | T {
  return typeof value === "string" ? value : otherwise;
}
