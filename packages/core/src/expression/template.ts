import { deepFreeze, isJsonObject, type Json } from "../base/json.ts";
import { type EvaluateOptions, renderTemplate, type Scope } from "./evaluate.ts";
import { type ExpressionProblem, parseTemplate, type Reference, type Template } from "./parse.ts";
import { setOwn } from "./values.ts";

/** A value of a configuration, parsed once: JSON in which every text is a template. Keys are taken as they are. */
export interface ValueTemplate {
  readonly roots: readonly Reference[];
  /** Whether there is nothing in it to render. */
  readonly constant: boolean;
  readonly part: Part;
}

export type Part =
  | { readonly type: "constant"; readonly value: Json }
  /** A value of another dialect; undefined leaves the member or element out. */
  | { readonly type: "computed"; render(scope: Scope): Json | undefined }
  | { readonly type: "template"; readonly template: Template }
  | { readonly type: "list"; readonly parts: readonly Part[] }
  | { readonly type: "map"; readonly members: readonly (readonly [string, Part])[] };

/** A problem with a template inside a value, and the keys and positions that lead to it. */
export interface ValueTemplateProblem {
  readonly pointer: string[];
  readonly problem: ExpressionProblem;
}

/** Parses every template of a value. All problems are answered; a text with a problem renders as it is written. */
export function parseValueTemplate(value: Json): { template: ValueTemplate; problems: ValueTemplateProblem[] } {
  const problems: ValueTemplateProblem[] = [];
  const roots = new Map<string, Reference>();
  const part = parsePart(value, [], problems, roots);
  const template = { roots: Object.freeze([...roots.values()]), constant: part.type === "constant", part };
  return { template: Object.freeze(template), problems };
}

function parsePart(
  value: Json,
  pointer: readonly string[],
  problems: ValueTemplateProblem[],
  roots: Map<string, Reference>,
): Part {
  if (typeof value === "string") {
    const parsed = parseTemplate(value);
    if (!parsed.ok) {
      problems.push({ pointer: [...pointer], problem: parsed.problem });
      return { type: "constant", value };
    }
    if (parsed.template.kind === "constant") return { type: "constant", value };
    for (const root of parsed.template.roots) roots.set(JSON.stringify(root.path), root);
    return { type: "template", template: parsed.template };
  }
  if (Array.isArray(value)) {
    const parts = (value as Json[]).map((item, at) => parsePart(item, [...pointer, String(at)], problems, roots));
    return parts.every(isConstant) ? constant(value) : { type: "list", parts };
  }
  if (isJsonObject(value)) {
    const members = Object.keys(value).map(
      (key) => [key, parsePart(value[key]!, [...pointer, key], problems, roots)] as const,
    );
    return members.every(([, part]) => isConstant(part)) ? constant(value) : { type: "map", members };
  }
  return constant(value);
}

function isConstant(part: Part): boolean {
  return part.type === "constant";
}

function constant(value: Json): Part {
  return { type: "constant", value: deepFreeze(value) };
}

/** The texts of a value that have templates in them, each with the keys and positions that lead to it. */
export function* templatesOf(
  { part }: ValueTemplate,
  pointer: readonly string[] = [],
): Generator<{ readonly pointer: readonly string[]; readonly template: Template }> {
  yield* templatesIn(part, pointer);
}

function* templatesIn(part: Part, pointer: readonly string[]): ReturnType<typeof templatesOf> {
  if (part.type === "template") yield { pointer, template: part.template };
  if (part.type === "list")
    for (const [at, item] of part.parts.entries()) yield* templatesIn(item, [...pointer, `${at}`]);
  if (part.type === "map") for (const [key, member] of part.members) yield* templatesIn(member, [...pointer, key]);
}

/**
 * Renders a value. What holds no template is answered as it is, frozen and without a copy. Each template has the
 * whole budget; their number is fixed when the value is parsed.
 */
export function renderValueTemplate(template: ValueTemplate, scope: Scope, options: EvaluateOptions = {}): Json {
  return renderPart(template.part, scope, options) ?? null;
}

function renderPart(part: Part, scope: Scope, options: EvaluateOptions): Json | undefined {
  switch (part.type) {
    case "constant":
      return part.value;
    case "computed":
      return part.render(scope);
    case "template":
      return renderTemplate(part.template, scope, options);
    case "list":
      return part.parts.flatMap((item) => {
        const value = renderPart(item, scope, options);
        return value === undefined ? [] : [value];
      });
    case "map": {
      const map: Record<string, Json> = {};
      for (const [key, member] of part.members) {
        const value = renderPart(member, scope, options);
        if (value !== undefined) setOwn(map, key, value);
      }
      return map;
    }
  }
}
