import { type Callable, fixed } from "./arguments.ts";
import { COMPARISONS, contains } from "./operators.ts";
import { regexTest } from "./regex.ts";
import { failed, type Runtime } from "./runtime.ts";
import { Namespace, Special } from "./specials.ts";
import { textArgument, textOf } from "./text.ts";
import { isMap, kindOf, truthy } from "./values.ts";

const compares = (operator: string): Callable =>
  fixed("other", (rt, value, [other]) => COMPARISONS[operator]!(rt, value, other));
const asks = (holds: (value: unknown) => boolean): Callable => fixed("", (_rt, value) => holds(value));

/** The tests of Jinja (`x is odd`) by their names. Named so that they are not taken for tests of the code. */
export const PREDICATES: ReadonlyMap<string, Callable> = new Map<string, Callable>([
  ["defined", asks((value) => value !== undefined)],
  ["undefined", asks((value) => value === undefined)],
  ["none", asks((value) => value === null)],
  ["null", asks((value) => value === null)],
  ["true", asks((value) => value === true)],
  ["false", asks((value) => value === false)],
  ["boolean", asks((value) => typeof value === "boolean")],
  ["integer", asks((value) => Number.isInteger(value))],
  ["float", asks((value) => typeof value === "number" && !Number.isInteger(value))],
  ["number", asks((value) => typeof value === "number" || typeof value === "boolean")],
  ["string", asks((value) => typeof value === "string")],
  ["mapping", asks((value) => isMap(value))],
  ["sequence", asks((value) => typeof value === "string" || Array.isArray(value) || isMap(value))],
  [
    "iterable",
    asks((value) => value === undefined || typeof value === "string" || Array.isArray(value) || isMap(value)),
  ],
  ["callable", asks((value) => value instanceof Special && !(value instanceof Namespace) && value.kind === "a macro")],
  ["escaped", asks(() => false)],
  ["odd", fixed("", (_rt, value) => Math.abs(whole(value) % 2) === 1)],
  ["even", fixed("", (_rt, value) => whole(value) % 2 === 0)],
  ["divisibleby", fixed("num", (_rt, value, [num]) => divides(whole(value), whole(num)))],
  ["lower", fixed("", (rt, value) => isCased(rt, value, (text) => text.toLowerCase()))],
  ["upper", fixed("", (rt, value) => isCased(rt, value, (text) => text.toUpperCase()))],
  ["sameas", fixed("other", (_rt, value, [other]) => value === other)],
  ["in", fixed("seq", (rt, value, [container]) => contains(rt, container, value))],
  ["eq", compares("==")],
  ["equalto", compares("==")],
  ["==", compares("==")],
  ["ne", compares("!=")],
  ["!=", compares("!=")],
  ["gt", compares(">")],
  ["greaterthan", compares(">")],
  [">", compares(">")],
  ["ge", compares(">=")],
  [">=", compares(">=")],
  ["lt", compares("<")],
  ["lessthan", compares("<")],
  ["<", compares("<")],
  ["le", compares("<=")],
  ["<=", compares("<=")],
  ["match", fixed("pattern ignorecase? multiline?", (rt, value, args) => matches(rt, value, args, true))],
  ["search", fixed("pattern ignorecase? multiline?", (rt, value, args) => matches(rt, value, args, false))],
]);

function whole(value: unknown): number {
  if (typeof value === "boolean") return Number(value);
  if (typeof value !== "number") throw failed(`a number is needed, not ${kindOf(value)}`);
  return value;
}

function divides(value: number, by: number): boolean {
  if (by === 0) throw failed("division by zero");
  return value % by === 0;
}

function isCased(rt: Runtime, value: unknown, fold: (text: string) => string): boolean {
  const text = textOf(rt, value);
  rt.charge(text.length >> 6);
  return text === fold(text) && text.toLowerCase() !== text.toUpperCase();
}

function matches(
  rt: Runtime,
  value: unknown,
  [pattern, ignoreCase, multiline]: readonly unknown[],
  fromStart: boolean,
): boolean {
  return regexTest(rt, textOf(rt, value), textArgument(pattern, "the pattern"), fromStart, {
    ignoreCase: truthy(rt, ignoreCase),
    multiline: truthy(rt, multiline),
  });
}
