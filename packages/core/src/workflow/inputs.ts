import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { pointerPart, shown } from "./problems.ts";
import { checkSchemaField, valueOf } from "./check-fields.ts";
import type { StepReading } from "./step-reading.ts";

const TYPES = ["string", "number", "integer", "boolean", "object", "array", "null"];
const SCHEMA_WORDS = ["$schema", "$ref", "$defs", "allOf", "anyOf", "oneOf", "if"];

/**
 * The JSON Schema of the inputs. Two forms are read. A schema has `type: object`, a map of `properties`, or a word that
 * begins with `$` or combines schemas. Anything else is the short form, a map of name to type or schema:
 * `{question: string, count: {type: integer, default: 3}}`; every input without a default is then required.
 */
export function readInputs(value: Json, pointer: string, reading: StepReading): JsonObject | null {
  if (!isJsonObject(value)) return null; // Left out, or reported by the table.
  if (isSchema(value)) {
    const properties = valueOf(value, "properties");
    if (isJsonObject(properties))
      for (const [name, schema] of Object.entries(properties))
        checkSchema(name, schema, `${pointer}/properties`, reading);
    checkWhole(value, pointer, reading, "");
    return value;
  }
  const properties: Record<string, Json> = Object.create(null) as Record<string, Json>;
  const required: string[] = [];
  for (const [name, schema] of Object.entries(value)) {
    if (name.startsWith("x-")) continue;
    checkSchema(name, schema, pointer, reading, true);
    properties[name] = typeof schema === "string" ? (schema === "any" ? {} : { type: schema }) : schema;
    if (!(isJsonObject(schema) && Object.hasOwn(schema, "default"))) required.push(name);
  }
  const schema = { type: "object", properties, required };
  checkWhole(schema, pointer, reading, "/properties");
  return schema;
}

/** All of the schema. What `checkSchema` has said of each input already, with a suggestion, is not said again. */
function checkWhole(schema: JsonObject, pointer: string, reading: StepReading, hidden: string): void {
  checkSchemaField(schema, "inputs", pointer, reading, (at) =>
    /^\/properties\/[^/]+(?:\/type)?$/.test(at) ? null : pointer + at.slice(at.startsWith(hidden) ? hidden.length : 0),
  );
}

function isSchema(value: JsonObject): boolean {
  if (valueOf(value, "type") === "object" || isJsonObject(valueOf(value, "properties"))) return true;
  return SCHEMA_WORDS.some((word) => Object.hasOwn(value, word));
}

function checkSchema(name: string, schema: Json, pointer: string, reading: StepReading, short = false): void {
  const { problems, suggester } = reading;
  const at = pointer + pointerPart(name);
  if (typeof schema === "boolean" || (short && schema === "any")) return;
  if (!isJsonObject(schema) && !(short && typeof schema === "string")) {
    problems.error({
      code: "wrong_type",
      message: `The input ${name} must be described by a ${short ? "type or a " : ""}JSON Schema, and is ${shown(schema)}.`,
      suggestion: short ? `Write ${name}: string.` : `Write ${name}: {type: string}.`,
      pointer: at,
    });
    return;
  }
  const type = isJsonObject(schema) ? valueOf(schema, "type") : schema;
  for (const one of Array.isArray(type) ? (type as readonly Json[]) : [type]) {
    if (one === null || (typeof one === "string" && TYPES.includes(one))) continue;
    problems.error({
      code: "invalid_value",
      message: `The input ${name} has the type ${shown(one)}, which JSON Schema does not know.`,
      suggestion: () =>
        (one === "text"
          ? 'Did you mean "string"?'
          : typeof one === "string"
            ? suggester.didYouMean(one, TYPES)
            : null) ?? `Types: ${TYPES.join(", ")}.`,
      pointer: isJsonObject(schema) ? at + "/type" : at,
    });
  }
}
