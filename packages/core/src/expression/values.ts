import { failed, stopped, type Runtime } from "./runtime.ts";
import { isLazyMap, type LazyMap } from "./scope.ts";
import { Special } from "./specials.ts";

/** Levels to which values are compared or printed. A list that was appended to itself ends here. */
export const VALUE_DEPTH_MAX = 500;

/** A map as the language sees it: a plain object read by own keys only. */
export type PlainMap = Readonly<Record<string, unknown>>;

/** What a value is, for error texts. */
export function kindOf(value: unknown): string {
  switch (typeof value) {
    case "undefined":
      return "an undefined value";
    case "string":
      return "text";
    case "number":
      return "a number";
    case "boolean":
      return "a boolean";
    default:
      if (value === null) return "null";
      if (Array.isArray(value)) return "a list";
      if (value instanceof Special) return value.kind;
      return "a map";
  }
}

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** A map that holds its members: no list, no lazy map, no special. */
export function isPlainMap(value: unknown): value is PlainMap {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Special) &&
    !isLazyMap(value)
  );
}

export function isMap(value: unknown): value is PlainMap | LazyMap {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Special);
}

/** The keys of a map, charged. */
export function keysOf(rt: Runtime, map: PlainMap | LazyMap): readonly string[] {
  const keys = isLazyMap(map) ? map.keys() : Object.keys(map);
  rt.charge(keys.length);
  return keys;
}

/** A member by own key, or `undefined`. */
export function getOwn(map: PlainMap | LazyMap, key: string): unknown {
  if (isLazyMap(map)) return map.get(key);
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Sets a member as data, whatever its name: assigning `__proto__` would replace the prototype. */
export function setOwn(map: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    map[key] = value;
  }
}

/** The text under which a value is the key of a map, as `json.dumps` of Python writes keys. */
export function keyText(key: unknown): string {
  if (typeof key === "string") return key;
  if (typeof key === "number" || typeof key === "boolean" || key === null) return String(key);
  throw failed(`${kindOf(key)} cannot be the key of a map`);
}

/** Truth as in Python: empty text, list and map, zero, null and the undefined are false. */
export function truthy(rt: Runtime, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return Boolean(value);
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Special) return true;
  let known = rt.emptiness.get(value);
  if (known === undefined) {
    known = (isLazyMap(value) ? value.keys() : Object.keys(value)).length === 0;
    rt.emptiness.set(value, known);
  }
  return !known;
}

/** The elements of a value, charged one each: of a list, the characters of a text, the keys of a map. */
export function elements(rt: Runtime, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) {
    rt.charge(value.length);
    return value as unknown[];
  }
  if (typeof value === "string") {
    rt.charge(value.length);
    return [...value];
  }
  if (value === undefined) return [];
  if (isMap(value)) return keysOf(rt, value);
  throw failed(`${kindOf(value)} cannot be iterated`);
}

const SURROGATE = /[\uD800-\uDFFF]/;

/** Whether every character of the text is one UTF-16 unit, so that indexes of the host are those of Python. */
export function isFlat(text: string): boolean {
  return !SURROGATE.test(text);
}

/** The characters of a text, charged. */
export function characters(rt: Runtime, text: string): readonly string[] {
  rt.charge(text.length);
  return [...text];
}

/** The number of characters (code points, as in Python), charged by the length. */
export function characterCount(rt: Runtime, text: string): number {
  rt.charge(text.length >> 8);
  if (isFlat(text)) return text.length;
  rt.charge(text.length >> 3);
  let count = text.length;
  for (let at = 0; at < text.length - 1; at++) {
    if ((text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) {
      count--;
      at++;
    }
  }
  return count;
}

/** Equality as in Python: by content, and `true` equals 1. */
export function equal(rt: Runtime, left: unknown, right: unknown, depth = 0): boolean {
  if (left === right) return true;
  if (typeof left === "boolean") left = Number(left);
  if (typeof right === "boolean") right = Number(right);
  if (typeof left !== "object" || left === null || typeof right !== "object" || right === null) return left === right;
  if (depth > VALUE_DEPTH_MAX) throw stopped("it compares values nested too deeply");
  if (isList(left)) {
    if (!isList(right) || left.length !== right.length) return false;
    for (let at = 0; at < left.length; at++) {
      rt.charge(1);
      if (!equal(rt, left[at], right[at], depth + 1)) return false;
    }
    return true;
  }
  if (!isMap(left) || !isMap(right)) return false;
  const keys = keysOf(rt, left);
  const others = keysOf(rt, right);
  if (keys.length !== others.length) return false;
  const known = new Set(others);
  return keys.every((key) => known.has(key) && equal(rt, getOwn(left, key), getOwn(right, key), depth + 1));
}

/** Order as in Python: below zero, zero or above. Numbers, texts and lists each among themselves; else an error. */
export function compare(rt: Runtime, left: unknown, right: unknown, depth = 0): number {
  if (typeof left === "boolean") left = Number(left);
  if (typeof right === "boolean") right = Number(right);
  if (typeof left === "number" && typeof right === "number") return left < right ? -1 : left > right ? 1 : 0;
  if (typeof left === "string" && typeof right === "string") {
    rt.charge(Math.min(left.length, right.length) >> 6);
    return compareText(left, right);
  }
  if (isList(left) && isList(right)) {
    if (depth > VALUE_DEPTH_MAX) throw stopped("it compares values nested too deeply");
    for (let at = 0; at < left.length && at < right.length; at++) {
      rt.charge(1);
      if (!equal(rt, left[at], right[at])) return compare(rt, left[at], right[at], depth + 1);
    }
    return left.length - right.length;
  }
  throw failed(`${kindOf(left)} and ${kindOf(right)} have no order`);
}

/** By code points. The host compares UTF-16 units, which puts U+10000 before U+FFFF. */
function compareText(left: string, right: string): number {
  if (left === right) return 0;
  const end = Math.min(left.length, right.length);
  for (let at = 0; at < end; at++) {
    const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)];
    if (a !== b) return rank(a) - rank(b);
  }
  return left.length - right.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
