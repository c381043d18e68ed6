import type { Json } from "../base/json.ts";

/**
 * The output of an iteration out of the values of its items, in their order. To flatten puts lists together, one level
 * deep, when every value that is not null is a list and there is at least one; nulls are left out then. Whatever else
 * stays as it is.
 */
export function iterationOutput(values: readonly Json[], flatten: boolean): readonly Json[] {
  if (!flatten) return values;
  const present = values.filter((value) => value !== null);
  if (present.length === 0 || !present.every((value) => Array.isArray(value))) return values;
  return (present as readonly (readonly Json[])[]).flat();
}
