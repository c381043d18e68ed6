import type { Args } from "./arguments.ts";
import { namedMember } from "./members.ts";
import { isRefusedName, REFUSED_NAME } from "./names.ts";
import { exponential, fixedDigits, general, PRECISION_MAX } from "./numbers.ts";
import { pretty, printed } from "./render.ts";
import { failed, type Runtime } from "./runtime.ts";
import { characterCount, characters, isMap, kindOf } from "./values.ts";

/** How one value is to be written: the parts of a format of Python. */
interface Spec {
  readonly fill: string;
  readonly align: "<" | ">" | "^" | "=" | "";
  readonly sign: string;
  readonly alternate: boolean;
  readonly width: number;
  readonly separator: string;
  readonly precision: number | null;
  readonly type: string;
}

const PERCENT = /%(?:\(([^()]{0,100})\))?([-+ #0]{0,5})(\d{0,9})(?:\.(\d{0,9}))?([a-zA-Z%])?/g;

/** `"%s of %d" % (a, b)`, which is also the filter `format`. A map gives the values of `%(name)s`. */
export function percentFormat(rt: Runtime, template: string, values: unknown): string {
  rt.charge(template.length >> 4);
  const list = Array.isArray(values) ? (values as unknown[]) : [values];
  let next = 0;
  const pieces = new Pieces(rt);
  let from = 0;
  for (const match of template.matchAll(PERCENT)) {
    const [whole, name, flags, width, precision, type] = match;
    pieces.add(template.slice(from, match.index));
    from = match.index + whole.length;
    if (type === undefined) throw failed("a format ends after '%'; a percent sign is written '%%'");
    if (type === "%") {
      pieces.add("%");
      continue;
    }
    let value: unknown;
    if (name === undefined) {
      if (next >= list.length) throw failed("a format has fewer values than places");
      value = list[next++];
    } else {
      if (!isMap(values)) throw failed("a format with names needs a map of values");
      if (isRefusedName(name)) throw failed(REFUSED_NAME);
      value = namedMember(rt, values, name);
      next = list.length;
      if (value === undefined) throw failed("a format names a value that is not given");
    }
    pieces.add(written(rt, value, percentSpec(flags!, width!, precision, type)));
  }
  if (next < list.length && !isMap(values)) throw failed("a format has more values than places");
  pieces.add(template.slice(from));
  return pieces.text;
}

function percentSpec(flags: string, width: string, precision: string | undefined, type: string): Spec {
  const left = flags.includes("-");
  const zero = flags.includes("0") && !left && type !== "s" && type !== "r";
  return {
    fill: zero ? "0" : " ",
    align: left ? "<" : zero ? "=" : ">",
    sign: flags.includes("+") ? "+" : flags.includes(" ") ? " " : "-",
    alternate: flags.includes("#"),
    width: Number(width || 0),
    separator: "",
    precision: precision === undefined ? null : Number(precision || 0),
    type: type === "i" || type === "u" ? "d" : type,
  };
}

const FIELD = /\{\{|\}\}|\{([^{}!:]{0,200})(?:!([rsa]))?(?::([^{}]{0,100}))?\}|[{}]/g;
const SPEC = /^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d{1,9})?([,_])?(?:\.(\d{1,9}))?([a-zA-Z%])?$/u;

/** `"{} of {total:.2f}".format(…)`. Fields are positions and names; attributes and indexes behind them are read too. */
export function braceFormat(rt: Runtime, template: string, args: Args): string {
  rt.charge(template.length >> 4);
  const pieces = new Pieces(rt);
  let [from, next] = [0, 0];
  for (const match of template.matchAll(FIELD)) {
    const [whole, field, conversion, spec] = match;
    pieces.add(template.slice(from, match.index));
    from = match.index + whole.length;
    if (whole === "{{" || whole === "}}") {
      pieces.add(whole[0]!);
      continue;
    }
    if (field === undefined) throw failed("a format has a single brace; braces are written '{{' and '}}'");
    const name = field === "" ? String(next++) : field;
    let value = fieldValue(rt, name, args);
    if (conversion !== undefined) value = conversion === "s" ? printed(rt, value) : pretty(rt, value);
    pieces.add(spec === undefined || spec === "" ? printed(rt, value) : written(rt, value, braceSpec(spec, value)));
  }
  pieces.add(template.slice(from));
  return pieces.text;
}

function fieldValue(rt: Runtime, field: string, args: Args): unknown {
  const [head, ...path] = field.split(/[.[]/).map((part) => part.replace("]", ""));
  let value = /^\d+$/.test(head!) ? args.positional[Number(head)] : args.named?.get(head!);
  for (const part of path) {
    if (isRefusedName(part)) throw failed(REFUSED_NAME);
    value = namedMember(rt, value, part);
  }
  if (value === undefined) throw failed("a format names a value that is not given");
  return value;
}

function braceSpec(text: string, value: unknown): Spec {
  const match = SPEC.exec(text);
  if (!match) throw failed("a format is not understood");
  const [, fill, align, sign, alternate, zero, width, separator, precision, type] = match;
  const number = typeof value === "number";
  return {
    fill: fill ?? (zero ? "0" : " "),
    align: (align as Spec["align"] | undefined) ?? (zero && number ? "=" : number ? ">" : "<"),
    sign: sign ?? "-",
    alternate: alternate !== undefined,
    width: Number(width ?? 0),
    separator: separator ?? "",
    precision: precision === undefined ? null : Number(precision),
    type: type ?? "",
  };
}

function written(rt: Runtime, value: unknown, spec: Spec): string {
  if (spec.precision !== null && spec.precision > PRECISION_MAX && !"sr".includes(spec.type)) {
    throw failed(`a format has a precision above ${PRECISION_MAX}`);
  }
  const isText =
    spec.type === "s" || spec.type === "r" || spec.type === "a" || (spec.type === "" && typeof value !== "number");
  if (isText) {
    const text = spec.type === "s" || spec.type === "" ? printed(rt, value) : pretty(rt, value);
    return padded(
      rt,
      "",
      spec.precision === null ? text : characters(rt, text).slice(0, spec.precision).join(""),
      spec,
    );
  }
  if (spec.type === "c") return padded(rt, "", typeof value === "number" ? codePoint(value) : printed(rt, value), spec);
  const number = typeof value === "boolean" ? Number(value) : value;
  if (typeof number !== "number") throw failed(`a format for numbers is given ${kindOf(value)}`);
  const body = numberText(Math.abs(number), spec);
  const negative = number < 0 || Object.is(number, -0);
  return padded(rt, negative ? "-" : spec.sign === "-" ? "" : spec.sign, body, spec);
}

function codePoint(value: number): string {
  if (!Number.isInteger(value) || value < 0 || value > 0x10ffff)
    throw failed("a format for characters is given no character");
  return String.fromCodePoint(value);
}

function numberText(size: number, spec: Spec): string {
  const precision = spec.precision ?? 6;
  switch (spec.type) {
    case "d":
    case "n":
      return grouped(fixedDigits(Math.trunc(size), 0), spec.separator);
    case "f":
    case "F":
      return grouped(fixedDigits(size, precision), spec.separator);
    case "e":
      return exponential(size, precision);
    case "E":
      return exponential(size, precision).toUpperCase();
    case "g":
      return grouped(general(size, precision), spec.separator);
    case "G":
      return general(size, precision).toUpperCase();
    case "%":
      return fixedDigits(size * 100, precision) + "%";
    case "x":
    case "X":
    case "o":
    case "b": {
      const [base, prefix] = spec.type === "o" ? [8, "0o"] : spec.type === "b" ? [2, "0b"] : [16, "0" + spec.type];
      const text = (spec.alternate ? prefix : "") + BigInt(Math.trunc(size)).toString(base);
      return spec.type === "X" ? text.toUpperCase() : text;
    }
    case "":
      return grouped(spec.precision === null ? String(size) : general(size, spec.precision), spec.separator);
    default:
      throw failed("a format has a type that is not known");
  }
}

function grouped(text: string, separator: string): string {
  if (separator === "") return text;
  const [whole, ...rest] = text.split(/(?=[.e])/) as [string, ...string[]];
  const groups: string[] = [];
  for (let end = whole.length; end > 0; end -= 3) groups.unshift(whole.slice(Math.max(0, end - 3), end));
  return groups.join(separator) + rest.join("");
}

function padded(rt: Runtime, sign: string, body: string, spec: Spec): string {
  const missing = spec.width - sign.length - characterCount(rt, body);
  if (missing <= 0) return rt.text(sign + body);
  rt.room(spec.width);
  const pad = (count: number): string => spec.fill.repeat(count);
  switch (spec.align) {
    case "<":
      return sign + body + pad(missing);
    case "^":
      return pad(missing >> 1) + sign + body + pad(missing - (missing >> 1));
    case "=":
      return sign + pad(missing) + body;
    default:
      return pad(missing) + sign + body;
  }
}

/** Text that grows piece by piece, held to the limit at each. */
class Pieces {
  text = "";
  private readonly rt: Runtime;

  constructor(rt: Runtime) {
    this.rt = rt;
  }

  add(piece: string): void {
    this.rt.room(this.text.length + piece.length);
    this.text += piece;
  }
}
