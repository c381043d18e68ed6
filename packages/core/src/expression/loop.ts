import type { Args } from "./arguments.ts";
import { failed, type Runtime } from "./runtime.ts";
import { NO_METHOD, Special } from "./specials.ts";
import { equal } from "./values.ts";

/** `loop` within a `{% for %}`: where the loop stands. */
export class LoopState extends Special {
  readonly kind = "a loop";
  at = 0;
  private readonly items: readonly unknown[];
  private last: readonly unknown[] | null = null;

  constructor(items: readonly unknown[]) {
    super();
    this.items = items;
  }

  override member(name: string): unknown {
    const { at, items } = this;
    switch (name) {
      case "index":
        return at + 1;
      case "index0":
        return at;
      case "revindex":
        return items.length - at;
      case "revindex0":
        return items.length - at - 1;
      case "first":
        return at === 0;
      case "last":
        return at === items.length - 1;
      case "length":
        return items.length;
      case "depth":
        return 1;
      case "depth0":
        return 0;
      case "previtem":
        return items[at - 1];
      case "nextitem":
        return items[at + 1];
      default:
        return undefined;
    }
  }

  override method(rt: Runtime, name: string, { positional }: Args): unknown {
    if (name === "cycle") {
      if (positional.length === 0) throw failed("loop.cycle needs at least one value");
      return positional[this.at % positional.length];
    }
    if (name !== "changed") return NO_METHOD;
    const same = this.last !== null && equal(rt, this.last, positional);
    this.last = positional;
    return !same;
  }
}
