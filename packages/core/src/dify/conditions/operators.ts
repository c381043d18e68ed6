import type { Json } from "../../base/json.ts";
import { pythonType } from "../render.ts";
import { parseFloating, parseWhole } from "../../expression/numbers.ts";
import { equal, expectedList, isEmpty, misfit } from "./values.ts";

/** Says whether a condition holds of its left value. What does not fit the operator throws `STEP_FAILED`. */
type Operator = (left: Json, expected: Json) => boolean;

/** Every operator of if-else and of loops, by its name in the file. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  contains,
  "not contains": (left, expected) => isEmpty(left) || !contains(left, expected),
  "start with": (left, expected) => text(left, "start with", (own) => own.startsWith(textOf(expected))),
  "end with": (left, expected) => text(left, "end with", (own) => own.endsWith(textOf(expected))),
  is: (left, expected) => same(left, expected, "is") === true,
  "is not": (left, expected) => same(left, expected, "is not") === false,
  empty: (left) => isEmpty(left),
  "not empty": (left) => !isEmpty(left),
  in: (left, expected) => !isEmpty(left) && isIn(left, expected, "in"),
  "not in": (left, expected) => isEmpty(left) || !isIn(left, expected, "not in"),
  "all of": allOf,
  "=": (left, expected) => numbersEqual(left, expected, "=") === true,
  "≠": (left, expected) => numbersEqual(left, expected, "≠") === false,
  ">": (left, expected) => order(left, expected, ">", (a, b) => a > b),
  "<": (left, expected) => order(left, expected, "<", (a, b) => a < b),
  "≥": (left, expected) => order(left, expected, "≥", (a, b) => a >= b),
  "≤": (left, expected) => order(left, expected, "≤", (a, b) => a <= b),
  null: (left) => left === null,
  "not null": (left) => left !== null,
  exists: (left) => left !== null,
  "not exists": (left) => left === null,
};

/** Operators that look at the left value alone. */
export const UNARY: ReadonlySet<string> = new Set(["empty", "not empty", "null", "not null", "exists", "not exists"]);

function contains(left: Json, expected: Json): boolean {
  if (isEmpty(left)) return false;
  if (typeof left === "string") return left.includes(textOf(expected));
  if (Array.isArray(left)) return left.some((item: Json) => equal(item, expected));
  throw misfit(`The operator contains needs a text or a list, and the value is ${pythonType(left)}`);
}

function text(left: Json, operator: string, holds: (left: string) => boolean): boolean {
  if (isEmpty(left)) return false;
  if (typeof left !== "string")
    throw misfit(`The operator ${operator} needs a text, and the value is ${pythonType(left)}`);
  return holds(left);
}

/** Null where the left value is null: then neither equality nor its opposite holds. */
function same(left: Json, expected: Json, operator: string): boolean | null {
  if (left === null) return null;
  if (typeof left === "boolean") return equal(left, booleanOf(expected, operator));
  if (typeof left !== "string")
    throw misfit(`The operator ${operator} needs a text or a boolean, and the value is ${pythonType(left)}`);
  return left === expected;
}

function isIn(left: Json, expected: Json, operator: string): boolean {
  return expectedList(expected, operator).some((item) => equal(item, left));
}

function allOf(left: Json, expected: Json): boolean {
  if (isEmpty(left)) return false;
  const list = expectedList(expected, "all of");
  const [first] = list;
  if (list.some((item) => typeof item !== typeof first))
    throw misfit("The operator all of needs a list of one kind to compare with");
  if (typeof left === "string") return list.every((item) => left.includes(textOf(item)));
  if (Array.isArray(left)) return list.every((item) => left.some((own: Json) => equal(own, item)));
  throw misfit(`The operator all of needs a text or a list, and the value is ${pythonType(left)}`);
}

function numbersEqual(left: Json, expected: Json, operator: string): boolean | null {
  if (left === null) return null;
  if (typeof left === "boolean") return Number(left) === Number(booleanOf(expected, operator));
  const own = numberOf(left, operator);
  return own === (Number.isInteger(own) ? wholeOf(expected, operator) : floatOf(expected, operator));
}

function order(left: Json, expected: Json, operator: string, holds: (a: number, b: number) => boolean): boolean {
  if (left === null) return false;
  return holds(numberOf(left, operator), floatOf(expected, operator));
}

function numberOf(value: Json, operator: string): number {
  if (typeof value === "number") return value;
  throw misfit(`The operator ${operator} needs a number, and the value is ${pythonType(value)}`);
}

/** As Python's `int()`: a number with a fraction loses it, a text must be a whole number. */
function wholeOf(value: Json, operator: string): number {
  if (typeof value === "number") return Math.trunc(value);
  if (typeof value === "boolean") return Number(value);
  const whole = typeof value === "string" ? parseWhole(value, 10) : null;
  if (whole === null)
    throw misfit(`Cannot compare with ${JSON.stringify(value)} by ${operator}: it is no whole number`);
  return whole;
}

function floatOf(value: Json, operator: string): number {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return Number(value);
  const number = typeof value === "string" ? parseFloating(value) : null;
  if (number === null) throw misfit(`Cannot compare with ${JSON.stringify(value)} by ${operator}: it is no number`);
  return number;
}

/** The right side of a comparison with a boolean: `true`, `false`, or a number that is or is not zero. */
function booleanOf(value: Json, operator: string): boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return value !== 0;
  const read = typeof value === "string" ? value.trim().toLowerCase() : "";
  if (read === "true" || read === "false") return read === "true";
  const number = parseFloating(read);
  if (number === null)
    throw misfit(`Cannot compare a boolean with ${JSON.stringify(value)} by ${operator}: write true or false`);
  return number !== 0;
}

function textOf(value: Json): string {
  if (typeof value === "string") return value;
  throw misfit(`A text is needed to compare with, and the value is ${pythonType(value)}`);
}
