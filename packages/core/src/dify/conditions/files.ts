import type { Json, JsonObject } from "../../base/json.ts";
import type { DifyCondition, FileCondition } from "../../workflow/dify-steps.ts";
import { fileAttribute, isFile } from "../selector.ts";
import { misfit } from "./values.ts";

/** Says whether one operator holds of two values. */
type Compare = (operator: string, left: Json, expected: Json) => boolean;

/** Whether the left value is asked file by file. */
export function asksFiles(left: Json, operator: string): left is readonly JsonObject[] {
  if (!["contains", "not contains", "all of"].includes(operator)) return false;
  return Array.isArray(left) && left.length > 0 && left.every((item: Json) => isFile(item));
}

/**
 * Conditions on the files of a list. Each is asked of every file: it is true when any file fits it, and for operators
 * with `not` in their name only when all do.
 */
export function filesHold(
  files: readonly JsonObject[],
  asked: DifyCondition["files"],
  resolve: (expected: Json) => Json,
  compare: Compare,
): boolean {
  if (asked === null) throw misfit("Sub variable is required");
  const holds = (condition: FileCondition): boolean => {
    const expected = resolve(condition.value);
    const fits = (file: JsonObject): boolean => fileHolds(file, { ...condition, value: expected }, compare);
    return condition.operator.includes("not") ? files.every(fits) : files.some(fits);
  };
  return asked.logical === "and" ? asked.conditions.every(holds) : asked.conditions.some(holds);
}

/** Whether one attribute of one file fits. Extensions are compared with a leading dot on both sides. */
export function fileHolds(file: JsonObject, { key, operator, value }: FileCondition, compare: Compare): boolean {
  const attribute = fileAttribute(file, key);
  if (attribute === undefined) throw misfit(`Files have no attribute ${key}`);
  if (key !== "extension") return compare(operator, attribute, value);
  return compare(operator, dotted(attribute), Array.isArray(value) ? value.map(dotted) : dotted(value));
}

function dotted(extension: Json): Json {
  return typeof extension === "string" && extension !== "" && !extension.startsWith(".") ? `.${extension}` : extension;
}
