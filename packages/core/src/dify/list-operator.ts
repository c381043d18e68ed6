import { AppError } from "../base/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { parseWhole } from "../expression/numbers.ts";
import type { FileCondition } from "../workflow/dify-steps.ts";
import { compare } from "./conditions/evaluate.ts";
import { fileHolds } from "./conditions/files.ts";
import { OPERATORS } from "./conditions/operators.ts";
import { flagAt, mapAt, mapsAt, member, numberAt, textAt } from "./read.ts";
import { pythonType } from "./render.ts";
import { fileAttribute, isFile } from "./selector.ts";

/** Operators for the elements of a list, by their kind. */
const TEXT = [
  "contains",
  "start with",
  "end with",
  "is",
  "in",
  "empty",
  "not contains",
  "is not",
  "not in",
  "not empty",
];
const NUMBER = ["=", "≠", "<", ">", "≤", "≥"];
const FILE_LISTS: ReadonlySet<string> = new Set(["type", "transfer_method"]);

/**
 * What a list operator makes of its rendered fields (`items filter_by extract_by order_by slice`): filters, then takes
 * one, then orders, then cuts. Throws `STEP_FAILED` for what is no list of texts, numbers, booleans or files.
 */
export function operateOnList(config: JsonObject): JsonObject {
  const items = listOf(config["items"] ?? null);
  let list = filtered(items, mapAt(config, "filter_by"));
  list = extracted(list, mapAt(config, "extract_by"));
  list = ordered(list, mapAt(config, "order_by"));
  const slice = mapAt(config, "slice");
  const size = numberAt(slice, "size") ?? -1;
  if (flagAt(slice, "enabled") && size >= 0) list = list.slice(0, size);
  return { result: list, first_record: list[0] ?? null, last_record: list.at(-1) ?? null };
}

function listOf(value: Json): readonly Json[] {
  if (value === null || value === "" || value === 0 || value === false) return [];
  if (!Array.isArray(value)) throw refused(`Variable is not an array type, and is ${pythonType(value)}`);
  const list = value as readonly Json[];
  if (list.some((item) => item === null || Array.isArray(item) || (isJsonObject(item) && !isFile(item))))
    throw refused(
      "The list holds what is no text, number, boolean or file: it is not an array type that can be worked on",
    );
  return list;
}

function filtered(list: readonly Json[], filter: JsonObject): readonly Json[] {
  if (!flagAt(filter, "enabled")) return list;
  return mapsAt(filter, "conditions").reduce<readonly Json[]>((left, { map }) => {
    const condition = {
      key: textAt(map, "key"),
      operator: textAt(map, "comparison_operator") || textAt(map, "operator"),
      value: member(map, "value"),
    };
    return left.filter((item) => fits(item, condition));
  }, list);
}

function fits(item: Json, condition: FileCondition): boolean {
  const { operator, value } = condition;
  if (isFile(item)) return fileFits(item, condition);
  if (typeof item === "string") return textFits(item, operator, value);
  if (typeof item === "boolean") return compare(allowed(operator, ["is", "is not"]), item, value);
  return compare(allowed(operator, NUMBER), item, value);
}

/** For texts `in` asks whether the text given holds the element. */
function textFits(item: string, operator: string, value: Json): boolean {
  allowed(operator, TEXT);
  if (typeof value === "string" && (operator === "in" || operator === "not in"))
    return value.includes(item) === (operator === "in");
  return compare(operator, item, value);
}

function fileFits(file: JsonObject, condition: FileCondition): boolean {
  const { key, operator, value } = condition;
  if (key === "size") return compare(allowed(operator, NUMBER), fileAttribute(file, "size") ?? 0, value);
  if (FILE_LISTS.has(key))
    return fileHolds(file, { ...condition, operator: allowed(operator, ["in", "not in"]) }, compare);
  allowed(operator, TEXT);
  return fileHolds(file, condition, (own, left, expected) =>
    typeof left === "string" ? textFits(left, own, expected) : compare(own, left, expected),
  );
}

function allowed(operator: string, operators: readonly string[]): string {
  if (operators.includes(operator) && Object.hasOwn(OPERATORS, operator)) return operator;
  throw refused(`Invalid operator ${JSON.stringify(operator)}: here ${operators.join(", ")} are known`);
}

/** One element, by its place from 1. */
function extracted(list: readonly Json[], extract: JsonObject): readonly Json[] {
  if (!flagAt(extract, "enabled")) return list;
  const serial = parseWhole(textAt(extract, "serial"), 10);
  if (serial === null || serial < 1)
    throw refused(`Invalid serial index: must be >= 1, got ${textAt(extract, "serial")}`);
  if (serial > list.length) throw refused(`Invalid serial index: must be <= ${list.length}, got ${serial}`);
  return [list[serial - 1]!];
}

function ordered(list: readonly Json[], order: JsonObject): readonly Json[] {
  if (!flagAt(order, "enabled")) return list;
  const sign = textAt(order, "value") === "desc" ? -1 : 1;
  const key = textAt(order, "key");
  const valueOf = (item: Json): Json => (isFile(item) ? (fileAttribute(item, key) ?? null) : item);
  return list.toSorted((a, b) => sign * inOrder(valueOf(a), valueOf(b)));
}

/** By size for numbers and booleans, by code points for texts, as Python orders them. */
function inOrder(a: Json, b: Json): number {
  if (typeof a === "string" && typeof b === "string") return byCodePoints(a, b);
  return Number(a) - Number(b);
}

function byCodePoints(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let at = 0; at < left.length && at < right.length; at++) {
    const difference = left[at]!.codePointAt(0)! - right[at]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function refused(reason: string): AppError {
  return new AppError("STEP_FAILED", { reason, error_type: "ListOperatorError" });
}
