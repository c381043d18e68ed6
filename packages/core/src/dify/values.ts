import { AppError } from "../base/errors.ts";
import { deepFreeze, isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { renderTemplate } from "../expression/evaluate.ts";
import { parseTemplate, type Reference } from "../expression/parse.ts";
import type { Scope } from "../expression/scope.ts";
import {
  renderValueTemplate,
  type Part,
  type ValueTemplate,
  type ValueTemplateProblem,
} from "../expression/template.ts";
import type { Missing, Selector } from "../workflow/dify-steps.ts";
import type { Form } from "./render.ts";
import { newMap } from "./read.ts";
import { find, isFile, NAMESPACES, selectorName } from "./selector.ts";
import { notFound, parseSegments, renderSegments, selectorList } from "./template.ts";

/** Writers of the marks that imported values are made of (see `DifyFlow`). */

export function select(selector: Selector, missing: Missing = "null"): JsonObject {
  return { $select: selector, missing };
}

export function text(template: string, missing: Missing = "name", form: Form = "text"): Json {
  if (parseSegments(template).every((segment) => typeof segment === "string")) return template;
  return { $text: template, missing, form };
}

export function jinja(template: string, variables: JsonObject): JsonObject {
  return { $jinja: template, variables };
}

export function first(selectors: readonly Selector[]): JsonObject {
  return { $first: selectors };
}

/** A value that is not looked into, though it may hold maps that look like marks. */
export function literal(value: Json): Json {
  return value !== null && typeof value === "object" ? { $literal: value } : value;
}

/** Parses a value with marks, as `parseValueTemplate` parses a native one. */
export function parseDifyValue(value: Json): { template: ValueTemplate; problems: ValueTemplateProblem[] } {
  const reading: Reading = { roots: new Map(), problems: [] };
  const part = parsePart(value, [], reading);
  const template = { roots: [...reading.roots.values()], constant: part.type === "constant", part };
  return { template: Object.freeze(template), problems: reading.problems };
}

type Constant = Extract<Part, { readonly type: "constant" }>;

interface Reading {
  readonly roots: Map<string, Reference>;
  readonly problems: ValueTemplateProblem[];
}

function parsePart(value: Json, pointer: readonly string[], reading: Reading): Part {
  if (value === null || typeof value !== "object") return { type: "constant", value };
  if (Array.isArray(value)) {
    const parts = value.map((item: Json, at) => parsePart(item, [...pointer, String(at)], reading));
    // Of its parts: there may be marks inside that stand for a value as it is.
    return parts.every(isConstant) ? constant(parts.map(valueOf)) : { type: "list", parts };
  }
  const map = value as JsonObject;
  const mark = parseMark(map, pointer, reading);
  if (mark !== null) return mark;
  const members = Object.keys(map).map((key) => [key, parsePart(map[key]!, [...pointer, key], reading)] as const);
  if (!members.every(([, part]) => isConstant(part))) return { type: "map", members };
  const plain = newMap();
  for (const [key, part] of members) plain[key] = valueOf(part);
  return constant(plain);
}

function parseMark(map: JsonObject, pointer: readonly string[], reading: Reading): Part | null {
  if (Object.hasOwn(map, "$literal")) return constant(map["$literal"]!);
  const missing = (map["missing"] ?? "null") as Missing;
  if (Array.isArray(map["$select"])) {
    const selector = map["$select"].map(String);
    note(selector, reading);
    return { type: "computed", render: (scope) => selected(scope, selector, missing) };
  }
  if (typeof map["$text"] === "string") {
    const segments = parseSegments(map["$text"]);
    for (const segment of segments) if (typeof segment !== "string") note(segment, reading);
    const form = map["form"] === "markdown" ? "markdown" : "text";
    return { type: "computed", render: (scope) => renderSegments(segments, scope, missing, form) };
  }
  if (Array.isArray(map["$first"])) {
    const selectors = selectorsOf(map["$first"], reading);
    return { type: "computed", render: (scope) => firstOf(scope, selectors) };
  }
  if (Array.isArray(map["$files"])) {
    const selectors = selectorsOf(map["$files"], reading);
    return { type: "computed", render: (scope) => filesOf(scope, selectors) };
  }
  if (isJsonObject(map["$some"])) {
    const inner = { roots: [], constant: false, part: parsePart(map["$some"], pointer, reading) };
    return { type: "computed", render: (scope) => unlessEmpty(renderValueTemplate(inner, scope)) };
  }
  if (typeof map["$jinja"] === "string") return parseJinja(map["$jinja"], map["variables"] ?? {}, pointer, reading);
  return null;
}

function parseJinja(source: string, variables: Json, pointer: readonly string[], reading: Reading): Part {
  const bound: ValueTemplate = {
    roots: [],
    constant: false,
    part: parsePart(variables, [...pointer, "variables"], reading),
  };
  // Dify's environment removes one newline at the end of a template.
  const trimmed = source.endsWith("\n") ? source.slice(0, -1) : source;
  let parsed = parseTemplate(trimmed);
  // A template that is one expression would keep the type of its value, and the result here is always text.
  if (parsed.ok && parsed.template.kind === "value") parsed = parseTemplate("{{ '' }}" + trimmed);
  if (!parsed.ok) {
    const { problem } = parsed;
    reading.problems.push({ pointer: [...pointer, "$jinja"], problem });
    return {
      type: "computed",
      render() {
        throw new AppError("EXPRESSION_ERROR", { reason: problem.message });
      },
    };
  }
  const { template } = parsed;
  return {
    type: "computed",
    render(scope) {
      const values = renderValueTemplate(bound, scope) as JsonObject;
      const lookup = (name: string): unknown => (Object.hasOwn(values, name) ? values[name] : undefined);
      return renderTemplate(template, { lookup }, { dialect: "python" });
    },
  };
}

/** A stored null is a value like any other. */
function selected(scope: Scope, selector: Selector, missing: Missing): Json | undefined {
  const value = find(scope, selector);
  if (value !== undefined) return value;
  switch (missing) {
    case "null":
      return null;
    case "omit":
      return undefined;
    case "name":
      return selectorName(selector);
    case "fail":
      throw notFound(selectorList(selector));
  }
}

function selectorsOf(list: readonly Json[], reading: Reading): readonly Selector[] {
  const selectors = list.flatMap((selector) => (Array.isArray(selector) ? [selector.map(String)] : []));
  for (const selector of selectors) note(selector, reading);
  return selectors;
}

/** The files among the values, those of lists one by one. */
function filesOf(scope: Scope, selectors: readonly Selector[]): readonly Json[] {
  const values = selectors.flatMap((selector) => [find(scope, selector) ?? null].flat() as readonly Json[]);
  return values.filter((value) => isFile(value));
}

function unlessEmpty(value: Json): Json | undefined {
  return isJsonObject(value) && Object.keys(value).length === 0 ? undefined : value;
}

function firstOf(scope: Scope, selectors: readonly Selector[]): Json | undefined {
  for (const selector of selectors) {
    const value = find(scope, selector);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The output that a selector reads, which has to be at hand when it is asked for; null when it reads none. */
export function rootOf([node, name]: Selector): Reference | null {
  if (node === undefined || name === undefined || NAMESPACES.has(node)) return null;
  return { path: ["steps", node, "output"] };
}

function note(selector: Selector, { roots }: Reading): void {
  const root = rootOf(selector);
  if (root !== null) roots.set(selector[0]!, root);
}

function isConstant(part: Part): part is Constant {
  return part.type === "constant";
}

function valueOf(part: Part): Json {
  return isConstant(part) ? part.value : null;
}

function constant(value: Json): Part {
  return { type: "constant", value: deepFreeze(value) };
}
