import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";

/** Readers of a file that any tool may have written: what is not of the kind that is asked for counts as left out. */

export function member(map: JsonObject, key: string): Json {
  return Object.hasOwn(map, key) ? map[key]! : null;
}

/** A text; numbers and booleans that lost their quotes are taken as text. Null when there is none. */
export function textOf(value: Json): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}

export function textAt(map: JsonObject, key: string, otherwise = ""): string {
  return textOf(member(map, key)) ?? otherwise;
}

export function listAt(map: JsonObject, key: string): readonly Json[] {
  const value = member(map, key);
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

/** The maps of a list, each with its position; what is no map is passed over. */
export function mapsAt(map: JsonObject, key: string): readonly { readonly map: JsonObject; readonly at: number }[] {
  return listAt(map, key).flatMap((item, at) => (isJsonObject(item) ? [{ map: item, at }] : []));
}

export function mapAt(map: JsonObject, key: string): JsonObject {
  const value = member(map, key);
  return isJsonObject(value) ? value : {};
}

export function flagAt(map: JsonObject, key: string, otherwise = false): boolean {
  const value = member(map, key);
  return typeof value === "boolean"
    ? value
    : value === "true" || value === 1
      ? true
      : value === null
        ? otherwise
        : false;
}

export function numberAt(map: JsonObject, key: string): number | null {
  const value = member(map, key);
  if (typeof value === "number") return value;
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : NaN;
  return Number.isFinite(number) ? number : null;
}

/** A map without a prototype: the names of a file may be any. */
export function newMap(): Record<string, Json> {
  return Object.create(null) as Record<string, Json>;
}
