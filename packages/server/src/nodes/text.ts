import { encodeJson } from "@weftwork/core";

/** A value where text is wanted: text as it is, null as nothing, all else as JSON. The same rule as in templates. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value === null || value === undefined ? "" : encodeJson(value);
}
