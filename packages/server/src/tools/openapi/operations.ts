import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { functionName } from "../names.ts";
import { resolved, SchemaTaker, Unusable } from "./schema.ts";

const METHODS = ["get", "put", "post", "delete", "patch", "head", "options"];
const OPERATIONS_MAX = 500;
const DESCRIPTION_LENGTH_MAX = 1000;

/** Where an argument goes in the request. */
export interface Place {
  /** Name of the argument. */
  readonly argument: string;
  /** Name that the service knows it by. */
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly style: "plain" | "joined" | "deep";
}

export type BodyKind = "json" | "form" | "multipart" | "text";

/** One operation of a description, as a tool and as a request. */
export interface Operation {
  readonly name: string;
  readonly description: string;
  readonly method: string;
  /** With `{name}` in the places of parameters. */
  readonly path: string;
  readonly parameters: JsonObject;
  readonly places: readonly Place[];
  /** How the argument `body` is sent; null: there is none. */
  readonly body: { readonly kind: BodyKind; readonly mediaType: string } | null;
}

export interface OpenApiReading {
  readonly operations: readonly Operation[];
  /** Operations that are no tools here, and why. */
  readonly leftOut: readonly { readonly operation: string; readonly reason: string }[];
}

/**
 * The operations of an OpenAPI description (3.0 and 3.1). A pure function: nothing is fetched, references stay within
 * the document. Null when it is no such description.
 */
export function readOpenApi(document: Json): OpenApiReading | null {
  if (!isJsonObject(document) || !/^3\.[01]\./.test(String(document["openapi"]))) return null;
  const operations: Operation[] = [];
  const leftOut: { operation: string; reason: string }[] = [];
  const taken = new Set<string>();
  for (const [path, written] of entries(document["paths"])) {
    const item = attempt(() => resolved(document, written));
    if (!isJsonObject(item as Json)) continue;
    for (const method of METHODS) {
      const operation = (item as JsonObject)[method];
      if (!isJsonObject(operation as Json)) continue;
      const label = `${method.toUpperCase()} ${path}`;
      try {
        // Put behind the address of the service, anything else could become part of its host.
        if (!path.startsWith("/")) throw new Unusable("its path does not begin with /");
        if (operations.length === OPERATIONS_MAX) throw new Unusable(`there are more than ${OPERATIONS_MAX}`);
        const read = readOperation(document, item as JsonObject, operation as JsonObject, method, path);
        let { name } = read;
        for (let n = 2; taken.has(name); n++) name = `${read.name}_${n}`;
        taken.add(name);
        operations.push({ ...read, name });
      } catch (error) {
        if (!(error instanceof Unusable)) throw error;
        leftOut.push({ operation: label, reason: error.message });
      }
    }
  }
  return { operations, leftOut };
}

function attempt(read: () => Json | undefined): Json | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Unusable) return undefined;
    throw error;
  }
}

