import { type Args, type Callable, fixed, invoke, open } from "./arguments.ts";
import { joinedText, owned, pairsOf } from "./filters-list.ts";
import { braceFormat } from "./format.ts";
import { isRefusedName, REFUSED_NAME } from "./names.ts";
import { nearest } from "./problem.ts";
import { failed, type Runtime } from "./runtime.ts";
import { NO_METHOD, Special } from "./specials.ts";
import {
  capitalized,
  justified,
  lines,
  replaced,
  type Side,
  split,
  splitEnd,
  stripped,
  textArgument,
  wholeArgument,
} from "./text.ts";
import { slice } from "./members.ts";
import { characterCount, elements, equal, getOwn, isMap, keysOf, keyText, kindOf, truthy } from "./values.ts";

/**
 * Calls a method by our own tables. No method of the host is ever reached: what stands in no table does not exist.
 */
export function callMethod(rt: Runtime, object: unknown, name: string, args: Args): unknown {
  if (isRefusedName(name)) throw failed(REFUSED_NAME);
  if (object instanceof Special) {
    rt.charge(1);
    const result = object.method(rt, name, args);
    if (result !== NO_METHOD) return result;
    const value = object.member(name);
    const called = value instanceof Special ? value.call(rt, args) : NO_METHOD;
    if (called === NO_METHOD) throw failed(`${object.kind} has no method '${name}'`);
    return called;
  }
  const table = typeof object === "string" ? TEXT : Array.isArray(object) ? LIST : isMap(object) ? MAP : NONE;
  const method = table.get(name);
  if (method !== undefined) return invoke(rt, `the method ${name}`, method, object, args);
  const value = isMap(object) ? getOwn(object, name) : undefined;
  if (value instanceof Special) return value.call(rt, args);
  const instead = nearest(name, table.keys());
  throw failed(`${kindOf(object)} has no method '${name}'${instead === undefined ? "" : `; is '${instead}' meant?`}`);
}

const NONE: ReadonlyMap<string, Callable> = new Map();

/** A method of texts; its subject is a text. */
const onText = (
  signature: string,
  apply: (rt: Runtime, text: string, values: readonly unknown[]) => unknown,
): Callable =>
  fixed(signature, (rt, text, values) => {
    rt.charge((text as string).length >> 8);
    return apply(rt, text as string, values);
  });

const strip = (side: Side): Callable => onText("chars?", (rt, text, [chars]) => stripped(rt, text, side, chars));
const justify = (side: "center" | "start" | "end"): Callable =>
  onText("width fillchar?", (rt, text, [width, fill]) =>
    justified(rt, text, wholeArgument(width, "the width"), side, fill),
  );
const every = (pattern: RegExp): Callable =>
  onText("", (rt, text) => {
    rt.charge(text.length >> 6);
    return pattern.test(text);
  });

