import { type Json, JSON_DEPTH_MAX } from "../base/json.ts";
import { failed, type Runtime, stopped } from "./runtime.ts";
import { isLazyMap } from "./scope.ts";
import { Special } from "./specials.ts";
import { isList, setOwn } from "./values.ts";

/**
 * A value of the language as JSON, and about how long its text is: the undefined becomes null, lazy maps are read,
 * what lives only in a template is an error. The whole is held to the limit while it is walked, so a list that stands
 * in it a million times is an error and not a crash of whoever writes it.
 */
export function settled(rt: Runtime, value: unknown): { readonly value: Json; readonly size: number } {
  const settling = new Settling(rt);
  return { value: settling.settle(value, 0), size: settling.size };
}

class Settling {
  size = 0;
  private nodes = 0;
  private readonly rt: Runtime;

  constructor(rt: Runtime) {
    this.rt = rt;
  }

  settle(value: unknown, depth: number): Json {
    // An eighth of an operation a node: data that merely passes through must not cost what computing costs.
    if ((++this.nodes & 7) === 0) this.rt.charge(1);
    switch (typeof value) {
      case "string":
        this.grow(value.length);
        return value;
      case "number":
        this.grow(value >= 0 && value < 1000 ? 4 : 8);
        return value;
      case "boolean":
        this.grow(5);
        return value;
      case "undefined":
        return null;
      default:
        if (value === null) return null;
        return this.container(value as object, depth);
    }
  }

  private container(value: object, depth: number): Json {
    if (depth >= JSON_DEPTH_MAX) throw stopped(`it makes a value nested deeper than ${JSON_DEPTH_MAX} levels`);
    if (value instanceof Special) throw failed(`${value.kind} is no value outside of the template`);
    this.grow(2);
    if (isLazyMap(value)) return this.settle(value.toJson(), depth + 1);
    return isList(value) ? this.list(value, depth) : this.map(value as Record<string, unknown>, depth);
  }

  /** The same list when all its elements are JSON already, so that large values of the scope are not copied. */
  private list(list: readonly unknown[], depth: number): Json {
    let copy: Json[] | null = null;
    for (let at = 0; at < list.length; at++) {
      this.grow(1);
      const item = this.settle(list[at], depth + 1);
      if (copy === null && item !== list[at]) copy = list.slice(0, at) as Json[];
      copy?.push(item);
    }
    return copy ?? (list as Json[]);
  }

  private map(map: Record<string, unknown>, depth: number): Json {
    let copy: Record<string, Json> | null = null;
    const keys = Object.keys(map);
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at]!;
      this.grow(key.length + 4);
      const item = this.settle(map[key], depth + 1);
      if (copy === null && item !== map[key]) {
        copy = {};
        for (const before of keys.slice(0, at)) setOwn(copy, before, map[before]);
      }
      if (copy !== null) setOwn(copy, key, item);
    }
    return copy ?? (map as Record<string, Json>);
  }

  private grow(by: number): void {
    if ((this.size += by) > this.rt.bytes) throw stopped(`it makes a value longer than ${this.rt.bytes} bytes`);
  }
}