function readOperation(
  document: JsonObject,
  item: JsonObject,
  operation: JsonObject,
  method: string,
  path: string,
): Operation {
  const taker = new SchemaTaker(document);
  const properties: Record<string, Json> = {};
  const required: string[] = [];
  const places: Place[] = [];
  const body = bodyOf(document, operation["requestBody"]);
  if (body) {
    properties["body"] = taker.take(body.schema);
    if (body.required) required.push("body");
  }
  for (const parameter of parametersOf(document, item, operation)) {
    const read = readParameter(parameter, taker);
    if (read === null) continue;
    const argument = Object.hasOwn(properties, read.name) ? `${read.place}_${read.name}` : read.name;
    properties[argument] = read.schema;
    if (read.required) required.push(argument);
    places.push({ argument, name: read.name, in: read.place, style: read.style });
  }
  for (const [, name] of path.matchAll(/\{([^{}]+)\}/g)) {
    if (!places.some((place) => place.in === "path" && place.name === name)) {
      throw new Unusable(`the parameter ${name} of its path is not described`);
    }
  }
  const words = [operation["summary"], operation["description"]].filter((text) => typeof text === "string");
  return {
    name: functionName(String(operation["operationId"] ?? "")) || functionName(method + path) || method,
    description: [...new Set(words)].join("\n\n").slice(0, DESCRIPTION_LENGTH_MAX) || `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    path,
    parameters: {
      type: "object",
      properties,
      ...(required.length > 0 ? { required } : {}),
      additionalProperties: false,
      ...(Object.keys(taker.definitions).length > 0 ? { $defs: taker.definitions } : {}),
    },
    places,
    body: body && { kind: body.kind, mediaType: body.mediaType },
  };
}

/** The parameters of the path, overlaid by those of the operation. */
function parametersOf(document: JsonObject, item: JsonObject, operation: JsonObject): readonly JsonObject[] {
  const byPlace = new Map<string, JsonObject>();
  for (const list of [item["parameters"], operation["parameters"]]) {
    for (const written of Array.isArray(list) ? (list as readonly Json[]) : []) {
      const parameter = resolved(document, written);
      if (isJsonObject(parameter as Json)) {
        const { in: place, name } = parameter as JsonObject;
        byPlace.set(`${String(place)} ${String(name)}`, parameter as JsonObject);
      }
    }
  }
  return [...byPlace.values()];
}

/** Headers that OpenAPI itself says are no parameters: they are set by how the request is sent. */
const NO_PARAMETERS = new Set(["accept", "content-type", "authorization"]);

function readParameter(parameter: JsonObject, taker: SchemaTaker) {
  const { in: place, name, schema, required, description, style, explode } = parameter;
  if (typeof name !== "string" || name === "") throw new Unusable("a parameter has no name");
  if (place === "header" && NO_PARAMETERS.has(name.toLowerCase())) return null;
  if (place !== "path" && place !== "query" && place !== "header") {
    if (required !== true) return null;
    throw new Unusable(`the parameter ${name} goes into a ${String(place)}`);
  }
  const content = entries(parameter["content"])[0]?.[1];
  const taken = taker.take(schema ?? (isJsonObject(content as Json) ? ((content as JsonObject)["schema"] ?? {}) : {}));
  const isTold = typeof description === "string" && isJsonObject(taken) && taken["description"] === undefined;
  return {
    name,
    place: place as Place["in"],
    required: required === true || place === "path",
    schema: isTold ? { ...taken, description: description.slice(0, DESCRIPTION_LENGTH_MAX) } : taken,
    style: (style === "deepObject"
      ? "deep"
      : place !== "query" || explode === false
        ? "joined"
        : "plain") as Place["style"],
  };
}

function bodyOf(document: JsonObject, written: Json | undefined) {
  const body = resolved(document, written);
  if (!isJsonObject(body as Json)) return null;
  const content = entries((body as JsonObject)["content"]);
  for (const [pattern, kind] of BODY_KINDS) {
    const found = content.find(([type]) => pattern.test(type));
    if (!found) continue;
    const [mediaType, media] = found;
    const schema = isJsonObject(media) ? (media["schema"] ?? {}) : {};
    return { kind, mediaType, schema, required: (body as JsonObject)["required"] === true };
  }
  if ((body as JsonObject)["required"] !== true) return null;
  throw new Unusable(`its body is ${content.map(([type]) => type).join(", ") || "of no known type"}`);
}

const BODY_KINDS: readonly (readonly [RegExp, BodyKind])[] = [
  [/^application\/(?:[\w.+-]+\+)?json\b/i, "json"],
  [/^application\/x-www-form-urlencoded\b/i, "form"],
  [/^multipart\/form-data\b/i, "multipart"],
  [/^text\/plain\b/i, "text"],
  [/^\*\/\*$/, "json"],
];

function entries(value: Json | undefined): readonly (readonly [string, Json])[] {
  return isJsonObject(value as Json) ? Object.entries<Json>(value as JsonObject) : [];
}
