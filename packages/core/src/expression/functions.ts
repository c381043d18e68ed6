import { type Args, type Callable, fixed, open } from "./arguments.ts";
import { owned, pairsOf } from "./filters-list.ts";
import { failed, type Runtime } from "./runtime.ts";
import { Cycler, Joiner, Namespace } from "./specials.ts";
import { wholeArgument } from "./text.ts";
import { elements, isMap, keyText, setOwn } from "./values.ts";

/** Every function by its name. */
export const FUNCTIONS: ReadonlyMap<string, Callable> = new Map<string, Callable>([
  ["range", open((rt, _subject, _values, args) => range(rt, args))],
  ["dict", open((rt, _subject, _values, args) => dict(rt, args))],
  ["namespace", open((rt, _subject, _values, args) => namespace(rt, args))],
  [
    "cycler",
    open((_rt, _subject, values) => {
      if (values.length === 0) throw failed("cycler needs at least one value");
      return new Cycler(values);
    }),
  ],
  ["joiner", fixed("sep?", (_rt, _subject, [separator]) => new Joiner(separator === undefined ? ", " : separator))],
  ["zip", open((rt, _subject, values) => zip(rt, values))],
  [
    "enumerate",
    fixed("iterable start?", (rt, _subject, [list, start]) => {
      const from = wholeArgument(start, "the start", 0);
      return elements(rt, list).map((item, at) => [at + from, item]);
    }),
  ],
  [
    "lipsum",
    open(() => {
      throw failed("there is no function lipsum: a run has to give the same result when it is repeated");
    }),
  ],
]);

function range(rt: Runtime, { positional, named }: Args): number[] {
  if (named !== null || positional.length === 0 || positional.length > 3)
    throw failed("range takes one to three whole numbers");
  const numbers = positional.map((value) => wholeArgument(value, "what range is given"));
  const [start, stop] = numbers.length === 1 ? [0, numbers[0]!] : [numbers[0]!, numbers[1]!];
  const step = numbers[2] ?? 1;
  if (step === 0) throw failed("the step of range cannot be zero");
  const length = Math.max(0, Math.ceil((stop - start) / step));
  rt.charge(length);
  return owned(
    rt,
    Array.from({ length }, (_, at) => start + at * step),
  );
}

function dict(rt: Runtime, { positional, named }: Args): Record<string, unknown> {
  if (positional.length > 1) throw failed("dict takes one map or list of pairs, and named members");
  const map: Record<string, unknown> = {};
  const [from] = positional;
  if (from !== undefined)
    for (const [key, value] of isMap(from) ? pairsOf(rt, from) : pairs(rt, from)) setOwn(map, key, value);
  for (const [key, value] of named ?? []) setOwn(map, key, value);
  return map;
}

function pairs(rt: Runtime, list: unknown): (readonly [string, unknown])[] {
  return elements(rt, list).map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw failed("dict needs a map or a list of pairs");
    return [keyText(pair[0]), pair[1]] as const;
  });
}

function namespace(rt: Runtime, args: Args): Namespace {
  const made = new Namespace();
  for (const [key, value] of Object.entries(dict(rt, args))) made.variables.set(key, value);
  return made;
}

function zip(rt: Runtime, lists: readonly unknown[]): unknown[][] {
  const columns = lists.map((list) => elements(rt, list));
  const length = columns.length === 0 ? 0 : Math.min(...columns.map((column) => column.length));
  rt.charge(length * columns.length);
  return Array.from({ length }, (_, at) => columns.map((column) => column[at]));
}
