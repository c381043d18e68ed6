import { isJsonObject, parseJson, withoutFence, type Json, type JsonObject } from "@weftwork/core";

/** Ways to ask for JSON of a schema, the best first. A server that refuses one is asked in the next. */
export const SCHEMA_WAYS = ["json_schema", "json_object", "instruction"] as const;
export type SchemaWay = (typeof SCHEMA_WAYS)[number];

/** The member `response_format` of a request, or null where only the instruction asks. */
export function responseFormat(way: SchemaWay, schema: JsonObject): JsonObject | null {
  if (way === "instruction") return null;
  if (way === "json_object") return { type: "json_object" };
  const strict = isStrict(schema) ? { strict: true } : {};
  return { type: "json_schema", json_schema: { name: "answer", schema, ...strict } };
}

/** What a model is told when its server cannot hold it to a schema. */
export function schemaInstruction(schema: JsonObject): string {
  return `Answer with one JSON value that fits this JSON Schema, and nothing else:\n${JSON.stringify(schema)}`;
}

/** The value of an answer that was to be JSON: bare, within a code block, or after thoughts; undefined when it is none. */
export function jsonOf(text: string): Json | undefined {
  const said = text.replace(/^\s*<think>[\s\S]*?<\/think>/, "");
  try {
    return parseJson(withoutFence(said));
  } catch {
    return undefined;
  }
}

const STRICT_WORDS: ReadonlySet<string> = new Set(
  "type properties required additionalProperties items enum const title description anyOf $defs $ref".split(" "),
);

/**
 * Whether a schema lies in the part of JSON Schema that strict servers take: every object closed, every member
 * required, no word beyond the plainest. Outside it such a server would refuse the call, so `strict` is not asked.
 */
function isStrict(schema: Json): boolean {
  if (!isJsonObject(schema)) return false;
  if (Object.keys(schema).some((word) => !STRICT_WORDS.has(word))) return false;
  const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const names = Object.keys(properties);
  const isObject = schema["type"] === "object" || names.length > 0;
  const required = Array.isArray(schema["required"]) ? (schema["required"] as readonly Json[]) : [];
  if (isObject && (schema["additionalProperties"] !== false || !names.every((name) => required.includes(name)))) {
    return false;
  }
  const choices = Array.isArray(schema["anyOf"]) ? (schema["anyOf"] as readonly Json[]) : [];
  const inner = [...Object.values(properties), ...Object.values(schema["$defs"] ?? {}), ...choices] as Json[];
  return inner.every(isStrict) && (schema["items"] === undefined || isStrict(schema["items"]));
}
