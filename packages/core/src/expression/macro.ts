import type { Args } from "./arguments.ts";
import { failed, type Frame, type Runtime } from "./runtime.ts";
import { Special } from "./specials.ts";
import { setOwn } from "./values.ts";

export interface Parameter {
  readonly name: string;
  readonly otherwise: ((rt: Runtime) => unknown) | null;
}

/** A macro as it stands in the source. */
export interface MacroCode {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** Whether the body speaks of `varargs`, `kwargs`, `caller`; what it does not speak of may not be given. */
  readonly takes: { readonly more: boolean; readonly named: boolean; readonly caller: boolean };
  readonly write: (rt: Runtime) => string;
  /** How deep the syntax of the body is nested; all calls that are open together are held to a bound. */
  readonly levels: number;
}

/** Levels of the host's stack that a call costs besides those of the body. */
const CALL_LEVELS = 3;

/** A macro: text made from arguments, in the frame where it was defined. */
export class Macro extends Special {
  readonly kind = "a macro";
  private readonly code: MacroCode;
  private readonly home: Frame | null;

  constructor(code: MacroCode, home: Frame | null) {
    super();
    this.code = code;
    this.home = home;
  }

  override member(name: string): unknown {
    if (name === "name") return this.code.name;
    return name === "arguments" ? this.code.parameters.map((parameter) => parameter.name) : undefined;
  }

  override call(rt: Runtime, args: Args): unknown {
    return this.run(rt, args, undefined);
  }

  /** Runs the body. `caller` is the body of a `{% call %}` around it. */
  run(rt: Runtime, args: Args, caller: Macro | undefined): string {
    const { parameters, levels, write } = this.code;
    const variables = new Map<string, unknown>();
    const outer = rt.frame;
    rt.charge(1 + parameters.length);
    rt.enter(levels + CALL_LEVELS);
    rt.frame = { variables, parent: this.home };
    try {
      this.bind(rt, variables, args, caller);
      return write(rt);
    } finally {
      rt.frame = outer;
      rt.leave(levels + CALL_LEVELS);
    }
  }

  private bind(rt: Runtime, variables: Map<string, unknown>, args: Args, caller: Macro | undefined): void {
    const { name: macro, parameters, takes } = this.code;
    const rest = new Map(args.named ?? []);
    const more = args.positional.slice(parameters.length);
    if (more.length > 0 && !takes.more) {
      throw failed(
        `the macro ${macro} takes at most ${parameters.length} argument(s), ${args.positional.length} are given`,
      );
    }
    variables.set("varargs", more);
    parameters.forEach(({ name, otherwise }, at) => {
      const given = at < args.positional.length;
      if (given && rest.has(name)) throw failed(`the macro ${macro} is given its argument '${name}' twice`);
      const value = given ? args.positional[at] : rest.has(name) ? rest.get(name) : otherwise?.(rt);
      rest.delete(name);
      variables.set(name, value);
    });
    const called = caller ?? rest.get("caller");
    rest.delete("caller");
    if (called !== undefined && !takes.caller) throw failed(`the macro ${macro} does not call its caller`);
    variables.set("caller", called);
    const [unknown] = rest.keys();
    if (unknown !== undefined && !takes.named) throw failed(`the macro ${macro} has no argument named '${unknown}'`);
    const named: Record<string, unknown> = {};
    for (const [key, value] of rest) setOwn(named, key, value);
    variables.set("kwargs", named);
  }
}