const TEXT: ReadonlyMap<string, Callable> = new Map<string, Callable>([
  ["upper", onText("", (rt, text) => rt.text(text.toUpperCase()))],
  ["lower", onText("", (rt, text) => rt.text(text.toLowerCase()))],
  ["casefold", onText("", (rt, text) => rt.text(text.toLowerCase()))],
  ["capitalize", onText("", (rt, text) => rt.text(capitalized(text)))],
  ["swapcase", onText("", (rt, text) => recased(rt, text, /\p{Lu}|\p{Ll}/gu, swapped))],
  ["title", onText("", (rt, text) => recased(rt, text, /\p{L}+/gu, capitalized))],
  ["strip", strip("both")],
  ["lstrip", strip("start")],
  ["rstrip", strip("end")],
  ["center", justify("center")],
  ["ljust", justify("start")],
  ["rjust", justify("end")],
  ["zfill", onText("width", (rt, text, [width]) => zeroFilled(rt, text, wholeArgument(width, "the width")))],
  [
    "split",
    onText("sep? maxsplit?", (rt, text, [by, most]) => split(rt, text, by, wholeArgument(most, "maxsplit", -1))),
  ],
  [
    "rsplit",
    onText("sep? maxsplit?", (rt, text, [by, most]) => splitEnd(rt, text, by, wholeArgument(most, "maxsplit", -1))),
  ],
  ["splitlines", onText("keepends?", (rt, text, [keep]) => lines(rt, text, truthy(rt, keep)))],
  ["partition", onText("sep", (_rt, text, [by]) => partition(text, textArgument(by, "the separator"), false))],
  ["rpartition", onText("sep", (_rt, text, [by]) => partition(text, textArgument(by, "the separator"), true))],
  ["join", onText("iterable", (rt, text, [list]) => strictJoin(rt, text, list))],
  [
    "replace",
    onText("old new count?", (rt, text, [from, to, count]) =>
      replaced(
        rt,
        text,
        textArgument(from, "what is replaced"),
        textArgument(to, "the replacement"),
        wholeArgument(count, "the count", -1),
      ),
    ),
  ],
  [
    "removeprefix",
    onText("prefix", (_rt, text, [prefix]) =>
      text.startsWith(textArgument(prefix, "the prefix")) ? text.slice((prefix as string).length) : text,
    ),
  ],
  [
    "removesuffix",
    onText("suffix", (_rt, text, [suffix]) => {
      const end = textArgument(suffix, "the suffix");
      return end !== "" && text.endsWith(end) ? text.slice(0, -end.length) : text;
    }),
  ],
  ["startswith", onText("prefix", (_rt, text, [prefix]) => anyOf(prefix, (each) => text.startsWith(each)))],
  ["endswith", onText("suffix", (_rt, text, [suffix]) => anyOf(suffix, (each) => text.endsWith(each)))],
  [
    "find",
    onText("sub start? end?", (rt, text, args) => position(rt, text, args, (whole, part) => whole.indexOf(part))),
  ],
  [
    "rfind",
    onText("sub start? end?", (rt, text, args) => position(rt, text, args, (whole, part) => whole.lastIndexOf(part))),
  ],
  [
    "index",
    onText("sub start? end?", (rt, text, args) =>
      found(position(rt, text, args, (whole, part) => whole.indexOf(part))),
    ),
  ],
  ["count", onText("sub", (rt, text, [part]) => occurrences(rt, text, textArgument(part, "what is counted")))],
  ["isdigit", every(/^[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468]+$/u)],
  ["isdecimal", every(/^\p{Nd}+$/u)],
  ["isnumeric", every(/^\p{N}+$/u)],
  ["isalpha", every(/^\p{L}+$/u)],
  ["isalnum", every(/^[\p{L}\p{N}]+$/u)],
  ["isspace", onText("", (rt, text) => text !== "" && stripped(rt, text, "both", undefined) === "")],
  ["islower", onText("", (_rt, text) => text === text.toLowerCase() && text !== text.toUpperCase())],
  ["isupper", onText("", (_rt, text) => text === text.toUpperCase() && text !== text.toLowerCase())],
  ["format", open((rt, text, _values, args) => braceFormat(rt, text as string, args))],
  ["encode", refused("text has no method 'encode': there are no bytes; see the filters b64encode and urlencode")],
]);

const LIST: ReadonlyMap<string, Callable> = new Map<string, Callable>([
  [
    "index",
    fixed("value", (rt, list, [value]) => {
      const at = elements(rt, list).findIndex((item) => equal(rt, item, value));
      if (at < 0) throw failed("the value is not in the list");
      return at;
    }),
  ],
  ["count", fixed("value", (rt, list, [value]) => elements(rt, list).filter((item) => equal(rt, item, value)).length)],
  ["copy", fixed("", (rt, list) => owned(rt, [...elements(rt, list)]))],
  [
    "append",
    fixed("value", (rt, list, [value]) => {
      changeable(rt, list).push(value);
      return null;
    }),
  ],
  [
    "extend",
    fixed("values", (rt, list, [values]) => {
      const target = changeable(rt, list);
      // A copy, for a list may be extended by itself.
      for (const value of elements(rt, values).slice()) target.push(value);
      return null;
    }),
  ],
  [
    "insert",
    fixed("index value", (rt, list, [index, value]) => {
      const target = changeable(rt, list);
      rt.charge(target.length);
      target.splice(wholeArgument(index, "the index"), 0, value);
      return null;
    }),
  ],
  ...["pop", "remove", "clear", "sort", "reverse"].map(
    (name) =>
      [name, refused(`a list has no method '${name}': lists are not taken apart; use slices and filters`)] as const,
  ),
]);

