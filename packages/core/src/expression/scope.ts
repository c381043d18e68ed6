import type { Json } from "../base/json.ts";

/** Marks a `LazyMap`. A symbol, so that no JSON key can pretend to be one. */
export const lazyMap: unique symbol = Symbol("lazyMap");

/**
 * A map whose members are read when they are asked for, so that the payload of a step that nobody mentions is never
 * loaded. Members are JSON values or lazy maps; `undefined` where there is none.
 */
export interface LazyMap {
  readonly [lazyMap]: true;
  get(key: string): unknown;
  keys(): readonly string[];
  toJson(): Json;
}

/** Where an expression finds its root names (`inputs`, `steps`, …); `undefined` for a name that is not there. */
export interface Scope {
  lookup(name: string): unknown;
}

export function isLazyMap(value: unknown): value is LazyMap {
  return typeof value === "object" && value !== null && (value as Partial<LazyMap>)[lazyMap] === true;
}
