import { percentFormat } from "./format.ts";
import { failed, type Runtime } from "./runtime.ts";
import { compare, elements, equal, isMap, kindOf } from "./values.ts";
import { isLazyMap } from "./scope.ts";

export type Operator = (rt: Runtime, left: unknown, right: unknown) => unknown;

/** The operators between two values that are evaluated in any case (`and` and `or` are not among them). */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  "+": add,
  "-": arithmetic(
    (a, b) => `${b} cannot be subtracted from ${a}`,
    (a, b) => a - b,
  ),
  "*": multiply,
  "/": arithmetic(undividable, (a, b) => a / divisor(b)),
  "//": arithmetic(undividable, (a, b) => floorDivide(a, divisor(b))),
  "%": (rt, left, right) => (typeof left === "string" ? percentFormat(rt, left, right) : modulo(rt, left, right)),
  "**": arithmetic(
    (a, b) => `${a} cannot be raised to the power of ${b}`,
    (a, b) => a ** b,
  ),
};

export type Comparison = (rt: Runtime, left: unknown, right: unknown) => boolean;

export const COMPARISONS: Readonly<Record<string, Comparison>> = {
  "==": (rt, left, right) => equal(rt, left, right),
  "!=": (rt, left, right) => !equal(rt, left, right),
  "<": (rt, left, right) => compare(rt, left, right) < 0,
  "<=": (rt, left, right) => compare(rt, left, right) <= 0,
  ">": (rt, left, right) => compare(rt, left, right) > 0,
  ">=": (rt, left, right) => compare(rt, left, right) >= 0,
  in: (rt, left, right) => contains(rt, right, left),
  "not in": (rt, left, right) => !contains(rt, right, left),
};

const modulo = arithmetic(undividable, (a, b) => remainder(a, divisor(b)));

/** Numbers and booleans count, as in Python; anything else is an error that names both kinds. */
function arithmetic(
  refusal: (left: string, right: string) => string,
  compute: (a: number, b: number) => number,
): Operator {
  return (_rt, left, right) => {
    const [a, b] = [numberOf(left), numberOf(right)];
    if (a === null || b === null) throw failed(refusal(kindOf(left), kindOf(right)));
    return finite(compute(a, b));
  };
}

function undividable(left: string, right: string): string {
  return `${left} cannot be divided by ${right}`;
}

function numberOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  return typeof value === "boolean" ? Number(value) : null;
}

/** JSON has no infinities; and Python knows no negative zero among whole numbers. */
export function finite(value: number): number {
  if (!Number.isFinite(value)) throw failed("the result of a calculation is no finite number");
  return value + 0;
}

function divisor(value: number): number {
  if (value === 0) throw failed("division by zero");
  return value;
}

/** The remainder with the sign of the divisor, as in Python. */
function remainder(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

/** By way of the remainder, as in Python: `1 // 0.1` is 9 and not 10. */
function floorDivide(a: number, b: number): number {
  const quotient = (a - remainder(a, b)) / b;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

function add(rt: Runtime, left: unknown, right: unknown): unknown {
  if (typeof left === "number" && typeof right === "number") return finite(left + right);
  if (typeof left === "string" && typeof right === "string") return joined(rt, left, right);
  if (Array.isArray(left) && Array.isArray(right)) {
    rt.charge(left.length + right.length);
    return [...(left as unknown[]), ...(right as unknown[])];
  }
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a === null || b === null) {
    const hint = typeof left === "string" || typeof right === "string" ? "; '~' joins anything as text" : "";
    throw failed(`${kindOf(left)} and ${kindOf(right)} cannot be added${hint}`);
  }
  return finite(a + b);
}

export function joined(rt: Runtime, left: string, right: string): string {
  rt.room(left.length + right.length);
  return left + right;
}

const times = arithmetic(
  (a, b) => `${a} and ${b} cannot be multiplied`,
  (a, b) => a * b,
);

function multiply(rt: Runtime, left: unknown, right: unknown): unknown {
  if (typeof left === "string" || Array.isArray(left)) return repeat(rt, left as string | unknown[], right);
  if (typeof right === "string" || Array.isArray(right)) return repeat(rt, right as string | unknown[], left);
  return times(rt, left, right);
}

function repeat(rt: Runtime, value: string | readonly unknown[], by: unknown): unknown {
  const count = numberOf(by);
  if (count === null || !Number.isInteger(count))
    throw failed(`${kindOf(value)} cannot be multiplied by ${kindOf(by)}`);
  const rounds = Math.max(0, count);
  if (typeof value === "string") {
    rt.room(value.length * rounds);
    return value.repeat(rounds);
  }
  rt.charge(value.length * rounds);
  return Array.from({ length: value.length * rounds }, (_, at) => value[at % value.length]);
}

export function contains(rt: Runtime, container: unknown, item: unknown): boolean {
  if (typeof container === "string") {
    if (typeof item !== "string") throw failed(`${kindOf(item)} cannot be looked for in text`);
    rt.charge(container.length >> 8);
    return container.includes(item);
  }
  if (isMap(container)) {
    if (typeof item !== "string" && typeof item !== "number") return false;
    const key = String(item);
    return isLazyMap(container) ? container.keys().includes(key) : Object.hasOwn(container, key);
  }
  if (container === undefined) return false;
  for (const element of elements(rt, container)) if (equal(rt, element, item)) return true;
  return false;
}

export function negated(value: unknown): number {
  const number = numberOf(value);
  if (number === null) throw failed(`${kindOf(value)} has no negative`);
  return -number + 0;
}

export function positive(value: unknown): number {
  const number = numberOf(value);
  if (number === null) throw failed(`${kindOf(value)} is no number`);
  return number;
}
