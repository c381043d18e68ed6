import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";

/** Values that one tool's schemas may have in all: a model has to read them. */
const VALUES_MAX = 5000;
const REFERENCES_MAX = 20;

/** Members that say nothing to a model or a checker, and may be large. */
const DROPPED = new Set(["example", "examples", "xml", "externalDocs", "discriminator", "deprecated", "definitions"]);

/** Why a part of a document cannot be used. */
export class Unusable extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "Unusable";
  }
}

/**
 * What a reference leads to, however many it leads through. References stay within the document: `#/…`. Throws
 * `Unusable`.
 */
export function resolved(document: JsonObject, value: Json | undefined): Json | undefined {
  let at = value;
  for (let hops = 0; isJsonObject(at as Json) && typeof (at as JsonObject)["$ref"] === "string"; hops++) {
    if (hops === REFERENCES_MAX) throw new Unusable("its references lead in a circle");
    at = pointed(document, String((at as JsonObject)["$ref"]));
  }
  return at;
}

function pointed(document: JsonObject, reference: string): Json {
  if (!reference.startsWith("#/")) throw new Unusable(`${reference.slice(0, 100)} lies outside of the document`);
  let at: Json | undefined = document;
  for (const part of reference.slice(2).split("/")) {
    const name = decodeURIComponent(part.replaceAll(/%(?![\da-f]{2})/gi, "%25"))
      .replaceAll("~1", "/")
      .replaceAll("~0", "~");
    if (Array.isArray(at)) at = (at as readonly Json[])[Number(name)];
    else at = isJsonObject(at as Json) && Object.hasOwn(at as JsonObject, name) ? (at as JsonObject)[name] : undefined;
  }
  if (at === undefined) throw new Unusable(`${reference.slice(0, 100)} leads nowhere`);
  return at;
}

/**
 * Makes schemas of an OpenAPI description stand alone: what they refer to comes along as `$defs`, and the words of 3.0
 * (`nullable`, `exclusiveMinimum: true`) become those of JSON Schema. One of these for one tool.
 */
export class SchemaTaker {
  readonly definitions: Record<string, Json> = {};
  private readonly document: JsonObject;
  private readonly names = new Map<string, string>();
  private values = 0;

  constructor(document: JsonObject) {
    this.document = document;
  }

  /** Throws `Unusable`. */
  take(schema: Json): Json {
    if (++this.values > VALUES_MAX) throw new Unusable(`its schemas have more than ${VALUES_MAX} values`);
    if (Array.isArray(schema)) return (schema as readonly Json[]).map((one) => this.take(one));
    if (!isJsonObject(schema)) return schema;
    const reference = schema["$ref"];
    if (typeof reference === "string") return { $ref: `#/$defs/${this.defined(reference)}` };
    const taken: Record<string, Json> = {};
    for (const [key, member] of Object.entries<Json>(schema)) {
      if (DROPPED.has(key) || key.startsWith("x-")) continue;
      // Values, not schemas: what looks like a reference in them is none.
      if (key === "enum" || key === "const" || key === "default" || key === "required")
        taken[key] = this.counted(member);
      else if (key === "properties" && isJsonObject(member)) taken[key] = this.members(member);
      else taken[key] = this.take(member);
    }
    return modern(taken);
  }

  /** The names of properties may be words that mean something elsewhere. */
  private members(properties: JsonObject): JsonObject {
    return Object.fromEntries(Object.entries<Json>(properties).map(([name, schema]) => [name, this.take(schema)]));
  }

  private counted(value: Json): Json {
    if (Array.isArray(value)) this.values += value.length;
    return value;
  }

  private defined(reference: string): string {
    const known = this.names.get(reference);
    if (known !== undefined) return known;
    const last = reference.slice(reference.lastIndexOf("/") + 1).replaceAll(/[^A-Za-z0-9_.-]/g, "_");
    let name = last;
    for (let n = 2; Object.hasOwn(this.definitions, name); n++) name = `${last}_${n}`;
    this.names.set(reference, name);
    // Its place first: a schema may refer to itself.
    this.definitions[name] = true;
    this.definitions[name] = this.take(pointed(this.document, reference));
    return name;
  }
}

/** The words of OpenAPI 3.0 in those of JSON Schema 2020-12. */
function modern(written: Record<string, Json>): JsonObject {
  const { nullable, ...rest } = written;
  const schema = bounded(bounded(rest, "minimum", "exclusiveMinimum"), "maximum", "exclusiveMaximum");
  if (nullable !== true) return schema;
  const { type, enum: values } = schema;
  if (typeof type !== "string") return { anyOf: [schema, { type: "null" }] };
  const isListed = Array.isArray(values) && !values.includes(null);
  return { ...schema, type: [type, "null"], ...(isListed ? { enum: [...(values as readonly Json[]), null] } : {}) };
}

/** In 3.0 `exclusive…` is a word about the bound beside it; in JSON Schema it is the bound. */
function bounded(schema: JsonObject, bound: string, exclusive: string): JsonObject {
  if (typeof schema[exclusive] !== "boolean") return schema;
  const limit = schema[bound];
  const isExclusive = schema[exclusive] && limit !== undefined;
  const kept = Object.entries<Json>(schema).filter(([key]) => key !== exclusive && !(isExclusive && key === bound));
  return Object.fromEntries(isExclusive ? [...kept, [exclusive, limit]] : kept);
}
