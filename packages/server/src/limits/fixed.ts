import type { Limit } from "./limit.ts";

/** A limit that learns nothing. */
export function fixedLimit(limit: number): Limit {
  return { current: () => limit, sample: () => undefined, onChange: () => () => undefined };
}
