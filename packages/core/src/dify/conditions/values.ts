import { AppError } from "../../base/errors.ts";
import type { Json } from "../../base/json.ts";

/** The failure of a condition whose operator does not fit its values. */
export function misfit(reason: string): AppError {
  return new AppError("STEP_FAILED", { reason, error_type: "ValueError" });
}

/** Falsy as in Python: null, false, 0, empty text, list or map. */
export function isEmpty(value: Json): boolean {
  if (value === null || value === false || value === 0 || value === "") return true;
  if (typeof value !== "object") return false;
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}

/** Equality as in Python: by content, and a boolean equals the number it stands for. */
export function equal(a: Json, b: Json): boolean {
  if (typeof a === "boolean" && typeof b === "number") return Number(a) === b;
  if (typeof b === "boolean" && typeof a === "number") return Number(b) === a;
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return a === b;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item: Json, at) => equal(item, (b as readonly Json[])[at]!));
  }
  const [left, right] = [a as { readonly [key: string]: Json }, b as { readonly [key: string]: Json }];
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && equal(left[key]!, right[key]!));
}

/** A list as the right side of `in`, `not in` and `all of`; one text stands for a list of texts only as JSON. */
export function expectedList(value: Json, operator: string): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[];
  throw misfit(`The operator ${operator} needs a list to compare with`);
}
