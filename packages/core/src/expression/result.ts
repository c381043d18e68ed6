import { type Json, JSON_DEPTH_MAX } from "../base/json.ts";
import { failed, type Runtime, stopped } from "./runtime.ts";
import { isLazyMap } from "./scope.ts";
import { Special } from "./specials.ts";
import { isList, setOwn } from "./values.ts";

/**
 * A value of the language as JSON: the undefined becomes null, lazy maps are read, what lives only in a template is an
 * error. Holds the size of the whole to the limit; a list that is in it a thousand times counts a thousand times, but
 * is walked once.
 */
export function settled(rt: Runtime, value: unknown): Json {
  return new Settling(rt).settle(value, 0).value;
}

interface Settled {
  readonly value: Json;
  readonly size: number;
}

class Settling {
  private readonly rt: Runtime;
  private readonly known = new Map<object, Settled>();

  constructor(rt: Runtime) {
    this.rt = rt;
  }

  settle(value: unknown, depth: number): Settled {
    switch (typeof value) {
      case "string":
        return this.sized(value, value.length + 2);
      case "number":
      case "boolean":
        return { value, size: 5 };
      case "undefined":
        return { value: null, size: 4 };
      default:
        if (value === null) return { value: null, size: 4 };
        return this.container(value as object, depth);
    }
  }

  private container(value: object, depth: number): Settled {
    const known = this.known.get(value);
    if (known !== undefined) return known;
    if (depth >= JSON_DEPTH_MAX) throw stopped(`its result is nested deeper than ${JSON_DEPTH_MAX} levels`);
    if (value instanceof Special)
      throw failed(`the result is ${value.kind}, which is no value outside of the template`);
    const result = isLazyMap(value)
      ? this.settle(value.toJson(), depth)
      : isList(value)
        ? this.list(value, depth)
        : this.map(value as Record<string, unknown>, depth);
    this.known.set(value, result);
    return result;
  }

  /** The same list when all its elements are JSON already, so that large values of the scope are not copied. */
  private list(list: readonly unknown[], depth: number): Settled {
    let size = 2;
    let copy: Json[] | null = null;
    for (let at = 0; at < list.length; at++) {
      const item = this.settle(list[at], depth + 1);
      size = this.grown(size, item.size + 1);
      if (copy === null && item.value !== list[at]) copy = list.slice(0, at) as Json[];
      copy?.push(item.value);
    }
    return { value: copy ?? (list as Json[]), size };
  }

  private map(map: Record<string, unknown>, depth: number): Settled {
    let size = 2;
    let copy: Record<string, Json> | null = null;
    const keys = Object.keys(map);
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at]!;
      const item = this.settle(map[key], depth + 1);
      size = this.grown(size, key.length + 4 + item.size);
      if (copy === null && item.value !== map[key]) {
        copy = {};
        for (const before of keys.slice(0, at)) setOwn(copy, before, map[before]);
      }
      if (copy !== null) setOwn(copy, key, item.value);
    }
    return { value: copy ?? (map as Record<string, Json>), size };
  }

  private sized(value: string, size: number): Settled {
    this.grown(0, size);
    return { value, size };
  }

  private grown(size: number, by: number): number {
    if (size + by > this.rt.bytes) throw stopped(`its result is longer than ${this.rt.bytes} bytes`);
    return size + by;
  }
}
