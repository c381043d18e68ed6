import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { APPLICATORS } from "./applicators.ts";
import { ASSERTIONS } from "./assertions.ts";
import { pointerPart, unusable, type Builder, type SchemaParts } from "./builder.ts";
import { shapeMistake } from "./keywords.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import type { Check, SchemaNode } from "./visit.ts";

/** What is wrong with a schema itself. */
export interface SchemaProblem {
  /** JSON Pointer into the schema. */
  readonly pointer: string;
  /** A sentence without its subject: "must be a number, and is a text". */
  readonly message: string;
}

const BUILDERS: readonly (readonly [keyword: string, build: Builder])[] = [
  ...Object.entries(ASSERTIONS),
  ...Object.entries(APPLICATORS),
];

/** Schemas that one schema may hold in all, those it refers to included. */
const NODES_MAX = 50_000;
const PROBLEMS_MAX = 50;
/** Instructions of all patterns together. */
const PROGRAMS_MAX = 200_000;

const ANYTHING: SchemaNode = { checks: [] };
const NOTHING: SchemaNode = { checks: [(_value, visit) => visit.fail("false", "must not be there")] };

/** Reads one schema into nodes. References lead within it: nothing is ever fetched. */
export class SchemaReader implements SchemaParts {
  readonly problems: SchemaProblem[] = [];
  tracks = false;
  private readonly root: Json;
  private readonly nodes = new Map<JsonObject, SchemaNode>();
  /** The schema that `#` means inside of each schema: the nearest one around it with an `$id`. */
  private readonly homes = new Map<JsonObject, JsonObject>();
  private readonly patterns = new Map<string, Pattern | null>();
  private readonly byId = new Map<string, JsonObject>();
  private home: JsonObject = {};
  private programs = 0;

  constructor(root: Json) {
    this.root = root;
    if (!isJsonObject(root)) return;
    this.home = root;
    this.collect(root, root, 0);
  }

  /** The whole schema. */
  read(): SchemaNode {
    return this.node(this.root, "");
  }

  /** A schema inside the schema, prepared once. */
  node(schema: Json, pointer: string): SchemaNode {
    if (typeof schema === "boolean") return schema ? ANYTHING : NOTHING;
    if (!isJsonObject(schema)) {
      this.problem(pointer, "must be a schema: a map, true or false");
      return { checks: [unusable("schema")] };
    }
    const known = this.nodes.get(schema);
    if (known) return known;
    const node: SchemaNode = { checks: [] };
    // Known before its parts are read, for they may refer back to it.
    this.nodes.set(schema, node);
    if (this.nodes.size > NODES_MAX) {
      if (this.nodes.size === NODES_MAX + 1) this.problem(pointer, `is one of more than ${NODES_MAX} schemas in one`);
      node.checks = [unusable("schema")];
      return node;
    }
    const outer = this.home;
    this.home = this.homes.get(schema) ?? outer;
    node.checks = this.checksOf(schema, pointer);
    this.home = outer;
    return node;
  }

  pattern(source: string, pointer: string): Pattern | null {
    const known = this.patterns.get(source);
    if (known !== undefined) return known;
    let pattern = this.programs > PROGRAMS_MAX ? "is one of too many patterns" : compilePattern(source);
    if (typeof pattern !== "string" && (this.programs += pattern.size) > PROGRAMS_MAX)
      pattern = "is one of too many patterns";
    if (typeof pattern === "string")
      this.problem(pointer, `the pattern ${JSON.stringify(source.slice(0, 80))} ${pattern}`);
    const found = typeof pattern === "string" ? null : pattern;
    this.patterns.set(source, found);
    return found;
  }

  target(reference: string, pointer: string): SchemaNode {
    const at = this.find(reference);
    if (at !== undefined) return this.node(at, pointer);
    const why = reference.startsWith("#") ? "is not in the schema" : "is outside of the schema, and nothing is fetched";
    this.problem(pointer, `refers to ${JSON.stringify(reference.slice(0, 80))}, which ${why}`);
    return { checks: [unusable("$ref")] };
  }

  private checksOf(schema: JsonObject, pointer: string): readonly Check[] {
    const checks: Check[] = [];
    const wrong = new Set<string>();
    for (const [keyword, value] of Object.entries(schema)) {
      const mistake = shapeMistake(keyword, value);
      if (mistake === null) continue;
      wrong.add(keyword);
      this.problem(pointer + pointerPart(keyword), mistake);
      checks.push(unusable(keyword));
    }
    for (const [keyword, build] of BUILDERS) {
      if (!Object.hasOwn(schema, keyword) || wrong.has(keyword)) continue;
      const check = build(schema[keyword]!, schema, this, pointer + pointerPart(keyword));
      if (check) checks.push(check);
    }
    for (const keyword of ["$defs", "definitions"]) {
      const definitions = schema[keyword];
      if (!isJsonObject(definitions)) continue;
      // Read although nothing may refer to them: what is wrong there is wrong.
      for (const [name, inner] of Object.entries(definitions))
        this.node(inner, pointer + pointerPart(keyword) + pointerPart(name));
    }
    return checks;
  }

  private problem(pointer: string, message: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push({ pointer, message });
  }

  /** Notes what schemas are called, before the first reference is followed. */
  private collect(value: Json, home: JsonObject, depth: number): void {
    if (depth > 500) return;
    if (Array.isArray(value)) {
      for (const item of value as readonly Json[]) this.collect(item, home, depth + 1);
      return;
    }
    if (!isJsonObject(value) || this.homes.has(value)) return;
    const { $id: id } = value;
    const own = typeof id === "string" && !id.startsWith("#") ? value : home;
    this.homes.set(value, own);
    if (own === value) this.byId.set(String(id).replace(/#$/, ""), value);
    for (const keyword of ["$anchor", "$dynamicAnchor"]) {
      const anchor = value[keyword];
      if (typeof anchor === "string") this.byId.set(`${nameOf(own)}#${anchor}`, value);
    }
    for (const inner of Object.values(value)) this.collect(inner, own, depth + 1);
  }

  private find(reference: string): Json | undefined {
    const hash = reference.indexOf("#");
    const [document, fragment] = hash < 0 ? [reference, ""] : [reference.slice(0, hash), reference.slice(hash + 1)];
    const home = document === "" ? this.home : this.byId.get(document);
    if (home === undefined || fragment === "") return home;
    if (!fragment.startsWith("/")) return this.byId.get(`${nameOf(home)}#${fragment}`);
    let at: Json | undefined = home;
    for (const part of decoded(fragment).slice(1).split("/")) {
      const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (Array.isArray(at)) at = /^(?:0|[1-9]\d{0,8})$/.test(name) ? (at as readonly Json[])[Number(name)] : undefined;
      else at = isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
    }
    return at;
  }
}

function nameOf({ $id: id }: JsonObject): string {
  return typeof id === "string" ? id.replace(/#$/, "") : "";
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment; // Not percent-encoded, so it is taken as written.
  }
}
