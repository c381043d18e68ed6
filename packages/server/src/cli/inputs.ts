import { AppError, isJsonObject, parseJson, type Json, type JsonObject } from "@weftwork/core";
import { InvalidArgumentError } from "commander";
import { UsageError } from "./exit.ts";
import { say } from "./language.ts";

/** Types of an input that are written as JSON. Text is taken as it stands. */
const JSON_TYPES: ReadonlySet<string> = new Set(["number", "integer", "boolean", "array", "object", "null"]);

/** `name=value`. Throws `UsageError`. */
export function pairOf(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(say("operations.no_pair", { text }));
  return [text.slice(0, at), text.slice(at + 1)];
}

/** An option that may be given several times. */
export function several(text: string, before: readonly string[]): string[] {
  return [...before, text];
}

/** One more `-i` argument, for commander. */
export function collect(value: string, before: readonly string[]): readonly string[] {
  if (!value.includes("=")) throw new InvalidArgumentError(say("input.form", { argument: value }));
  return [...before, value];
}

/**
 * The inputs of a run from `-i name=value` arguments. A value is text, unless the workflow's schema gives the input a
 * type that is none; then it is read as JSON. `name=@path` takes the text of a file, `name=@-` that of standard input,
 * and `name=@@text` is text that begins with @. All that is wrong is told at once.
 */
export function readInputs(
  given: readonly string[],
  schema: JsonObject | null,
  readText: (path: string) => string,
): JsonObject {
  const inputs: Record<string, Json> = Object.create(null) as Record<string, Json>;
  const mistakes: string[] = [];
  for (const argument of given) {
    try {
      const [name, value] = readOne(argument, schema, readText);
      if (Object.hasOwn(inputs, name)) throw new UsageError(say("input.twice", { name }));
      inputs[name] = value;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      mistakes.push(error.message);
    }
  }
  if (mistakes.length > 0) throw new UsageError(mistakes.join("\n"));
  return { ...inputs };
}

function readOne(argument: string, schema: JsonObject | null, readText: (path: string) => string): [string, Json] {
  const at = argument.indexOf("=");
  const name = argument.slice(0, at).trim();
  if (at < 1 || name === "") throw new UsageError(say("input.form", { argument }));
  const value = argument.slice(at + 1);
  const text = value.startsWith("@@") ? value.slice(1) : value.startsWith("@") ? readText(value.slice(1)) : value;
  const type = typeOf(name, schema);
  if (type === null) return [name, text];
  try {
    return [name, parseJson(text)];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new UsageError(say("input.no_json", { name, type, reason: String(error.details["reason"]) }));
  }
}

/** The type that makes an input JSON; null for text, and for inputs that may be text. */
function typeOf(name: string, schema: JsonObject | null): string | null {
  const properties = schema?.["properties"];
  const property = isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : null;
  const type = isJsonObject(property) ? property["type"] : null;
  const types = Array.isArray(type) ? (type as readonly Json[]) : [type];
  return types.every((one) => typeof one === "string" && JSON_TYPES.has(one)) ? types.join(" or ") : null;
}
