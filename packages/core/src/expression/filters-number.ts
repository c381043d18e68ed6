import { type Callable, fixed } from "./arguments.ts";
import { fixedDigits, parseFloating, parseWhole, roundHalfEven } from "./numbers.ts";
import { finite } from "./operators.ts";
import { failed } from "./runtime.ts";
import { wholeArgument } from "./text.ts";
import { kindOf, truthy } from "./values.ts";

/** Filters that make numbers. */
export const NUMBER_FILTERS: readonly (readonly [string, Callable])[] = [
  ["abs", fixed("", (_rt, value) => Math.abs(numberArgument(value)))],
  [
    "round",
    fixed("precision? method?", (_rt, value, [precision, method]) =>
      rounded(numberArgument(value), wholeArgument(precision, "the precision", 0), method),
    ),
  ],
  [
    "int",
    fixed("default? base?", (_rt, value, [otherwise, base]) =>
      toWhole(value, otherwise, wholeArgument(base, "the base", 10)),
    ),
  ],
  ["float", fixed("default?", (_rt, value, [otherwise]) => toFloating(value, otherwise))],
  ["filesizeformat", fixed("binary?", (rt, value, [binary]) => fileSize(value, truthy(rt, binary)))],
];

function numberArgument(value: unknown): number {
  if (typeof value === "boolean") return Number(value);
  if (typeof value !== "number") throw failed(`a number is needed, not ${kindOf(value)}`);
  return value;
}

function rounded(value: number, precision: number, method: unknown): number {
  if (method === undefined || method === "common") return roundHalfEven(value, precision) + 0;
  if (method !== "ceil" && method !== "floor") throw failed("the method of round is 'common', 'ceil' or 'floor'");
  const unit = 10 ** precision;
  if (!Number.isFinite(unit) || unit === 0) throw failed("the precision of round is too large");
  return finite((method === "ceil" ? Math.ceil(value * unit) : Math.floor(value * unit)) / unit);
}

/** Numbers lose their fraction, texts are read; what cannot be read is the default, and only the undefined an error. */
function toWhole(value: unknown, otherwise: unknown, base: number): unknown {
  if (value === undefined) throw failed("int is given an undefined value");
  if (typeof value === "number" || typeof value === "boolean") return Math.trunc(Number(value)) + 0;
  if (typeof value === "string" && value.length < 1000) {
    const whole = parseWhole(value, base);
    if (whole !== null) return whole;
    const floating = parseFloating(value);
    if (floating !== null) return Math.trunc(floating) + 0;
  }
  return otherwise === undefined ? 0 : otherwise;
}

function toFloating(value: unknown, otherwise: unknown): unknown {
  if (value === undefined) throw failed("float is given an undefined value");
  if (typeof value === "number" || typeof value === "boolean") return Number(value);
  const read = typeof value === "string" && value.length < 1000 ? parseFloating(value) : null;
  if (read !== null) return read;
  return otherwise === undefined ? 0 : otherwise;
}

const SIZES = ["k", "M", "G", "T", "P", "E", "Z", "Y"] as const;

function fileSize(value: unknown, binary: boolean): string {
  const size = typeof value === "string" ? parseFloating(value) : numberArgument(value);
  if (size === null) throw failed("filesizeformat needs a number");
  const base = binary ? 1024 : 1000;
  if (size === 1) return "1 Byte";
  if (size < base) return `${Math.trunc(size)} Bytes`;
  let text = "";
  for (let at = 0; at < SIZES.length; at++) {
    const unit = base ** (at + 2);
    const prefix = binary ? SIZES[at]!.toUpperCase() + "iB" : SIZES[at]! + "B";
    text = `${fixedDigits((base * size) / unit, 1)} ${prefix}`;
    if (size < unit) return text;
  }
  return text;
}
