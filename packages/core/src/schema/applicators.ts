import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { pointerPart, unusable, type Builder, type SchemaParts } from "./builder.ts";
import type { Pattern } from "./pattern.ts";
import type { Check, SchemaNode, Visit } from "./visit.ts";

/** Keywords that hold further schemas. Those that ask what the others have seen stand last. */
export const APPLICATORS: Readonly<Record<string, Builder>> = {
  $ref: reference,
  $dynamicRef: reference,
  allOf: (value, _schema, reader, pointer) => {
    const nodes = list(value, reader, pointer);
    return (given, visit) => {
      let fits = true;
      for (const node of nodes) fits = visit.alsoFits(node, given) && fits;
      return fits;
    };
  },
  anyOf: (value, _schema, reader, pointer) => {
    const nodes = list(value, reader, pointer);
    return (given, visit) => {
      let fits = false;
      for (const node of nodes) {
        fits = visit.wouldFit(node, given) || fits;
        if (fits && visit.seen === null) return true;
      }
      return fits || noneFits("anyOf", nodes, given, visit);
    };
  },
  oneOf: (value, _schema, reader, pointer) => {
    const nodes = list(value, reader, pointer);
    return (given, visit) => {
      const fitting = nodes.flatMap((node, at) => (visit.wouldFit(node, given) ? [at] : []));
      if (fitting.length === 1) return true;
      if (fitting.length === 0) return noneFits("oneOf", nodes, given, visit);
      return visit.fail("oneOf", `must fit one of ${nodes.length} schemas only, and fits ${fitting.length} of them`);
    };
  },
  not: (value, _schema, reader, pointer) => {
    const node = reader.node(value, pointer);
    return (given, visit) => {
      return !visit.wouldFit(node, given) || visit.fail("not", "must not fit the schema under not");
    };
  },
  if: (value, schema, reader, pointer) => {
    const branch = (name: string): SchemaNode | null =>
      Object.hasOwn(schema, name) ? reader.node(schema[name]!, beside(pointer, name)) : null;
    const [test, then, otherwise] = [reader.node(value, pointer), branch("then"), branch("else")];
    return (given, visit) => {
      const next = visit.wouldFit(test, given) ? then : otherwise;
      return next === null || visit.alsoFits(next, given);
    };
  },
  dependentSchemas: dependent,
  properties: (value, _schema, reader, pointer) => {
    const nodes = named(value, reader, pointer);
    return (given, visit) => {
      if (!isJsonObject(given)) return true;
      let fits = true;
      for (const [name, node] of nodes) {
        visit.spend(0.25);
        if (!Object.hasOwn(given, name)) continue;
        visit.seen?.names.add(name);
        fits = visit.memberFits(name, node, given[name]!) && fits;
      }
      return fits;
    };
  },
  patternProperties: (value, _schema, reader, pointer) => {
    const nodes = patterns(value, reader, pointer);
    return (given, visit) => {
      if (!isJsonObject(given)) return true;
      let fits = true;
      for (const [name, member] of Object.entries(given)) {
        for (const { pattern, node } of nodes) {
          if (!matches(pattern, name, visit)) continue;
          visit.seen?.names.add(name);
          fits = visit.memberFits(name, node, member) && fits;
        }
      }
      return fits;
    };
  },
  additionalProperties: (value, schema, reader, pointer) => {
    const node = reader.node(value, pointer);
    const known = new Set(isJsonObject(schema["properties"]) ? Object.keys(schema["properties"]) : []);
    const others = patterns(schema["patternProperties"] ?? {}, reader, beside(pointer, "patternProperties"));
    return (given, visit) => {
      if (!isJsonObject(given)) return true;
      const rest = Object.keys(given).filter(
        (name) => !known.has(name) && !others.some(({ pattern }) => matches(pattern, name, visit)),
      );
      return membersFit("additionalProperties", value, node, rest, given, visit);
    };
  },
  propertyNames: (value, _schema, reader, pointer) => {
    const node = reader.node(value, pointer);
    return (given, visit) => {
      if (!isJsonObject(given)) return true;
      const wrong = Object.keys(given).find((name) => !visit.memberWouldFit(name, node, name));
      return (
        wrong === undefined ||
        visit.fail("propertyNames", `has the name ${JSON.stringify(wrong.slice(0, 80))}, which is not allowed`)
      );
    };
  },
  prefixItems: (value, _schema, reader, pointer) => tuple(value, reader, pointer),
  items: (value, schema, reader, pointer) => {
    // The list of schemas is how drafts before 2020-12 wrote prefixItems.
    if (Array.isArray(value)) {
      const first = tuple(value, reader, pointer);
      if (!Object.hasOwn(schema, "additionalItems")) return first;
      const rest = reader.node(schema["additionalItems"]!, beside(pointer, "additionalItems"));
      const all = itemsFrom(value.length, rest);
      return (given, visit) => first(given, visit) && all(given, visit);
    }
    const { prefixItems } = schema;
    return itemsFrom(Array.isArray(prefixItems) ? prefixItems.length : 0, reader.node(value, pointer));
  },
  contains: (value, schema, reader, pointer) => {
    const node = reader.node(value, pointer);
    const least = typeof schema["minContains"] === "number" ? schema["minContains"] : 1;
    const most = typeof schema["maxContains"] === "number" ? schema["maxContains"] : Infinity;
    return (given, visit) => {
      if (!Array.isArray(given)) return true;
      let count = 0;
      for (const [at, item] of (given as readonly Json[]).entries()) {
        if (!visit.memberWouldFit(at, node, item)) continue;
        count++;
        visit.seen?.items.add(at);
      }
      if (count >= least && count <= most) return true;
      const wanted = count < least ? `at least ${least}` : `at most ${most}`;
      return visit.fail(
        "contains",
        `must contain ${wanted} items that fit the schema under contains, and has ${count}`,
      );
    };
  },
  unevaluatedProperties: (value, _schema, reader, pointer) => {
    const node = reader.node(value, pointer);
    reader.tracks = true;
    return (given, visit) => {
      const { seen } = visit;
      if (!isJsonObject(given) || seen === null) return true;
      const rest = Object.keys(given).filter((name) => !seen.names.has(name));
      return membersFit("unevaluatedProperties", value, node, rest, given, visit);
    };
  },
  unevaluatedItems: (value, _schema, reader, pointer) => {
    const node = reader.node(value, pointer);
    reader.tracks = true;
    return (given, visit) => {
      const { seen } = visit;
      if (!Array.isArray(given) || seen === null) return true;
      let fits = true;
      for (const [at, item] of (given as readonly Json[]).entries()) {
        if (seen.items.has(at)) continue;
        seen.items.add(at);
        fits = visit.memberFits(at, node, item) && fits;
      }
      return fits;
    };
  },
};

