import type { Args } from "./arguments.ts";
import type { Runtime } from "./runtime.ts";

/**
 * What a template can hold besides JSON: loop state, namespaces, macros, cyclers. They live inside one evaluation;
 * as a result or in text they are an error.
 */
export abstract class Special {
  /** What error texts call it. */
  abstract readonly kind: string;

  /** The attribute of that name, or `undefined`. */
  member(_name: string): unknown {
    return undefined;
  }

  /** The result of calling the method, or `NO_METHOD`. */
  method(_rt: Runtime, _name: string, _args: Args): unknown {
    return NO_METHOD;
  }

  /** The result of calling the thing itself, or `NO_METHOD`. */
  call(_rt: Runtime, _args: Args): unknown {
    return NO_METHOD;
  }
}

/** Answers that there is nothing to call; `undefined` is a result like any other. */
export const NO_METHOD: unique symbol = Symbol("no method");

/** `namespace()`: the one thing whose attributes `{% set %}` may change, also from within a loop. */
export class Namespace extends Special {
  readonly kind = "a namespace";
  readonly variables = new Map<string, unknown>();

  override member(name: string): unknown {
    return this.variables.get(name);
  }
}

/** `cycler('odd', 'even')`: its values in turn. */
export class Cycler extends Special {
  readonly kind = "a cycler";
  private readonly values: readonly unknown[];
  private at = 0;

  constructor(values: readonly unknown[]) {
    super();
    this.values = values;
  }

  override member(name: string): unknown {
    return name === "current" ? this.values[this.at] : undefined;
  }

  override method(_rt: Runtime, name: string): unknown {
    if (name === "reset") {
      this.at = 0;
      return null;
    }
    if (name !== "next") return NO_METHOD;
    const value = this.values[this.at];
    this.at = (this.at + 1) % this.values.length;
    return value;
  }
}

/** `joiner(', ')`: empty when called the first time, the separator from then on. */
export class Joiner extends Special {
  readonly kind = "a joiner";
  private readonly separator: unknown;
  private used = false;

  constructor(separator: unknown) {
    super();
    this.separator = separator;
  }

  override call(): unknown {
    if (this.used) return this.separator;
    this.used = true;
    return "";
  }
}
