import { canonicalJson, isJsonObject, type Json } from "../base/json.ts";
import { unusable, type Builder } from "./builder.ts";
import { formatCheck } from "./formats.ts";
import { isMultipleOf } from "./numbers.ts";
import type { Check, Visit } from "./visit.ts";

/** Keywords that look at the value alone. Values of another type than a keyword speaks of fit it. */
export const ASSERTIONS: Readonly<Record<string, Builder>> = {
  type: (value) => typeCheck((Array.isArray(value) ? value : [value]) as readonly string[]),
  const: (value) => {
    const is = equals([value]);
    return (given, visit) => is(given, visit) || visit.fail("const", `must be ${shown(value)}`);
  },
  enum: (value) => {
    const choices = value as readonly Json[];
    const isOne = equals(choices);
    const listed = choices.slice(0, 12).map(shown).join(", ") + (choices.length > 12 ? ", …" : "");
    return (given, visit) => isOne(given, visit) || visit.fail("enum", `must be one of ${listed}`);
  },
  minimum: numeric("minimum", (value, bound) => value >= bound, "must be at least"),
  maximum: numeric("maximum", (value, bound) => value <= bound, "must be at most"),
  exclusiveMinimum: numeric("exclusiveMinimum", (value, bound) => value > bound, "must be more than"),
  exclusiveMaximum: numeric("exclusiveMaximum", (value, bound) => value < bound, "must be less than"),
  multipleOf: numeric("multipleOf", isMultipleOf, "must be a multiple of"),
  minLength: textual("minLength", (length, bound) => length >= bound, "must have at least"),
  maxLength: textual("maxLength", (length, bound) => length <= bound, "must have at most"),
  pattern: (value, _schema, reader, pointer) => {
    const pattern = reader.pattern(value as string, pointer);
    if (pattern === null) return unusable("pattern");
    const message = `must match the pattern ${shown(value)}`;
    return (given, visit) => {
      if (typeof given !== "string") return true;
      visit.spend(given.length * pattern.costPerChar);
      return pattern.test(given) || visit.fail("pattern", message);
    };
  },
  format: (value) => {
    const isFormat = formatCheck(value as string);
    if (!isFormat) return null;
    const message = `must have the format ${shown(value)}`;
    return (given, visit) => {
      if (typeof given !== "string") return true;
      visit.spend(given.length / 16);
      return isFormat(given) || visit.fail("format", message);
    };
  },
  minItems: counted("minItems", itemCount, (count, bound) => count >= bound, "must have at least", "items"),
  maxItems: counted("maxItems", itemCount, (count, bound) => count <= bound, "must have at most", "items"),
  uniqueItems: (value) => (value === true ? uniqueItems : null),
  minProperties: counted("minProperties", memberCount, (n, bound) => n >= bound, "must have at least", "members"),
  maxProperties: counted("maxProperties", memberCount, (n, bound) => n <= bound, "must have at most", "members"),
  required: (value) => {
    const names = value as readonly string[];
    return (given, visit) => {
      if (!isJsonObject(given)) return true;
      visit.spend(names.length / 4);
      const missing = names.filter((name) => !Object.hasOwn(given, name));
      return missing.length === 0 || visit.fail("required", `must have ${listNames(missing)}`);
    };
  },
  dependentRequired: (value) => {
    const all = Object.entries(value as Readonly<Record<string, readonly string[]>>);
    return (given, visit) => {
      if (!isJsonObject(given)) return true;
      const missing = all.flatMap(([name, names]) => {
        visit.spend(1 + names.length / 4);
        return Object.hasOwn(given, name) ? names.filter((other) => !Object.hasOwn(given, other)) : [];
      });
      return missing.length === 0 || visit.fail("dependentRequired", `must also have ${listNames(missing)}`);
    };
  },
};

/** The name of a value's type as JSON Schema says it. */
function typeName(value: Json): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

function typeCheck(types: readonly string[]): Check {
  const names = new Set(types);
  const message = `must be of type ${types.join(" or ")}`;
  return (value, visit) => {
    if (names.has(typeName(value))) return true;
    if (names.has("integer") && typeof value === "number" && Number.isInteger(value)) return true;
    return visit.fail("type", `${message}, and is ${shown(value)}`);
  };
}

function equals(choices: readonly Json[]): (value: Json, visit: Visit) => boolean {
  const isPlain = (value: Json): boolean => typeof value !== "object" || value === null;
  const plain = new Set(choices.filter(isPlain));
  const texts = new Set(choices.filter((choice) => !isPlain(choice)).map(canonicalJson));
  return (value, visit) => {
    // The set finds −0 by 0, as JSON Schema wants it.
    if (isPlain(value)) return plain.has(value);
    return texts.size > 0 && texts.has(textOf(value, visit));
  };
}

/** The text that equal values share; paid for by its length. */
function textOf(value: Json, visit: Visit): string {
  const text = canonicalJson(value);
  visit.spend(1 + text.length / 8);
  return text;
}

/** By the texts of all items, so that the work grows with their size and not with its square. */
function uniqueItems(value: Json, visit: Visit): boolean {
  if (!Array.isArray(value)) return true;
  const first = new Map<string, number>();
  for (const [at, item] of (value as readonly Json[]).entries()) {
    const text = textOf(item, visit);
    const other = first.get(text);
    if (other !== undefined)
      return visit.fail("uniqueItems", `must not have equal items, and has at ${other} and ${at}`);
    first.set(text, at);
  }
  return true;
}

function numeric(keyword: string, holds: (value: number, bound: number) => boolean, must: string): Builder {
  return (bound) => (value, visit) => {
    if (typeof value !== "number" || holds(value, bound as number)) return true;
    return visit.fail(keyword, `${must} ${String(bound)}, and is ${value}`);
  };
}

function textual(keyword: string, holds: (length: number, bound: number) => boolean, must: string): Builder {
  return (bound) => (value, visit) => {
    if (typeof value !== "string") return true;
    visit.spend(value.length / 64);
    const length = characters(value);
    return (
      holds(length, bound as number) || visit.fail(keyword, `${must} ${String(bound)} characters, and has ${length}`)
    );
  };
}

/** Characters as Unicode counts them: a pair of surrogates is one. */
function characters(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length - 1; at++) {
    const isPair = (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
    if (isPair) {
      count--;
      at++;
    }
  }
  return count;
}

function itemCount(value: Json): number | null {
  return Array.isArray(value) ? value.length : null;
}

function memberCount(value: Json): number | null {
  return isJsonObject(value) ? Object.keys(value).length : null;
}

function counted(
  keyword: string,
  countOf: (value: Json) => number | null,
  holds: (count: number, bound: number) => boolean,
  must: string,
  what: string,
): Builder {
  return (bound) => (value, visit) => {
    const count = countOf(value);
    if (count === null) return true;
    visit.spend(count / 64);
    return holds(count, bound as number) || visit.fail(keyword, `${must} ${String(bound)} ${what}, and has ${count}`);
  };
}

function listNames(names: readonly string[]): string {
  const most = names.slice(0, 12).map((name) => JSON.stringify(name.slice(0, 80)));
  return most.join(", ") + (names.length > 12 ? ", …" : "");
}

/** A value, short enough to stand in a message. */
function shown(value: Json): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (isJsonObject(value)) return "an object";
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, 81)) : String(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
