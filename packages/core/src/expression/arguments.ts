import { failed, type Runtime } from "./runtime.ts";

/** The arguments of one call, evaluated. */
export interface Args {
  readonly positional: readonly unknown[];
  readonly named: ReadonlyMap<string, unknown> | null;
}

export const NO_ARGS: Args = { positional: [], named: null };

/**
 * Something that an expression can call by name: a filter, a test, a function, a method. `subject` is what stands
 * before it (the filtered value, the object of the method; `undefined` for functions).
 */
export interface Callable {
  readonly parameters: readonly string[];
  /** How many of the parameters must be given. */
  readonly required: number;
  /** Takes any number of further arguments, which it reads from `args` itself. */
  readonly open: boolean;
  apply(rt: Runtime, subject: unknown, values: readonly unknown[], args: Args): unknown;
}

export type Apply = Callable["apply"];

/** A callable with a fixed list of parameters: `"width first? blank?"`; those with a question mark may be left out. */
export function fixed(signature: string, apply: Apply): Callable {
  const names = signature === "" ? [] : signature.split(" ");
  const required = names.filter((name) => !name.endsWith("?")).length;
  return { parameters: names.map((name) => name.replace("?", "")), required, open: false, apply };
}

/** A callable that takes what it is given and reads `args` itself. */
export function open(apply: Apply): Callable {
  return { parameters: [], required: 0, open: true, apply };
}

/** Puts the arguments to the parameters and calls. `name` is for the error text only. */
export function invoke(rt: Runtime, name: string, callable: Callable, subject: unknown, args: Args): unknown {
  rt.charge(1);
  if (callable.open) return callable.apply(rt, subject, args.positional, args);
  const { parameters, required } = callable;
  if (args.positional.length > parameters.length) {
    throw failed(`${name} takes at most ${parameters.length} argument(s), ${args.positional.length} are given`);
  }
  if (args.named === null) {
    if (args.positional.length < required) throw missing(name, parameters[args.positional.length]!);
    return callable.apply(rt, subject, args.positional, args);
  }
  const values: unknown[] = [...args.positional];
  for (const [key, value] of args.named) {
    const at = parameters.indexOf(key);
    if (at < 0) throw failed(`${name} has no argument named '${key}'`);
    if (at < args.positional.length) throw failed(`${name} is given its argument '${key}' twice`);
    values[at] = value;
  }
  for (let at = 0; at < required; at++) if (!(at in values)) throw missing(name, parameters[at]!);
  return callable.apply(rt, subject, values, args);
}

function missing(name: string, parameter: string): Error {
  return failed(`${name} needs its argument '${parameter}'`);
}
