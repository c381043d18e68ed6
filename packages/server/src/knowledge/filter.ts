import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";

/** Conditions on metadata. */
export interface Filter {
  readonly logic: "and" | "or";
  readonly conditions: readonly Condition[];
}

export interface Condition {
  readonly name: string;
  readonly operator: Operator;
  readonly value: Json;
}

export type Operator = (typeof OPERATORS)[number];

const OPERATORS = [
  ...([
    "is",
    "is not",
    "in",
    "not in",
    "contains",
    "not contains",
    "start with",
    "end with",
    "empty",
    "not empty",
  ] as const),
  ...(["=", "≠", ">", "<", "≥", "≤", "before", "after"] as const),
] as const;

const SPELLINGS: Readonly<Record<string, Operator>> = { "!=": "≠", ">=": "≥", "<=": "≤", "==": "=" };

/**
 * A filter as it is written. `{lang: zh}`: the member is that; `{lang: [zh, en]}`: it is one of these;
 * `{year: {">": 2020, "<": 2024}}`: by operators, all of which must hold. Members: all must hold. The other form is that of
 * Dify: `{logical_operator: or, conditions: [{name, comparison_operator, value}]}`. Throws `STEP_FAILED`.
 */
export function readFilter(written: Json): Filter | null {
  if (written === null || (isJsonObject(written) && Object.keys(written).length === 0)) return null;
  if (!isJsonObject(written)) throw wrong("it is not a map of conditions");
  if (Array.isArray(written["conditions"])) return readConditions(written, written["conditions"] as readonly Json[]);
  const conditions = Object.entries<Json>(written).flatMap(([name, wanted]): Condition[] => {
    if (Array.isArray(wanted)) return [{ name, operator: "in", value: wanted as Json }];
    if (!isJsonObject(wanted)) return [{ name, operator: "is", value: wanted }];
    return Object.entries<Json>(wanted).map(([operator, value]) => ({ name, operator: operatorOf(operator), value }));
  });
  return { logic: "and", conditions };
}

function readConditions(written: JsonObject, list: readonly Json[]): Filter | null {
  if (list.length === 0) return null;
  const conditions = list.map((one): Condition => {
    if (!isJsonObject(one) || typeof one["name"] !== "string") throw wrong("a condition names no metadata");
    const operator = one["comparison_operator"];
    if (typeof operator !== "string") throw wrong(`the condition on ${one["name"]} has no operator`);
    return { name: one["name"], operator: operatorOf(operator), value: one["value"] ?? null };
  });
  return { logic: written["logical_operator"] === "or" ? "or" : "and", conditions };
}

function operatorOf(written: string): Operator {
  const plain = written.trim().replaceAll("_", " ");
  const found = OPERATORS.find((operator) => operator === plain) ?? SPELLINGS[plain];
  if (found !== undefined) return found;
  throw wrong(`there is no operator ${written.slice(0, 40)}; known are ${OPERATORS.join(", ")}`);
}

function wrong(reason: string): AppError {
  return new AppError("STEP_FAILED", { reason: `its filter cannot be read: ${reason}` });
}

/** Whether metadata fits. A member that is not there fits `empty` only. */
export function fits(filter: Filter, metadata: JsonObject): boolean {
  const holds = (condition: Condition): boolean => {
    const { name } = condition;
    return holdsFor(condition, Object.hasOwn(metadata, name) ? (metadata[name] ?? null) : null);
  };
  return filter.logic === "and" ? filter.conditions.every(holds) : filter.conditions.some(holds);
}

function holdsFor({ operator, value }: Condition, actual: Json): boolean {
  if (operator === "empty") return isEmpty(actual);
  if (operator === "not empty") return !isEmpty(actual);
  if (actual === null) return false;
  // A list, such as tags, is what any of its items is.
  const actuals = Array.isArray(actual) ? (actual as readonly Json[]) : [actual];
  const some = (test: (one: Json) => boolean): boolean => actuals.some(test);
  const text = textOf(value);
  switch (operator) {
    case "is":
    case "=":
      return some((one) => equal(one, value));
    case "is not":
    case "≠":
      return !some((one) => equal(one, value));
    case "in":
      return some((one) => listOf(value).some((wanted) => equal(one, wanted)));
    case "not in":
      return !some((one) => listOf(value).some((wanted) => equal(one, wanted)));
    case "contains":
      return some((one) => textOf(one).includes(text));
    case "not contains":
      return !some((one) => textOf(one).includes(text));
    case "start with":
      return some((one) => textOf(one).startsWith(text));
    case "end with":
      return some((one) => textOf(one).endsWith(text));
    case ">":
      return some((one) => numberOf(one) > numberOf(value));
    case "<":
      return some((one) => numberOf(one) < numberOf(value));
    case "≥":
      return some((one) => numberOf(one) >= numberOf(value));
    case "≤":
      return some((one) => numberOf(one) <= numberOf(value));
    case "before":
      return some((one) => timeOf(one) < timeOf(value));
    case "after":
      return some((one) => timeOf(one) > timeOf(value));
  }
}

function isEmpty(value: Json): boolean {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

/** `2` and `"2"` are one: what a form or a template gives is text. */
function equal(left: Json, right: Json): boolean {
  return textOf(left) === textOf(right);
}

/** A list, or the parts of a text between commas. */
function listOf(value: Json): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[];
  return typeof value === "string" ? value.split(",").map((part) => part.trim()) : [value];
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Not a number compares as false with everything. */
function numberOf(value: Json): number {
  return typeof value === "number"
    ? value
    : typeof value === "string" && value.trim() !== ""
      ? Number(value)
      : Number.NaN;
}

/** Seconds since 1970, or a date as ISO 8601. */
function timeOf(value: Json): number {
  const number = numberOf(value);
  return Number.isNaN(number) && typeof value === "string" ? Date.parse(value) / 1000 : number;
}