const MAP: ReadonlyMap<string, Callable> = new Map<string, Callable>([
  ["items", fixed("", (rt, map) => pairsOf(rt, map))],
  ["keys", fixed("", (rt, map) => (isMap(map) ? [...keysOf(rt, map)] : []))],
  ["values", fixed("", (rt, map) => pairsOf(rt, map).map(([, value]) => value))],
  [
    "get",
    fixed("key default?", (_rt, map, [key, otherwise]) => {
      const name = keyText(key);
      if (isRefusedName(name)) throw failed(REFUSED_NAME);
      const value = isMap(map) ? getOwn(map, name) : undefined;
      return value === undefined ? (otherwise === undefined ? null : otherwise) : value;
    }),
  ],
  ["copy", fixed("", (_rt, map) => map)],
  ...["update", "pop", "setdefault", "clear", "popitem"].map(
    (name) =>
      [name, refused(`a map has no method '${name}': maps are not changed; dict(a, **b) makes a new one`)] as const,
  ),
]);

function refused(reason: string): Callable {
  return open(() => {
    throw failed(reason);
  });
}

function changeable(rt: Runtime, list: unknown): unknown[] {
  if (!rt.ownLists.has(list))
    throw failed("only a list made in the template can be changed; (list + [value]) makes a new one");
  return list as unknown[];
}

function recased(rt: Runtime, text: string, pattern: RegExp, change: (part: string) => string): string {
  rt.charge(text.length >> 1);
  return rt.text(text.replaceAll(pattern, change));
}

function swapped(char: string): string {
  const upper = char.toUpperCase();
  return upper === char ? char.toLowerCase() : upper;
}

function zeroFilled(rt: Runtime, text: string, width: number): string {
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  const missing = width - characterCount(rt, text);
  rt.room(Math.max(0, missing) + text.length);
  return missing > 0 ? sign + "0".repeat(missing) + text.slice(sign.length) : text;
}

function partition(text: string, by: string, fromEnd: boolean): string[] {
  if (by === "") throw failed("the separator cannot be empty");
  const at = fromEnd ? text.lastIndexOf(by) : text.indexOf(by);
  if (at < 0) return fromEnd ? ["", "", text] : [text, "", ""];
  return [text.slice(0, at), by, text.slice(at + by.length)];
}

function strictJoin(rt: Runtime, separator: string, list: unknown): string {
  const odd = elements(rt, list).find((item) => typeof item !== "string");
  if (odd !== undefined) throw failed(`join needs texts, not ${kindOf(odd)}; the filter join prints what is no text`);
  return joinedText(rt, list, separator, undefined);
}

function anyOf(value: unknown, holds: (text: string) => boolean): boolean {
  const all = Array.isArray(value) ? (value as unknown[]) : [value];
  return all.some((each) => holds(textArgument(each, "what is compared")));
}

/** Positions count characters, so a text with wide ones is measured up to the place found. */
function position(
  rt: Runtime,
  text: string,
  [part, start, end]: readonly unknown[],
  search: (text: string, part: string) => number,
): number {
  const wanted = textArgument(part, "what is looked for");
  const from = start === undefined || start === null ? 0 : wholeArgument(start, "the start");
  const within = from === 0 && (end === undefined || end === null) ? text : String(slice(rt, text, from, end, null));
  const at = search(within, wanted);
  if (at < 0) return -1;
  const offset = from < 0 ? Math.max(0, characterCount(rt, text) + from) : from;
  return characterCount(rt, within.slice(0, at)) + offset;
}

function found(at: number): number {
  if (at < 0) throw failed("the text that is looked for is not there");
  return at;
}

function occurrences(rt: Runtime, text: string, part: string): number {
  if (part === "") return characterCount(rt, text) + 1;
  let count = 0;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) {
    rt.charge(1);
    count++;
  }
  return count;
}