function reference(value: Json, _schema: JsonObject, reader: SchemaParts, pointer: string): Check {
  const target = reader.target(value as string, pointer);
  return (given, visit) => visit.alsoFits(target, given);
}

/** The pointer of another keyword of the same schema. */
function beside(pointer: string, keyword: string): string {
  return pointer.slice(0, pointer.lastIndexOf("/") + 1) + keyword;
}

function list(value: Json, reader: SchemaParts, pointer: string): readonly SchemaNode[] {
  return (value as readonly Json[]).map((schema, at) => reader.node(schema, `${pointer}/${at}`));
}

function named(value: Json, reader: SchemaParts, pointer: string): readonly (readonly [string, SchemaNode])[] {
  return Object.entries(value as JsonObject).map(([name, schema]) => [
    name,
    reader.node(schema, pointer + pointerPart(name)),
  ]);
}

function patterns(
  value: Json,
  reader: SchemaParts,
  pointer: string,
): readonly { readonly pattern: Pattern; readonly node: SchemaNode }[] {
  if (!isJsonObject(value)) return [];
  return Object.entries(value).map(([source, schema]) => {
    const at = pointer + pointerPart(source);
    const node = reader.node(schema, at);
    const pattern = reader.pattern(source, at);
    // One that cannot be read fits every name, and no value fits it.
    return pattern === null ? { pattern: ANY, node: { checks: [unusable("patternProperties")] } } : { pattern, node };
  });
}

const ANY: Pattern = { size: 0, costPerChar: 0, test: () => true };

function matches(pattern: Pattern, name: string, visit: Visit): boolean {
  visit.spend(1 + name.length * pattern.costPerChar);
  return pattern.test(name);
}

/** When one alternative fits in type, what is wrong with it is what is wrong. */
function noneFits(keyword: string, nodes: readonly SchemaNode[], value: Json, visit: Visit): false {
  if (visit.isQuiet) return false;
  const found = nodes.map((node) => visit.errorsOf(node, value));
  const near = found.filter(
    (errors) =>
      errors.length > 0 && !errors.some((error) => error.keyword === "type" && error.pointer === visit.pointer),
  );
  if (near.length === 1) visit.keep(near[0]!);
  else visit.fail(keyword, `fits none of the ${nodes.length} schemas under ${keyword}`);
  return false;
}

function membersFit(
  keyword: string,
  schema: Json,
  node: SchemaNode,
  names: readonly string[],
  given: JsonObject,
  visit: Visit,
): boolean {
  visit.spend(names.length / 4);
  if (schema === false) {
    if (names.length === 0) return true;
    const [name] = names;
    const more = names.length > 1 ? ` and ${names.length - 1} more` : "";
    return visit.fail(keyword, `must not have ${JSON.stringify(name!.slice(0, 80))}${more}`);
  }
  let fits = true;
  for (const name of names) {
    visit.seen?.names.add(name);
    fits = visit.memberFits(name, node, given[name]!) && fits;
  }
  return fits;
}

function dependent(value: Json, _schema: JsonObject, reader: SchemaParts, pointer: string): Check {
  const nodes = named(value, reader, pointer);
  return (given, visit) => {
    if (!isJsonObject(given)) return true;
    let fits = true;
    for (const [name, node] of nodes) {
      visit.spend(0.25);
      if (Object.hasOwn(given, name)) fits = visit.alsoFits(node, given) && fits;
    }
    return fits;
  };
}

function tuple(value: Json, reader: SchemaParts, pointer: string): Check {
  const nodes = list(value, reader, pointer);
  return (given, visit) => {
    if (!Array.isArray(given)) return true;
    let fits = true;
    for (const [at, item] of (given as readonly Json[]).slice(0, nodes.length).entries()) {
      visit.seen?.items.add(at);
      fits = visit.memberFits(at, nodes[at]!, item) && fits;
    }
    return fits;
  };
}

function itemsFrom(first: number, node: SchemaNode): Check {
  return (given, visit) => {
    if (!Array.isArray(given)) return true;
    let fits = true;
    for (let at = first; at < given.length; at++) {
      visit.seen?.items.add(at);
      fits = visit.memberFits(at, node, given[at] as Json) && fits;
    }
    return fits;
  };
}
