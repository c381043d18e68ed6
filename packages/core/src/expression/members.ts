import { groupMember } from "./group.ts";
import { isRefusedName, REFUSED_NAME } from "./names.ts";
import { failed, type Runtime } from "./runtime.ts";
import { Special } from "./specials.ts";
import { characters, getOwn, isFlat, isMap, keyText, kindOf } from "./values.ts";

/**
 * Reads a member: own keys of maps, positions of lists and texts, attributes of specials. What is not there is
 * `undefined`; so is any member of null, a number or a boolean, as in Jinja2. Reading from the undefined is the
 * caller's error, for only the caller can name it.
 */
export function member(rt: Runtime, object: unknown, key: unknown): unknown {
  if (typeof key === "string") {
    if (isRefusedName(key)) throw failed(REFUSED_NAME);
    return namedMember(rt, object, key);
  }
  if (isMap(object)) return getOwn(object, ownKey(key));
  if (typeof key === "number" && Number.isInteger(key)) return position(rt, object, key);
  return undefined;
}

/** As `member`, for a name that is known to be allowed. */
export function namedMember(rt: Runtime, object: unknown, name: string): unknown {
  if (typeof object === "object" && object !== null) {
    if (Array.isArray(object)) {
      return /^\d{1,9}$/.test(name) ? (object as unknown[])[Number(name)] : groupMember(object as unknown[], name);
    }
    if (object instanceof Special) return object.member(name);
    return getOwn(object as Record<string, unknown>, name);
  }
  if (typeof object === "string" && /^\d{1,9}$/.test(name)) return position(rt, object, Number(name));
  return undefined;
}

function ownKey(key: unknown): string {
  const text = keyText(key);
  if (isRefusedName(text)) throw failed(REFUSED_NAME);
  return text;
}

function position(rt: Runtime, object: unknown, index: number): unknown {
  if (Array.isArray(object)) return (object as unknown[])[index < 0 ? index + object.length : index];
  if (typeof object !== "string") return undefined;
  rt.charge(object.length >> 8);
  if (isFlat(object)) return object[index < 0 ? index + object.length : index];
  const all = characters(rt, object);
  return all[index < 0 ? index + all.length : index];
}

/** `value[start:stop:step]` as in Python, of lists and texts. */
export function slice(rt: Runtime, value: unknown, start: unknown, stop: unknown, step: unknown): unknown {
  if (typeof value === "string") {
    if (isBlank(step) && isFlat(value)) {
      const [from, to] = bounds(value.length, start, stop, 1);
      rt.charge(value.length >> 8);
      return value.slice(from, Math.max(from, to));
    }
    return sliced(rt, characters(rt, value), start, stop, step).join("");
  }
  if (Array.isArray(value)) return sliced(rt, value as unknown[], start, stop, step);
  return undefined;
}

function sliced(rt: Runtime, list: readonly unknown[], start: unknown, stop: unknown, step: unknown): unknown[] {
  const by = isBlank(step) ? 1 : bound(step);
  if (by === 0) throw failed("the step of a slice cannot be zero");
  const [from, to] = bounds(list.length, start, stop, by);
  const out: unknown[] = [];
  for (let at = from; by > 0 ? at < to : at > to; at += by) {
    rt.charge(1);
    out.push(list[at]);
  }
  return out;
}

function bounds(length: number, start: unknown, stop: unknown, step: number): [number, number] {
  const low = step > 0 ? 0 : -1;
  const high = step > 0 ? length : length - 1;
  const clamp = (value: unknown, otherwise: number): number => {
    if (isBlank(value)) return otherwise;
    const at = bound(value);
    return Math.min(Math.max(at < 0 ? at + length : at, low), high);
  };
  return step > 0 ? [clamp(start, low), clamp(stop, high)] : [clamp(start, high), clamp(stop, low)];
}

function isBlank(value: unknown): boolean {
  return value === undefined || value === null;
}

function bound(value: unknown): number {
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw failed(`the bounds of a slice are whole numbers, not ${kindOf(value)}`);
}
