import { isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { deref, fits, isList, numberAt } from "./schema-check.ts";
import { Stream } from "./random.ts";

/** `plausible`: values that look like data. `empty`: the least that the schema lets stand, for "nothing was found". */
export type SampleStyle = "plausible" | "empty";

/** Deeper than this optional parts and lists end; far deeper, or after so many values, everything does. */
const DEPTH_MAX = 24;
const VALUES_MAX = 50_000;
const LENGTH_MAX = 100_000;

/**
 * A value that fits a JSON Schema, the same for the same schema and seed. Honours `const`, `enum`, `default`,
 * `examples`, the bounds of numbers, texts and lists, `format`, `required`, `allOf`, `anyOf`, `oneOf` and references
 * within the schema. Not `pattern`, `not` and `if`: what they ask for can be missed, so check the value with `fits`.
 */
export function sample(
  schema: Json,
  seed: number,
  style: SampleStyle = "plausible",
  root: Json = schema,
  name = "",
): Json {
  return new Sampler(root, new Stream(seed), style).value(schema, name, 0);
}

/** The schema with its reference followed and `allOf` merged in, as far as that can be done key by key. */
export function flatten(schema: Json, root: Json, trail: readonly Json[] = []): JsonObject {
  if (!isJsonObject(schema) || trail.includes(schema)) return {};
  const parts: JsonObject[] = [];
  const here = [...trail, schema];
  if (typeof schema["$ref"] === "string") parts.push(flatten(deref(schema["$ref"], root), root, here));
  if (isList(schema["allOf"])) for (const inner of schema["allOf"]) parts.push(flatten(inner, root, here));
  if (parts.length === 0) return schema;
  const { $ref: _ref, allOf: _allOf, ...own } = schema;
  return [...parts, own as JsonObject].reduce(merge, {});
}

function merge(left: JsonObject, right: JsonObject): JsonObject {
  const merged: Record<string, Json> = { ...left, ...right };
  const [mine, theirs] = [left["properties"], right["properties"]];
  if (isJsonObject(mine) && isJsonObject(theirs)) merged["properties"] = { ...mine, ...theirs };
  if (isList(left["required"]) && isList(right["required"]))
    merged["required"] = [...left["required"], ...right["required"]];
  for (const name of ["minimum", "minLength", "minItems"]) pick(merged, name, left, right, Math.max);
  for (const name of ["maximum", "maxLength", "maxItems"]) pick(merged, name, left, right, Math.min);
  return merged;
}

function pick(
  into: Record<string, Json>,
  name: string,
  left: JsonObject,
  right: JsonObject,
  of: (...values: number[]) => number,
): void {
  const values = [numberAt(left, name), numberAt(right, name)].filter((value) => value !== undefined);
  if (values.length > 0) into[name] = of(...values);
}

function isNull(schema: Json): boolean {
  return isJsonObject(schema) && schema["type"] === "null";
}

class Sampler {
  private readonly root: Json;
  private readonly random: Stream;
  private readonly style: SampleStyle;
  private values = 0;

  constructor(root: Json, random: Stream, style: SampleStyle) {
    this.root = root;
    this.random = random;
    this.style = style;
  }

  value(schema: Json, name: string, depth: number): Json {
    if (depth > 4 * DEPTH_MAX || ++this.values > VALUES_MAX) return null;
    const flat = flatten(schema, this.root);
    const given = this.given(flat);
    if (given !== undefined) return given;
    const options = isList(flat["anyOf"]) ? flat["anyOf"] : isList(flat["oneOf"]) ? flat["oneOf"] : null;
    if (options) return this.oneOf(flat, options, name, depth);
    const type = this.typeOf(flat, depth);
    if (type === "object") return this.object(flat, depth);
    if (type === "array") return this.list(flat, name, depth);
    if (type === "boolean") return this.style === "plausible" && this.random.below(2) === 1;
    if (type === "integer" || type === "number") return this.number(flat, type === "integer");
    return type === "null" ? null : this.text(flat, name);
  }

  /** A value that the schema itself names. */
  private given(schema: JsonObject): Json | undefined {
    if (schema["const"] !== undefined) return schema["const"];
    const named = isList(schema["enum"]) ? schema["enum"] : [];
    if (named.length > 0) return this.style === "empty" ? named[0] : named[this.random.below(named.length)];
    const examples = isList(schema["examples"]) ? schema["examples"] : [];
    const offered = this.style === "empty" ? [schema["default"]] : [schema["default"], ...examples, schema["example"]];
    return offered.find((one) => one !== undefined && fits(schema, one, this.root));
  }

  private oneOf(flat: JsonObject, options: readonly Json[], name: string, depth: number): Json {
    const { anyOf: _any, oneOf: _one, ...base } = flat;
    // A plausible value is rather not null, an empty one rather is.
    const last = (option: Json): number => Number(isNull(option) !== (this.style === "empty"));
    const ordered = options.toSorted((a, b) => last(a) - last(b));
    const wanted = depth > DEPTH_MAX ? ordered.toReversed() : ordered;
    for (const option of wanted) {
      const value = this.value(merge(base, flatten(option, this.root)), name, depth + 1);
      if (fits(flat, value, this.root)) return value;
    }
    return this.value(base, name, depth + 1);
  }

  private typeOf(schema: JsonObject, depth: number): string {
    const type = schema["type"];
    if (typeof type === "string") return type;
    if (isList(type)) {
      const wantsNull = type.includes("null") && (this.style === "empty" || depth > DEPTH_MAX);
      return wantsNull ? "null" : String(type.find((one) => one !== "null") ?? "null");
    }
    if (schema["properties"] !== undefined || schema["required"] !== undefined) return "object";
    if (schema["items"] !== undefined || schema["prefixItems"] !== undefined) return "array";
    return ["minimum", "maximum", "multipleOf"].some((name) => schema[name] !== undefined) ? "number" : "string";
  }

  private object(schema: JsonObject, depth: number): JsonObject {
    const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
    const required = isList(schema["required"]) ? schema["required"].map(String) : [];
    const optional = this.style === "plausible" && depth < 4 ? Object.keys(properties) : [];
    const entries: [string, Json][] = [];
    for (const key of new Set([
      ...Object.keys(properties).filter((one) => required.includes(one) || optional.includes(one)),
      ...required,
    ])) {
      const own = Object.hasOwn(properties, key) ? properties[key]! : (schema["additionalProperties"] ?? true);
      if (own === false) continue;
      entries.push([key, this.value(own, key, depth + 1)]);
    }
    return Object.fromEntries(
      entries.slice(0, Math.max(required.length, numberAt(schema, "maxProperties") ?? Infinity)),
    );
  }

  private list(schema: JsonObject, name: string, depth: number): Json[] {
    const least = numberAt(schema, "minItems") ?? 0;
    const most = numberAt(schema, "maxItems") ?? Infinity;
    const prefix = isList(schema["prefixItems"]) ? schema["prefixItems"] : [];
    const usual = this.style === "empty" || depth > 6 ? least : Math.max(2, prefix.length);
    const wanted = Math.min(Math.max(least, usual), most, 10_000);
    const values: Json[] = [];
    for (let tries = 0; values.length < wanted && tries < wanted * 4 + 8; tries++) {
      const inner = prefix[values.length] ?? schema["items"] ?? true;
      const value = inner === true ? this.word(values.length) : this.value(inner, name, depth + 1);
      const again = schema["uniqueItems"] === true ? this.unlike(values, value, tries) : value;
      if (again !== undefined) values.push(again);
    }
    return values;
  }

  /** The value if it is not in the list yet; texts and numbers are varied until they differ. */
  private unlike(values: readonly Json[], value: Json, tries: number): Json | undefined {
    const known = new Set(values.map((one) => JSON.stringify(one)));
    if (!known.has(JSON.stringify(value))) return value;
    if (typeof value === "number") return known.has(JSON.stringify(value + tries)) ? undefined : value + tries;
    return undefined;
  }

  private number(schema: JsonObject, isInteger: boolean): number {
    const step = numberAt(schema, "multipleOf") ?? (isInteger ? 1 : 0);
    const grain = step === 0 ? 0 : isInteger ? Math.max(1, step) : step;
    const low = numberAt(schema, "minimum") ?? above(numberAt(schema, "exclusiveMinimum"), grain, 1);
    const high = numberAt(schema, "maximum") ?? above(numberAt(schema, "exclusiveMaximum"), grain, -1);
    const from = low ?? Math.min(high ?? 0, this.style === "empty" ? 0 : 1);
    const to = high ?? Math.max(from + 99 * (grain || 1), from);
    const zero = this.style === "empty" && from <= 0 && to >= 0;
    const raw = zero ? 0 : this.style === "empty" ? from : from + (to - from) * (this.random.below(1000) / 1000);
    if (grain === 0) return zero ? 0 : Math.min(to, Math.max(from, Math.round(raw * 100) / 100));
    const up = Math.ceil(from / grain) * grain;
    return Math.max(up, Math.floor(raw / grain + 1e-9) * grain);
  }

  private text(schema: JsonObject, name: string): string {
    const least = numberAt(schema, "minLength") ?? 0;
    const most = numberAt(schema, "maxLength") ?? Infinity;
    const formatted = FORMATS[String(schema["format"])];
    if (formatted) return formatted(this.random.below(1000));
    if (most === 0 || (this.style === "empty" && least === 0)) return "";
    if (least > LENGTH_MAX) return "";
    const words = [name, this.word(0)];
    for (let length = words.join(" ").length; length < least; length += words.at(-1)!.length + 1)
      words.push(this.word(0));
    const text = this.style === "empty" ? "-".repeat(least) : words.join(" ").trim();
    const longest = Math.min(most, Math.max(least, 80));
    return [...text].slice(0, longest).join("").padEnd(Math.min(least, most), "-");
  }

  private word(shift: number): string {
    return WORDS[(this.random.below(WORDS.length) + shift) % WORDS.length]!;
  }
}

function above(bound: number | undefined, grain: number, way: 1 | -1): number | undefined {
  if (bound === undefined) return undefined;
  return grain === 0
    ? bound + way * Math.max(1e-6, Math.abs(bound) * 1e-6)
    : (way > 0 ? Math.floor(bound / grain) + 1 : Math.ceil(bound / grain) - 1) * grain;
}

const two = (n: number): string => String((n % 28) + 1).padStart(2, "0");
const FORMATS: Readonly<Record<string, (n: number) => string>> = {
  email: (n) => `person${n}@example.com`,
  uri: (n) => `https://example.com/${n}`,
  url: (n) => `https://example.com/${n}`,
  "uri-reference": (n) => `/${n}`,
  date: (n) => `2025-${String((n % 12) + 1).padStart(2, "0")}-${two(n)}`,
  time: (n) => `${String(n % 24).padStart(2, "0")}:${two(n)}:00Z`,
  "date-time": (n) => `2025-01-${two(n)}T${String(n % 24).padStart(2, "0")}:00:00Z`,
  duration: (n) => `PT${(n % 59) + 1}M`,
  uuid: (n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
  ipv4: (n) => `192.0.2.${n % 255}`,
  ipv6: (n) => `2001:db8::${(n + 1).toString(16)}`,
  hostname: (n) => `host${n}.example.com`,
};
const WORDS = [
  "alpha",
  "bravo",
  "cedar",
  "delta",
  "ember",
  "field",
  "grove",
  "harbor",
  "island",
  "juniper",
  "kernel",
  "lantern",
  "meadow",
  "north",
  "orchid",
  "pebble",
];
