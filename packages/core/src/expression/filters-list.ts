import { type Callable, fixed } from "./arguments.ts";
import { attributeGetter, sortKey } from "./attributes.ts";
import { asGroup } from "./group.ts";
import { OPERATORS } from "./operators.ts";
import { printed } from "./render.ts";
import { failed, type Runtime } from "./runtime.ts";
import { textOf, wholeArgument } from "./text.ts";
import {
  characterCount,
  characters,
  compare,
  elements,
  equal,
  getOwn,
  isMap,
  keysOf,
  kindOf,
  truthy,
} from "./values.ts";

/** Filters over lists. A map counts as the list of its keys, a text as the list of its characters. */
export const LIST_FILTERS: readonly (readonly [string, Callable])[] = [
  ["length", fixed("", (rt, value) => lengthOf(rt, value))],
  ["count", fixed("", (rt, value) => lengthOf(rt, value))],
  ["first", fixed("", (rt, value) => (Array.isArray(value) ? (value as unknown[])[0] : elements(rt, value)[0]))],
  ["last", fixed("", (rt, value) => (Array.isArray(value) ? (value as unknown[]).at(-1) : elements(rt, value).at(-1)))],
  ["list", fixed("", (rt, value) => owned(rt, [...elements(rt, value)]))],
  [
    "reverse",
    fixed("", (rt, value) =>
      typeof value === "string" ? characters(rt, value).toReversed().join("") : elements(rt, value).toReversed(),
    ),
  ],
  ["join", fixed("d? attribute?", (rt, value, [separator, attribute]) => joinedText(rt, value, separator, attribute))],
  [
    "sort",
    fixed("reverse? case_sensitive? attribute?", (rt, value, [reverse, sensitive, attribute]) =>
      sorted(rt, elements(rt, value), sortKey(rt, attribute, truthy(rt, sensitive)), truthy(rt, reverse)),
    ),
  ],
  [
    "unique",
    fixed("case_sensitive? attribute?", (rt, value, [sensitive, attribute]) =>
      unique(rt, elements(rt, value), truthy(rt, sensitive), attribute),
    ),
  ],
  [
    "min",
    fixed("case_sensitive? attribute?", (rt, value, [sensitive, attribute]) =>
      extreme(rt, elements(rt, value), truthy(rt, sensitive), attribute, -1),
    ),
  ],
  [
    "max",
    fixed("case_sensitive? attribute?", (rt, value, [sensitive, attribute]) =>
      extreme(rt, elements(rt, value), truthy(rt, sensitive), attribute, 1),
    ),
  ],
  [
    "sum",
    fixed("attribute? start?", (rt, value, [attribute, start]) => sum(rt, elements(rt, value), attribute, start)),
  ],
  [
    "batch",
    fixed("linecount fill_with?", (rt, value, [count, fill]) =>
      batches(rt, elements(rt, value), wholeArgument(count, "the size of a batch"), fill),
    ),
  ],
  [
    "slice",
    fixed("slices fill_with?", (rt, value, [count, fill]) =>
      columns(rt, elements(rt, value), wholeArgument(count, "the number of slices"), fill),
    ),
  ],
  [
    "groupby",
    fixed("attribute default? case_sensitive?", (rt, value, [attribute, otherwise, sensitive]) =>
      groups(rt, elements(rt, value), attribute, otherwise, truthy(rt, sensitive)),
    ),
  ],
  [
    "dictsort",
    fixed("case_sensitive? by? reverse?", (rt, value, [sensitive, by, reverse]) =>
      dictSorted(rt, value, truthy(rt, sensitive), by, truthy(rt, reverse)),
    ),
  ],
  ["items", fixed("", (rt, value) => (value === undefined ? [] : pairsOf(rt, value)))],
];

export function lengthOf(rt: Runtime, value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (typeof value === "string") return characterCount(rt, value);
  if (value === undefined) return 0;
  if (isMap(value)) return keysOf(rt, value).length;
  throw failed(`${kindOf(value)} has no length`);
}

/** A list made in the template, to which it may append. */
export function owned<T>(rt: Runtime, list: T[]): T[] {
  rt.ownLists.add(list);
  return list;
}

export function pairsOf(rt: Runtime, value: unknown): (readonly [string, unknown])[] {
  if (!isMap(value)) throw failed(`${kindOf(value)} has no items: a map is needed`);
  return keysOf(rt, value).map((key) => [key, getOwn(value, key)] as const);
}

