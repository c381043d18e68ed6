import { AppError } from "../base/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { isEmpty } from "./conditions/values.ts";
import { mapAt, member, newMap, textAt } from "./read.ts";
import { pythonType } from "./render.ts";

/** How large the outputs of code may be; null: as large as any result may be. */
export interface CodeLimits {
  readonly textLength: number;
  readonly texts: number | null;
  readonly objects: number | null;
  readonly numbers: number | null;
  readonly depth: number;
}

/** Dify's own limits, for files that ask for them. */
export const DIFY_CODE_LIMITS: CodeLimits = { textLength: 400_000, texts: 30, objects: 30, numbers: 1000, depth: 5 };
/** Limits of this server: lists as long as they are. */
export const CODE_LIMITS: CodeLimits = {
  textLength: 10_000_000,
  texts: null,
  objects: null,
  numbers: null,
  depth: 100,
};

const NUMBER_MAX = 2 ** 63;

/**
 * What code returned, checked against its declared outputs (`outputs` of the step; null takes any map). Booleans become
 * numbers where numbers are declared, NUL characters are left out, texts such as `1e-5` become numbers. Throws
 * `STEP_FAILED` in the words Dify uses.
 */
export function checkCodeOutputs(result: Json, outputs: Json, limits: CodeLimits = CODE_LIMITS): JsonObject {
  if (!isJsonObject(result)) throw invalid(`Result must be a dict, got ${pythonType(result)}`, "CodeNodeError");
  const plain = scientific(result) as JsonObject;
  const checker = new Checker(limits);
  return isJsonObject(outputs) && !isEmpty(outputs)
    ? checker.map(plain, outputs, "", 1)
    : (checker.free(plain, "", 1) as JsonObject);
}

class Checker {
  private readonly limits: CodeLimits;

  constructor(limits: CodeLimits) {
    this.limits = limits;
  }

  map(value: JsonObject, declared: JsonObject, path: string, depth: number): JsonObject {
    this.deep(depth);
    const checked = newMap();
    for (const name of Object.keys(declared)) {
      const at = path === "" ? name : `${path}.${name}`;
      if (!Object.hasOwn(value, name)) throw invalid(`Output ${at} is missing.`);
      const one = mapAt(declared, name);
      checked[name] = this.value(value[name]!, textAt(one, "type"), member(one, "children"), at, depth);
    }
    if (Object.keys(value).length !== Object.keys(checked).length)
      throw invalid("Not all output parameters are validated.", "CodeNodeError");
    return checked;
  }

  /** Without a declaration: sizes, depth, and lists of one kind. */
  free(value: Json, path: string, depth: number): Json {
    this.deep(depth);
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "string") return this.text(value, path);
    if (typeof value === "number") return this.number(value, path);
    if (!Array.isArray(value)) {
      const checked = newMap();
      for (const [name, one] of Object.entries(value as JsonObject))
        checked[name] = this.free(one, path === "" ? name : `${path}.${name}`, depth + 1);
      return checked;
    }
    const list = value as readonly Json[];
    const kinds = new Set(list.filter((one) => one !== null).map((one) => (Array.isArray(one) ? "list" : typeof one)));
    if (kinds.size > 1) throw invalid(`Output ${path} must be a list of one kind.`);
    return list.map((one, at) => this.free(one, `${path}[${at}]`, depth + 1));
  }

  private value(value: Json, type: string, children: Json, path: string, depth: number): Json {
    if (type.startsWith("array[")) return this.list(value, type.slice(6, -1), path, depth);
    if (value === null || type === "boolean") return value;
    switch (type) {
      case "string":
        return this.text(value, path);
      case "number":
        return this.number(value, path);
      case "object":
        if (!isJsonObject(value)) throw mistyped(path, "an object", value);
        return isJsonObject(children) && !isEmpty(children)
          ? this.map(value, children, path, depth + 1)
          : this.free(value, path, depth);
      default:
        throw invalid(`Output type ${type} is not supported.`);
    }
  }

  private list(value: Json, element: string, path: string, depth: number): Json {
    if (value === null) return null;
    if (!Array.isArray(value)) throw mistyped(path, "an array", value);
    const list = value as readonly Json[];
    const most =
      { string: this.limits.texts, object: this.limits.objects, number: this.limits.numbers }[element] ?? null;
    if (most !== null && list.length > most)
      throw invalid(`The length of output variable \`${path}\` must be less than ${most} elements.`);
    return list.map((one, at) => {
      const place = `${path}[${at}]`;
      if (element === "boolean" && one !== null && typeof one !== "boolean") throw mistyped(place, "a boolean", one);
      return this.value(one, element, null, place, depth + 1);
    });
  }

  private text(value: Json, path: string): string {
    if (typeof value !== "string") throw mistyped(path, "a string", value);
    if (value.length > this.limits.textLength)
      throw invalid(`The length of output variable \`${path}\` must be less than ${this.limits.textLength} characters`);
    return value.includes("\u0000") ? value.replaceAll("\u0000", "") : value;
  }

  private number(value: Json, path: string): number {
    if (typeof value === "boolean") return Number(value);
    if (typeof value !== "number") throw mistyped(path, "a number", value);
    if (Math.abs(value) > NUMBER_MAX) throw invalid(`Output variable \`${path}\` is out of range.`);
    return value;
  }

  private deep(depth: number): void {
    if (depth > this.limits.depth)
      throw invalid(`Depth limit ${this.limits.depth} reached, object too deep.`, "DepthLimitError");
  }
}

/** Texts that look like numbers with an exponent are numbers. */
function scientific(value: Json): Json {
  if (typeof value === "string") return /^-?\d(?:\.\d+)?[eE][+-]?\d{1,3}$/.test(value) ? finite(value) : value;
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(scientific);
  const read = newMap();
  for (const [name, one] of Object.entries(value as JsonObject)) read[name] = scientific(one);
  return read;
}

function finite(text: string): Json {
  const number = Number(text);
  return Number.isFinite(number) ? number : text;
}

function mistyped(path: string, type: string, value: Json): AppError {
  return invalid(`Output variable \`${path}\` must be ${type}, got ${pythonType(value)} instead.`);
}

function invalid(reason: string, error_type = "OutputValidationError"): AppError {
  return new AppError("STEP_FAILED", { reason, error_type });
}
