import { canonicalJson, isJsonObject, type Json, type JsonObject } from "@weftwork/core";

/**
 * Whether a value fits a JSON Schema, in the part of 2020-12 that the fillers honour. It steers them; the check that
 * counts is made by who asked. `pattern` is not looked at (a stranger's expression could run without end), and of
 * `format` only the few below.
 */
export function fits(schema: Json, value: Json, root: Json = schema): boolean {
  return new Check(root).fits(schema, value, []);
}

/** Checks beyond this are taken as passed: a schema can be written that branches without end. */
const STEPS_MAX = 500_000;

class Check {
  private readonly root: Json;
  private steps = 0;

  constructor(root: Json) {
    this.root = root;
  }

  /** `trail`: the schemas that led here for this same value. One that comes again adds nothing. */
  fits(schema: Json, value: Json, trail: readonly Json[]): boolean {
    if (typeof schema === "boolean") return schema;
    if (!isJsonObject(schema) || trail.includes(schema) || ++this.steps > STEPS_MAX) return true;
    return this.applies(schema, value, [...trail, schema]) && this.own(schema, value);
  }

  private applies(schema: JsonObject, value: Json, trail: readonly Json[]): boolean {
    const again = (inner: Json): boolean => this.fits(inner, value, trail);
    if (typeof schema["$ref"] === "string" && !again(deref(schema["$ref"], this.root))) return false;
    if (isList(schema["allOf"]) && !schema["allOf"].every(again)) return false;
    if (isList(schema["anyOf"]) && !schema["anyOf"].some(again)) return false;
    if (isList(schema["oneOf"]) && schema["oneOf"].filter(again).length !== 1) return false;
    return schema["not"] === undefined || !again(schema["not"]);
  }

  private own(schema: JsonObject, value: Json): boolean {
    if (!isType(schema["type"], value)) return false;
    const text = schema["const"] === undefined && !isList(schema["enum"]) ? "" : canonicalJson(value);
    if (schema["const"] !== undefined && canonicalJson(schema["const"]) !== text) return false;
    if (isList(schema["enum"]) && !schema["enum"].some((one) => canonicalJson(one) === text)) return false;
    const again = (inner: Json, part: Json): boolean => this.fits(inner, part, []);
    if (typeof value === "string") return stringFits(schema, value);
    if (typeof value === "number") return numberFits(schema, value);
    if (isList(value)) return listFits(schema, value, again);
    return isJsonObject(value) ? objectFits(schema, value, again) : true;
  }
}

/** Follows a reference within the schema; one that leads nowhere or outside means "anything". */
export function deref(reference: string, root: Json): Json {
  if (!reference.startsWith("#")) return true;
  let at: Json | undefined = root;
  for (const part of reference.slice(1).split("/").slice(1)) {
    const name = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    at = isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : isList(at) ? at[Number(name)] : undefined;
  }
  return at ?? true;
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The number under a name, if there is one. */
export function numberAt(schema: JsonObject, name: string): number | undefined {
  const value = schema[name];
  return typeof value === "number" ? value : undefined;
}

function isType(type: Json | undefined, value: Json): boolean {
  if (isList(type)) return type.some((one) => isType(one, value));
  if (type === "null") return value === null;
  if (type === "array") return isList(value);
  if (type === "object") return isJsonObject(value);
  if (type === "integer") return Number.isInteger(value);
  if (type === "string" || type === "number" || type === "boolean") return typeof value === type;
  return true;
}

const FORMATS: Readonly<Record<string, RegExp>> = {
  email: /^[^\s@]+@[^\s@.]+(?:\.[^\s@.]+)+$/,
  uri: /^[a-z][a-z\d+.-]*:\S+$/i,
  date: /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/,
  time: /^\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i,
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i,
  uuid: /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i,
  ipv4: /^(?:\d{1,3}\.){3}\d{1,3}$/,
  ipv6: /^[\da-f:]+$/i,
  hostname: /^[a-z\d.-]+$/i,
  duration: /^P\S+$/,
};

function stringFits(schema: JsonObject, value: string): boolean {
  const length = [...value].length;
  if (length < (numberAt(schema, "minLength") ?? 0) || length > (numberAt(schema, "maxLength") ?? Infinity))
    return false;
  const format = typeof schema["format"] === "string" ? FORMATS[schema["format"]] : undefined;
  return format === undefined || format.test(value);
}

function numberFits(schema: JsonObject, value: number): boolean {
  if (value < (numberAt(schema, "minimum") ?? -Infinity) || value > (numberAt(schema, "maximum") ?? Infinity))
    return false;
  if (value <= (numberAt(schema, "exclusiveMinimum") ?? -Infinity)) return false;
  if (value >= (numberAt(schema, "exclusiveMaximum") ?? Infinity)) return false;
  const step = numberAt(schema, "multipleOf");
  if (step === undefined) return true;
  if (Number.isInteger(value) && Number.isInteger(step)) return value % step === 0;
  return Math.abs(value / step - Math.round(value / step)) < 1e-9;
}

type Again = (schema: Json, value: Json) => boolean;

function listFits(schema: JsonObject, value: readonly Json[], again: Again): boolean {
  if (value.length < (numberAt(schema, "minItems") ?? 0) || value.length > (numberAt(schema, "maxItems") ?? Infinity))
    return false;
  if (schema["uniqueItems"] === true && new Set(value.map(canonicalJson)).size !== value.length) return false;
  const prefix = isList(schema["prefixItems"]) ? schema["prefixItems"] : [];
  if (!value.every((item, at) => again(prefix[at] ?? schema["items"] ?? true, item))) return false;
  return schema["contains"] === undefined || value.some((item) => again(schema["contains"]!, item));
}

function objectFits(schema: JsonObject, value: JsonObject, again: Again): boolean {
  const keys = Object.keys(value);
  if (isList(schema["required"]) && !schema["required"].every((name) => Object.hasOwn(value, String(name))))
    return false;
  if (
    keys.length < (numberAt(schema, "minProperties") ?? 0) ||
    keys.length > (numberAt(schema, "maxProperties") ?? Infinity)
  )
    return false;
  const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const rest = schema["additionalProperties"] ?? true;
  return keys.every((key) => again(Object.hasOwn(properties, key) ? properties[key]! : rest, value[key]!));
}