export function joinedText(rt: Runtime, value: unknown, separator: unknown, attribute: unknown): string {
  const get = attributeGetter(rt, attribute);
  const between = separator === undefined ? "" : textOf(rt, separator);
  let out = "";
  let first = true;
  for (const item of elements(rt, value)) {
    const piece = printed(rt, get(item));
    const size = out.length + between.length + piece.length;
    if (size > rt.bytes) rt.room(size);
    rt.charge((between.length + piece.length) >> 8);
    out += first ? piece : between + piece;
    first = false;
  }
  return out;
}

function sorted(rt: Runtime, items: readonly unknown[], key: (item: unknown) => unknown, reverse: boolean): unknown[] {
  rt.charge((items.length * Math.ceil(Math.log2(items.length + 1))) >> 2);
  const keyed = items.map((item) => ({ item, key: key(item) }));
  keyed.sort((a, b) => (reverse ? compare(rt, b.key, a.key) : compare(rt, a.key, b.key)));
  return keyed.map(({ item }) => item);
}

/** A set of values: texts, numbers and booleans are found by hash, lists and maps by comparing each. */
function unique(rt: Runtime, items: readonly unknown[], sensitive: boolean, attribute: unknown): unknown[] {
  const key = sortKey(rt, attribute, sensitive);
  const simple = new Set<unknown>();
  const others: unknown[] = [];
  return items.filter((item) => {
    const value = key(item);
    if (typeof value !== "object" || value === null) {
      const plain = typeof value === "boolean" ? Number(value) : value;
      return !simple.has(plain) && simple.add(plain);
    }
    rt.charge(others.length);
    if (others.some((other) => equal(rt, other, value))) return false;
    others.push(value);
    return true;
  });
}

function extreme(
  rt: Runtime,
  items: readonly unknown[],
  sensitive: boolean,
  attribute: unknown,
  sign: number,
): unknown {
  const key = sortKey(rt, attribute, sensitive);
  if (items.length === 0) return undefined;
  let best = items[0];
  let bestKey = key(best);
  for (const item of items.slice(1)) {
    const value = key(item);
    if (compare(rt, value, bestKey) * sign > 0) [best, bestKey] = [item, value];
  }
  return best;
}

function sum(rt: Runtime, items: readonly unknown[], attribute: unknown, start: unknown): unknown {
  const get = attributeGetter(rt, attribute);
  let total: unknown = start === undefined ? 0 : start;
  // As in Python: `sum` joins no text, or long texts would be copied again and again.
  if (typeof total === "string") throw failed("sum adds no text; use join");
  for (const item of items) total = OPERATORS["+"]!(rt, total, get(item));
  return total;
}

function batches(rt: Runtime, items: readonly unknown[], size: number, fill: unknown): unknown[][] {
  if (size < 1) throw failed("the size of a batch has to be at least 1");
  const out: unknown[][] = [];
  for (let at = 0; at < items.length; at += size) out.push(items.slice(at, at + size));
  const last = out.at(-1);
  if (last !== undefined && fill !== undefined && fill !== null) {
    rt.charge(size - last.length);
    while (last.length < size) last.push(fill);
  }
  return out;
}

function columns(rt: Runtime, items: readonly unknown[], count: number, fill: unknown): unknown[][] {
  if (count < 1) throw failed("the number of slices has to be at least 1");
  rt.charge(count);
  const [each, extra] = [Math.floor(items.length / count), items.length % count];
  let from = 0;
  return Array.from({ length: count }, (_, at) => {
    const size = each + (at < extra ? 1 : 0);
    const column = items.slice(from, from + size);
    from += size;
    if (fill !== undefined && fill !== null && at >= extra && extra > 0) column.push(fill);
    return column;
  });
}

function groups(
  rt: Runtime,
  items: readonly unknown[],
  attribute: unknown,
  otherwise: unknown,
  sensitive: boolean,
): unknown[] {
  const get = attributeGetter(rt, attribute, otherwise);
  const fold = (value: unknown): unknown => (!sensitive && typeof value === "string" ? value.toLowerCase() : value);
  const out: { key: unknown; list: unknown[] }[] = [];
  for (const item of sorted(rt, items, (each) => fold(get(each)), false)) {
    const key = get(item);
    const last = out.at(-1);
    if (last !== undefined && equal(rt, fold(last.key), fold(key))) last.list.push(item);
    else out.push({ key, list: [item] });
  }
  return out.map(({ key, list }) => asGroup(key, list));
}

function dictSorted(rt: Runtime, value: unknown, sensitive: boolean, by: unknown, reverse: boolean): unknown[] {
  if (by !== undefined && by !== "key" && by !== "value") throw failed("dictsort sorts by 'key' or by 'value'");
  const key = sortKey(rt, by === "value" ? 1 : 0, sensitive);
  return sorted(rt, pairsOf(rt, value), key, reverse);
}
