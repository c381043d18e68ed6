import { AppError } from "./errors.ts";
import type { Json, JsonObject } from "./value.ts";

export type { Json, JsonObject } from "./value.ts";

/** How deep a value may be nested. Deeper ones are refused: a recursive reader anywhere would overflow. */
export const JSON_DEPTH_MAX = 500;
/** How many keys and elements one value may hold in all. */
export const JSON_NODES_MAX = 2_000_000;

/** Whether the value is a plain JSON object (not a list, not null). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The names that reach a prototype. They are data as keys of a value, and refused wherever a path is walked. */
export function isPrototypeName(name: string): boolean {
  return name === "__proto__" || name === "constructor" || name === "prototype";
}

/**
 * The JSON text of a value, or an `INVALID_JSON` error that names the place. Unlike `JSON.stringify` it never changes
 * a value in silence: NaN, infinities, functions, symbols, big integers, cycles and class instances are refused,
 * `undefined` members are left out, and −0 stays −0.
 */
export function encodeJson(value: unknown): string {
  const seen = new Check();
  seen.visit(value, 0);
  return seen.negativeZero
    ? JSON.stringify(value, keepNegativeZero)
    : JSON.stringify(value === undefined ? null : value);
}

function keepNegativeZero(_key: string, value: unknown): unknown {
  return Object.is(value, -0) ? rawJson("-0") : value;
}

// `JSON.rawJSON` (ES2026) is not in the type library yet.
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

class Check {
  negativeZero = false;
  private nodes = 0;
  private readonly path: (string | number)[] = [];

  visit(value: unknown, depth: number): void {
    switch (typeof value) {
      case "string":
      case "boolean":
      case "undefined":
        return;
      case "number":
        if (!Number.isFinite(value)) throw this.refuse(`${value} is not a JSON number`);
        if (value === 0 && Object.is(value, -0)) this.negativeZero = true;
        return;
      case "object":
        if (value === null) return;
        if (depth >= JSON_DEPTH_MAX)
          throw this.refuse(`the value is nested deeper than ${JSON_DEPTH_MAX} levels (or holds itself)`);
        if (Array.isArray(value)) {
          this.count(value.length);
          for (let i = 0; i < value.length; i++) this.step(i, value[i], depth);
          return;
        }
        this.members(value, depth);
        return;
      default:
        throw this.refuse(`a ${typeof value} is not JSON data`);
    }
  }

  private members(value: object, depth: number): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      const name = (value as { constructor?: { name?: string } }).constructor?.name ?? "object";
      throw this.refuse(`an instance of ${name} is not JSON data`);
    }
    const keys = Object.keys(value);
    this.count(keys.length);
    for (const key of keys) this.step(key, (value as Record<string, unknown>)[key], depth);
  }

  private step(key: string | number, value: unknown, depth: number): void {
    if (typeof value === "string" || typeof value === "boolean") return;
    this.path.push(key);
    this.visit(value, depth + 1);
    this.path.pop();
  }

  private count(added: number): void {
    this.nodes += added;
    if (this.nodes > JSON_NODES_MAX) throw this.refuse(`the value has more than ${JSON_NODES_MAX} members`);
  }

  private refuse(reason: string): AppError {
    return new AppError("INVALID_JSON", { reason, pointer: "#" + this.path.map((part) => "/" + part).join("") });
  }
}

/**
 * Parses JSON text that came from outside. Refuses, with `INVALID_JSON` and the place, what `JSON.parse` lets pass or
 * changes in silence: keys given twice, numbers beyond the range of a double, nesting beyond `JSON_DEPTH_MAX`.
 */
export function parseJson(text: string): Json {
  scan(text);
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new AppError("INVALID_JSON", { reason: (error as Error).message, pointer: "#" }, { cause: error });
  }
}

/** One pass over the characters: depth, repeated keys, infinite numbers. Grammar itself is left to `JSON.parse`. */
function scan(text: string): void {
  const keys: (Set<string> | null)[] = [];
  let nodes = 0;
  let expectKey = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22 /* " */) {
      const end = stringEnd(text, at);
      if (expectKey) {
        const seen = keys[keys.length - 1];
        const key = unescaped(text.slice(at, end + 1));
        if (seen?.has(key))
          throw new AppError("INVALID_JSON", {
            reason: `the key ${key.slice(0, 80)} is given twice`,
            pointer: `offset ${at}`,
          });
        seen?.add(key);
        expectKey = false;
      }
      at = end;
    } else if (code === 0x7b /* { */ || code === 0x5b /* [ */) {
      if (keys.length >= JSON_DEPTH_MAX) {
        throw new AppError("INVALID_JSON", {
          reason: `nested deeper than ${JSON_DEPTH_MAX} levels`,
          pointer: `offset ${at}`,
        });
      }
      expectKey = code === 0x7b;
      keys.push(expectKey ? new Set() : null);
    } else if (code === 0x7d /* } */ || code === 0x5d /* ] */) {
      keys.pop();
      expectKey = false;
    } else if (code === 0x2c /* , */) {
      if (++nodes > JSON_NODES_MAX)
        throw new AppError("INVALID_JSON", { reason: `more than ${JSON_NODES_MAX} members`, pointer: `offset ${at}` });
      expectKey = keys.length > 0 && keys[keys.length - 1] !== null;
    } else if (code === 0x2d /* - */ || (code >= 0x30 && code <= 0x39)) {
      const end = numberEnd(text, at);
      if (end - at > 200 || !Number.isFinite(Number(text.slice(at, end)))) {
        throw new AppError("INVALID_JSON", {
          reason: `the number ${text.slice(at, at + 24)}… does not fit a 64-bit float`,
          pointer: `offset ${at}`,
        });
      }
      at = end - 1;
    }
  }
}

/** A key may be written in several ways: `"a"` is `"\u0061"`. */
function unescaped(key: string): string {
  if (!key.includes("\\")) return key;
  try {
    return JSON.stringify(JSON.parse(key));
  } catch {
    return key; // No string at all: `JSON.parse` of the whole text will say so.
  }
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5c /* \ */) at++;
    else if (code === 0x22) return at;
  }
  return text.length;
}

function numberEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && isNumberPart(text.charCodeAt(at))) at++;
  return at;
}

/** Digits, signs, point and `e`. */
function isNumberPart(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2d || code === 0x2e || (code | 0x20) === 0x65;
}

/** JSON text with the keys of every object in order, so that equal values have equal text. For hashes. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return "[" + value.map((item: Json) => canonicalJson(item)).join(",") + "]";
  if (isJsonObject(value)) {
    const members = Object.keys(value)
      .toSorted()
      .map((key) => JSON.stringify(key) + ":" + canonicalJson(value[key]!));
    return "{" + members.join(",") + "}";
  }
  return JSON.stringify(value);
}

/** Freezes a value and all it holds, so that it can be handed to strangers without a copy. Returns the same value. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const key of Object.keys(value)) deepFreeze((value as Record<string, unknown>)[key]);
  }
  return value;
}
