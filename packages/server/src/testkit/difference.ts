import { isJsonObject, type Json } from "@weftwork/core";

/** Where a value is not what the case expects. */
export interface Difference {
  /** `outputs.items[2].title` */
  readonly path: string;
  /** What is wrong, where two values do not say it. */
  readonly message: string | null;
  /** Left out where nothing was expected, or nothing is there. */
  readonly expected?: Json;
  readonly actual?: Json;
}

/** Differences listed for one value; the rest follows from the same mistake. */
const DIFFERENCES_MAX = 20;

/**
 * Compares a value with what is expected of it. `partial`: maps may have more members than are expected; lists are
 * compared as a whole either way, for a list that is longer is another answer.
 */
export function compare(path: string, expected: Json, actual: Json | undefined, partial: boolean): Difference[] {
  const found: Difference[] = [];
  walk(path, expected, actual, partial, found);
  return found.slice(0, DIFFERENCES_MAX);
}

function walk(path: string, expected: Json, actual: Json | undefined, partial: boolean, found: Difference[]): void {
  if (found.length >= DIFFERENCES_MAX) return;
  if (isJsonObject(expected) && isJsonObject(actual)) {
    for (const [name, value] of Object.entries(expected)) walk(member(path, name), value, actual[name], partial, found);
    if (partial) return;
    for (const [name, value] of Object.entries(actual)) {
      if (!Object.hasOwn(expected, name))
        found.push({ path: member(path, name), message: "not expected", actual: value });
    }
    return;
  }
  if (isList(expected) && isList(actual)) {
    if (expected.length !== actual.length) {
      found.push({ path, message: `${expected.length} items expected, ${actual.length} there`, expected, actual });
      return;
    }
    for (const [index, value] of expected.entries()) walk(`${path}[${index}]`, value, actual[index], partial, found);
    return;
  }
  if (actual === undefined) found.push({ path, message: "not there", expected });
  else if (isList(expected) || isJsonObject(expected) || expected !== actual)
    found.push({ path, message: null, expected, actual });
}

function member(path: string, name: string): string {
  return /^\w+$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The value at a path such as `outputs.items[0].title`; undefined when there is none. */
export function valueAt(root: Json, path: string): Json | undefined {
  let at: Json | undefined = root;
  for (const [, name, index, quoted] of path.matchAll(/([^.[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/g)) {
    if (index !== undefined && isList(at)) at = at[Number(index)];
    else if (isJsonObject(at)) at = at[name ?? quoted ?? index!];
    else return undefined;
  }
  return at;
}

export interface DiffLine {
  readonly type: "same" | "expected" | "actual";
  readonly text: string;
}

/** Lines compared at most; the table of the comparison grows with their product. */
const LINES_MAX = 400;

/** Two texts line by line: what is in both, only expected, only there. */
export function lineDiff(expected: string, actual: string): readonly DiffLine[] {
  const a = expected.split("\n").slice(0, LINES_MAX);
  const b = actual.split("\n").slice(0, LINES_MAX);
  // common[i][j]: length of the longest common run of lines of a from i and b from j.
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i]![j] = a[i] === b[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ type: "same", text: a[i++]! });
      j++;
    } else if (j >= b.length || (i < a.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      lines.push({ type: "expected", text: a[i++]! });
    } else {
      lines.push({ type: "actual", text: b[j++]! });
    }
  }
  return lines;
}
