import { parseJson } from "../base/json.ts";
import { type Args, type Callable, fixed, invoke, NO_ARGS, open } from "./arguments.ts";
import { attributeGetter } from "./attributes.ts";
import { LIST_FILTERS } from "./filters-list.ts";
import { NUMBER_FILTERS } from "./filters-number.ts";
import { TEXT_FILTERS } from "./filters-text.ts";
import { member } from "./members.ts";
import { PREDICATES } from "./predicates.ts";
import { pretty, toJsonText } from "./render.ts";
import { failed, type Runtime } from "./runtime.ts";
import { textArgument, wholeArgument } from "./text.ts";
import { elements, kindOf, truthy } from "./values.ts";

/** Every filter by its name. `docs/expressions.md` lists the same names, and a test holds both equal. */
export const FILTERS: ReadonlyMap<string, Callable> = new Map<string, Callable>([
  ...TEXT_FILTERS,
  ...NUMBER_FILTERS,
  ...LIST_FILTERS,
  ["default", fixed("default_value? boolean?", defaulted)],
  ["d", fixed("default_value? boolean?", defaulted)],
  [
    "attr",
    fixed("name", (rt, value, [name]) => {
      if (value === undefined) throw failed("attr is given an undefined value");
      return member(rt, value, textArgument(name, "the name"));
    }),
  ],
  ["tojson", fixed("indent?", (rt, value, [indent]) => toJsonText(rt, value, indentOf(indent)))],
  ["fromjson", fixed("", (rt, value) => parsed(rt, value))],
  ["pprint", fixed("", (rt, value) => pretty(rt, value))],
  ["map", open((rt, value, _values, args) => mapped(rt, value, args))],
  ["select", open((rt, value, _values, args) => picked(rt, value, args, true, false))],
  ["reject", open((rt, value, _values, args) => picked(rt, value, args, false, false))],
  ["selectattr", open((rt, value, _values, args) => picked(rt, value, args, true, true))],
  ["rejectattr", open((rt, value, _values, args) => picked(rt, value, args, false, true))],
  ["random", refused("random: a run has to give the same result when it is repeated")],
  ["urlize", refused("urlize: it is not part of the language")],
]);

function refused(what: string): Callable {
  return open(() => {
    throw failed(`there is no filter ${what}`);
  });
}

function defaulted(rt: Runtime, value: unknown, [otherwise, boolean]: readonly unknown[]): unknown {
  const missing = truthy(rt, boolean) ? !truthy(rt, value) : value === undefined;
  return missing ? (otherwise === undefined ? "" : otherwise) : value;
}

function indentOf(indent: unknown): number | null {
  if (indent === undefined || indent === null) return null;
  const width = wholeArgument(indent, "the indent");
  if (width < 0 || width > 20) throw failed("the indent is between 0 and 20");
  return width;
}

function parsed(rt: Runtime, value: unknown): unknown {
  const text = textArgument(value, "what fromjson reads");
  rt.charge(text.length >> 4);
  try {
    return parseJson(text);
  } catch {
    // The reason would quote the text, which may be a secret.
    throw failed("the text that fromjson reads is not JSON");
  }
}

/** `map('upper')`, `map('replace', 'a', 'b')`, `map(attribute='x', default=0)`. */
function mapped(rt: Runtime, value: unknown, args: Args): unknown[] {
  const items = elements(rt, value);
  if (args.positional.length === 0) {
    const named = args.named ?? new Map<string, unknown>();
    const unknown = [...named.keys()].find((name) => name !== "attribute" && name !== "default");
    if (unknown !== undefined) throw failed(`the filter map has no argument named '${unknown}'`);
    if (!named.has("attribute")) throw failed("map needs a filter's name or an attribute");
    return items.map(attributeGetter(rt, named.get("attribute"), named.get("default")));
  }
  const [name, rest] = split(args);
  const filter = FILTERS.get(name);
  if (filter === undefined) throw failed("map names a filter that does not exist");
  const label = `the filter ${name}`;
  return items.map((item) => invoke(rt, label, filter, item, rest));
}

const itself = (item: unknown): unknown => item;

/** `select('odd')`, `rejectattr('x', 'eq', 1)`; without a test what is true is taken. */
function picked(rt: Runtime, value: unknown, args: Args, wanted: boolean, byAttribute: boolean): unknown[] {
  const items = elements(rt, value);
  let get = itself;
  let rest = args;
  if (byAttribute) {
    if (args.positional.length === 0) throw failed("an attribute's name is needed");
    get = attributeGetter(rt, args.positional[0]);
    rest = { positional: args.positional.slice(1), named: args.named };
  }
  if (rest.positional.length === 0) return items.filter((item) => truthy(rt, get(item)) === wanted);
  const [name, testArgs] = split(rest);
  const test = PREDICATES.get(name);
  if (test === undefined) throw failed("select names a test that does not exist");
  const label = `the test ${name}`;
  return items.filter((item) => truthy(rt, invoke(rt, label, test, get(item), testArgs)) === wanted);
}

function split({ positional, named }: Args): [string, Args] {
  const [name, ...rest] = positional;
  if (typeof name !== "string") throw failed(`a filter or test is named by text, not by ${kindOf(name)}`);
  return [name, rest.length === 0 && named === null ? NO_ARGS : { positional: rest, named }];
}
