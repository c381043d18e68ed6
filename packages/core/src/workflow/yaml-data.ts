import { isAlias, isMap, isScalar, isSeq } from "yaml";
import type { Node, Pair } from "yaml";
import { isPrototypeName, type Json } from "../base/json.ts";
import type { Lines, Mark } from "./locate.ts";
import { type NewProblem, pointerPart, shown } from "./problems.ts";
import type { Suggester } from "./suggest.ts";

/** How deep lists and maps may be nested. */
export const DEPTH_MAX = 100;
/** How many values a text may hold, those that aliases repeat counted each time. */
export const NODES_MAX = 200_000;

interface Reading {
  readonly value: Json;
  readonly mark: Mark;
  /** Values in it, itself included, as if every alias were written out. */
  readonly size: number;
  /** Levels of lists and maps in it. */
  readonly height: number;
}

export interface YamlData {
  /** Undefined when the document is too large or too deep to be used at all. */
  readonly value: Json | undefined;
  readonly mark: Mark | null;
}

/**
 * Plain data out of the nodes of a YAML document. Nothing that is surprising about YAML passes: a name given twice,
 * merge keys, infinities, names that reach a prototype are problems; aliases share one value and are counted in full.
 */
export function readData(
  root: Node | null,
  lines: Lines,
  suggester: Suggester,
  report: (problem: NewProblem) => void,
): YamlData {
  if (root === null) return { value: null, mark: null };
  const reader = new NodeReader(lines, suggester, report);
  const reading = reader.read(root, offsetOf(root), "", 0);
  return reader.overflowed ? { value: undefined, mark: null } : reading;
}

class NodeReader {
  overflowed = false;
  private nodes = 0;
  private readonly anchors = new Map<string, Reading | "open">();
  private readonly lines: Lines;
  private readonly suggester: Suggester;
  private readonly report: (problem: NewProblem) => void;

  constructor(lines: Lines, suggester: Suggester, report: (problem: NewProblem) => void) {
    this.lines = lines;
    this.suggester = suggester;
    this.report = report;
  }

  read(node: unknown, keyAt: number, pointer: string, depth: number): Reading {
    if (isAlias(node)) return this.alias(node.source, node, keyAt, pointer, depth);
    const anchor = (node as { anchor?: string } | null)?.anchor;
    if (anchor !== undefined) this.anchors.set(anchor, "open");
    const reading = this.content(node, keyAt, pointer, depth);
    if (anchor !== undefined) this.anchors.set(anchor, reading);
    return reading;
  }

  private content(node: unknown, keyAt: number, pointer: string, depth: number): Reading {
    if (!this.spend(1, pointer, node)) return leaf(null, keyAt, keyAt);
    if (isMap(node)) return this.map(node.items, offsetOf(node), keyAt, pointer, depth);
    if (isSeq(node)) return this.list(node.items, offsetOf(node), keyAt, pointer, depth);
    if (!isScalar(node)) return leaf(null, keyAt, keyAt);
    const [start, end] = node.range ?? [keyAt, keyAt];
    const at = start === end ? keyAt : start;
    const value = node.value;
    if (typeof value === "number" && !Number.isFinite(value)) {
      this.report({
        code: "non_finite_number",
        message: `${shown(node.source ?? String(value))} is not a number that JSON can hold.`,
        suggestion: "Write a finite number, or put the text in quotes.",
        pointer,
        place: this.lines.place(at),
      });
      return leaf(null, at, keyAt);
    }
    return leaf(isJsonScalar(value) ? value : String(value), at, keyAt);
  }

  private map(pairs: readonly Pair[], at: number, keyAt: number, pointer: string, depth: number): Reading {
    const value: Record<string, Json> = Object.create(null) as Record<string, Json>;
    const members = new Map<string, Mark>();
    let [size, height] = [1, 0];
    for (const pair of pairs) {
      if (this.overflowed) break;
      const nameAt = offsetOf(pair.key) ?? at;
      const name = isScalar(pair.key) ? String(pair.key.value ?? "") : null;
      if (name === null) continue; // Reported by the parser: a name must be a text.
      const path = pointer + pointerPart(name);
      if (!this.nameFits(name, nameAt, path, members.get(name))) continue;
      const reading = this.read(pair.value, nameAt, path, depth + 1);
      value[name] = reading.value;
      members.set(name, reading.mark);
      size += reading.size;
      height = Math.max(height, reading.height);
    }
    return { value, mark: { at, keyAt, members }, size, height: height + 1 };
  }

