import { isJsonObject, type Json } from "../base/json.ts";
import { pointerPart, shown } from "./problems.ts";
import type { StepReading } from "./step-reading.ts";
import type { Dependency, OnError } from "./workflow.ts";

/** `depends_on` as written: a name, or a list of names, each `step` or `step.handle`. Null when it is left out. */
export function readDependsOn(value: Json, pointer: string, reading: StepReading): readonly Dependency[] | null {
  if (value === null) return null;
  const list = Array.isArray(value) ? (value as readonly Json[]) : [value];
  const dependencies: Dependency[] = [];
  const seen = new Set<string>();
  for (const [i, item] of list.entries()) {
    const at = Array.isArray(value) ? pointer + pointerPart(i) : pointer;
    if (typeof item !== "string" || !/^[^.]+(?:\..+)?$/s.test(item.trim())) {
      reading.problems.error({
        code: typeof item === "string" ? "invalid_value" : "wrong_type",
        message: `depends_on lists steps, as "step" or "step.handle", and here is ${shown(item)}.`,
        suggestion: typeof item === "number" ? `Write "${item}", in quotes.` : null,
        pointer: at,
      });
      continue;
    }
    const text = item.trim();
    if (seen.has(text)) {
      reading.problems.error({
        code: "duplicate_dependency",
        message: `${shown(text)} is listed twice.`,
        suggestion: "Remove one.",
        pointer: at,
      });
      continue;
    }
    seen.add(text);
    const dot = text.indexOf(".");
    const dependency: Dependency = {
      step: dot === -1 ? text : text.slice(0, dot),
      handle: dot === -1 ? null : text.slice(dot + 1),
      place: reading.locator.locate(at),
    };
    reading.pointers.set(dependency, at);
    dependencies.push(dependency);
  }
  return dependencies;
}

const ON_ERROR = ["fail", "continue", "branch"] as const;

/** `on_error` as written; `fail` when it is left out or wrong. */
export function readOnError(value: Json, pointer: string, { problems, suggester }: StepReading): OnError {
  if (value === null) return { type: "fail" };
  const type = ON_ERROR.find((known) => known === value);
  if (type) return { type };
  if (isJsonObject(value) && Object.keys(value).length === 1 && Object.hasOwn(value, "default")) {
    return { type: "default", value: value["default"]! };
  }
  problems.error({
    code: "invalid_value",
    message: `on_error must be fail, continue, branch or a map {default: value}, and is ${shown(value)}.`,
    suggestion: () =>
      value === "default"
        ? "Write on_error: {default: value}."
        : typeof value === "string"
          ? suggester.didYouMean(value, ON_ERROR)
          : null,
    pointer,
  });
  return { type: "fail" };
}
