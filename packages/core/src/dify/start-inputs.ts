import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import type { StartField } from "../workflow/dify-steps.ts";
import { parseFloating } from "../expression/numbers.ts";
import { readJsonSchema } from "../schema/json-schema.ts";
import { difyFile, difyFiles } from "./file-value.ts";
import { newMap } from "./read.ts";
import { isFile } from "./selector.ts";

export type StartValues =
  | { readonly ok: true; readonly values: JsonObject }
  /** The first field that does not fit, in the words Dify's clients know. */
  | { readonly ok: false; readonly field: string; readonly message: string };

/**
 * The inputs of a run as its form takes them: defaults put in, numbers read from text, NUL characters and fields that
 * the form does not have left out. Objects are checked against the schemas of their fields.
 */
export function startValues(fields: readonly StartField[], inputs: JsonObject): StartValues {
  const values = newMap();
  for (const field of fields) {
    const given = Object.hasOwn(inputs, field.name) ? inputs[field.name]! : null;
    const absent = given === null || (given === "" && isFileType(field.type));
    if (absent && field.required)
      return { ok: false, field: field.name, message: `${field.name} is required in input form` };
    const checked = absent ? { value: field.default } : check(field, given);
    if ("message" in checked) return { ok: false, field: field.name, message: checked.message };
    values[field.name] = checked.value;
  }
  return { ok: true, values };
}

type Checked = { readonly value: Json } | { readonly message: string };

function check(field: StartField, given: Json): Checked {
  const { name, type, maxLength } = field;
  const wrong = (what: string): Checked => ({ message: `${name} in input form ${what}` });
  // What a webhook was sent is of any kind.
  if (type === "any") return { value: typeof given === "string" ? withoutNul(given) : given };
  const isListOfMaps = Array.isArray(given) && given.length > 0 && given.every((item: Json) => isJsonObject(item));
  if (isJsonObject(given) && type !== "file" && type !== "json_object" && type !== "file-list")
    return { message: `Invalid input type for ['${name}']` };
  if (isListOfMaps && type !== "file-list") return { message: `Invalid input type for ['${name}']` };
  switch (type) {
    case "number":
      return numberField(given, wrong);
    case "checkbox":
      return { value: checkbox(given) };
    case "select":
      if (typeof given !== "string") return { message: `(type 'select') ${name} in input form must be a string` };
      if (!field.options.includes(given))
        return wrong(`must be one of the following: [${field.options.map((option) => `'${option}'`).join(", ")}]`);
      return { value: withoutNul(given) };
    case "file":
      return isJsonObject(given) ? { value: difyFile(given) } : wrong("must be a file");
    case "file-list":
      if (!Array.isArray(given) || !given.every((item: Json) => isJsonObject(item)))
        return wrong("must be a list of files");
      if (maxLength !== null && given.length > maxLength) return wrong(`must be less than ${maxLength} files`);
      return { value: difyFiles(given) };
    case "json_object":
      return isJsonObject(given) && !isFile(given) ? schemaField(field, given, wrong) : wrong("must be a dict");
    case "text-input":
    case "paragraph":
      if (typeof given !== "string") return { message: `(type '${type}') ${name} in input form must be a string` };
      if (maxLength !== null && [...given].length > maxLength)
        return wrong(`must be less than ${maxLength} characters`);
      return { value: withoutNul(given) };
    default:
      return { value: typeof given === "string" ? withoutNul(given) : given };
  }
}

/** An object, checked against the schema of its field where it has one. */
function schemaField({ schema }: StartField, given: JsonObject, wrong: (what: string) => Checked): Checked {
  const error = schema === null ? undefined : readJsonSchema(schema).errors(given)[0];
  return error === undefined
    ? { value: given }
    : wrong(`does not fit its schema: ${error.pointer || "it"} ${error.message}`);
}

function numberField(given: Json, wrong: (what: string) => Checked): Checked {
  if (typeof given === "number") return { value: given };
  if (given === "") return { value: null };
  const number = typeof given === "string" ? parseFloating(given) : null;
  return number === null ? wrong("must be a valid number") : { value: number };
}

function checkbox(given: Json): Json {
  const word = typeof given === "string" ? given.trim().toLowerCase() : String(given);
  if (["true", "1", "yes", "on"].includes(word)) return true;
  if (["false", "0", "no", "off"].includes(word)) return false;
  return given;
}

function withoutNul(text: string): string {
  return text.includes("\u0000") ? text.replaceAll("\u0000", "") : text;
}

function isFileType(type: string): boolean {
  return type === "file" || type === "file-list";
}
