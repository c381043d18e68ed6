import type { JsonObject } from "@weftwork/core";

/** Small words to write JSON Schema (2020-12) with. */

export const text: JsonObject = { type: "string" };
export const whole: JsonObject = { type: "integer" };
export const flag: JsonObject = { type: "boolean" };
export const anything: JsonObject = {};
export const anyObject: JsonObject = { type: "object" };
export const time: JsonObject = { type: "string", format: "date-time" };

export function choice(...values: readonly string[]): JsonObject {
  return { type: "string", enum: values };
}

export function list(items: JsonObject): JsonObject {
  return { type: "array", items };
}

export function mapOf(values: JsonObject): JsonObject {
  return { type: "object", additionalProperties: values };
}

export function nullable(schema: JsonObject): JsonObject {
  return typeof schema["type"] === "string" && !("enum" in schema)
    ? { ...schema, type: [schema["type"], "null"] }
    : { anyOf: [schema, { type: "null" }] };
}

/** An object with these members; all of them are there, except those named as optional. */
export function shape(members: Readonly<Record<string, JsonObject>>, optional: readonly string[] = []): JsonObject {
  return {
    type: "object",
    properties: members,
    required: Object.keys(members).filter((name) => !optional.includes(name)),
  };
}

export function described(schema: JsonObject, description: string): JsonObject {
  return { ...schema, description };
}

/** A schema of the document by its name. */
export function ref(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}