  private list(items: readonly unknown[], at: number, keyAt: number, pointer: string, depth: number): Reading {
    const value: Json[] = [];
    const members: Mark[] = [];
    let [size, height] = [1, 0];
    for (const item of items) {
      if (this.overflowed) break;
      const reading = this.read(item, offsetOf(item) ?? at, pointer + pointerPart(value.length), depth + 1);
      value.push(reading.value);
      members.push(reading.mark);
      size += reading.size;
      height = Math.max(height, reading.height);
    }
    return { value, mark: { at, keyAt, members }, size, height: height + 1 };
  }

  private nameFits(name: string, at: number, pointer: string, before: Mark | undefined): boolean {
    const place = this.lines.place(at);
    if (before) {
      this.report({
        code: "duplicate_key",
        message: `${shown(name)} is given twice in the same map; line ${this.lines.place(before.keyAt).line} has it first.`,
        suggestion: "Keep one of the two.",
        pointer,
        place,
      });
      return false;
    }
    if (isPrototypeName(name)) {
      this.report({
        code: "forbidden_key",
        message: `${shown(name)} may not be the name of a field.`,
        suggestion: "Choose another name.",
        pointer,
        place,
      });
      return false;
    }
    if (name === "<<") {
      this.report({
        code: "merge_key",
        message: "Merge keys (<<) are not part of YAML 1.2 and are not read here.",
        suggestion: "Write the fields out, or refer to a whole value with an alias.",
        pointer,
        place,
      });
      return false;
    }
    return true;
  }

  private alias(name: string, node: unknown, keyAt: number, pointer: string, depth: number): Reading {
    const at = offsetOf(node) ?? keyAt;
    const found = this.anchors.get(name);
    if (found === undefined || found === "open") {
      this.report({
        code: "unknown_alias",
        message:
          found === "open"
            ? `The alias *${name} stands inside the value it names.`
            : `There is no anchor &${name} before this alias.`,
        suggestion:
          found === "open" ? "Write the value out." : () => this.suggester.didYouMean(name, this.anchors.keys()),
        pointer,
        place: this.lines.place(at),
      });
      return leaf(null, at, keyAt);
    }
    if (!this.spend(found.size, pointer, node)) return leaf(null, at, keyAt);
    if (depth + found.height > DEPTH_MAX) {
      this.overflowed = true;
      this.report(tooDeep(pointer, this.lines, at));
      return leaf(null, at, keyAt);
    }
    return { ...found, mark: { at, keyAt, members: found.mark.members } };
  }

  /** False once the text holds more than it may; reported once. */
  private spend(count: number, pointer: string, node: unknown): boolean {
    if (this.overflowed) return false;
    this.nodes += count;
    if (this.nodes <= NODES_MAX) return true;
    this.overflowed = true;
    this.report(tooLarge(pointer, this.lines, offsetOf(node) ?? 0));
    return false;
  }
}

/** The problem of a text that holds more values than `NODES_MAX`. */
export function tooLarge(pointer: string, lines: Lines, at: number): NewProblem {
  return {
    code: "too_large",
    message: `The text holds too much: more than ${NODES_MAX} values (aliases written out), or as many blanks and line breaks as five times that.`,
    suggestion: "Pass large data as inputs of the run, or split the workflow.",
    pointer,
    place: lines.place(at),
  };
}

/** The problem of a text nested deeper than `DEPTH_MAX`. */
export function tooDeep(pointer: string, lines: Lines, at: number): NewProblem {
  return {
    code: "too_deep",
    message: `Lists and maps are nested deeper than ${DEPTH_MAX} levels.`,
    suggestion: "Flatten the text.",
    pointer,
    place: lines.place(at),
  };
}

function leaf(value: Json, at: number, keyAt: number): Reading {
  return { value, mark: { at, keyAt, members: null }, size: 1, height: 0 };
}

function isJsonScalar(value: unknown): value is string | number | boolean | null {
  return value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function offsetOf(node: unknown): number {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? 0;
}
