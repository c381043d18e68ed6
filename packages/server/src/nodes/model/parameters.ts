import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { z } from "zod";

const TYPES = [
  "string",
  "number",
  "integer",
  "boolean",
  "bool",
  "select",
  "object",
  "array[string]",
  "array[number]",
  "array[object]",
  "array[boolean]",
] as const;
const PARAMETERS_MAX = 200;

/** What is to be found in a text: the members of an object. */
export const parameterList = z
  .array(
    z.object({
      name: z.string().min(1).max(200),
      type: z.enum(TYPES).nullish(),
      description: z.string().nullish(),
      required: z.boolean().nullish(),
      options: z.array(z.string()).nullish(),
    }),
  )
  .max(PARAMETERS_MAX);

export interface Parameter {
  readonly name: string;
  readonly type: (typeof TYPES)[number];
  readonly description: string;
  readonly required: boolean;
  readonly options: readonly string[] | null;
}

/** Throws `STEP_FAILED` for none, for two of one name, and for a choice without options. */
export function parametersOf(given: z.output<typeof parameterList>): readonly Parameter[] {
  const parameters = given.map(({ name, type, description, required, options }): Parameter => ({
    name,
    type: type ?? "string",
    description: description ?? "",
    required: required ?? false,
    options: options && options.length > 0 ? options : null,
  }));
  const refuse = (reason: string): AppError => new AppError("STEP_FAILED", { reason });
  if (parameters.length === 0) throw refuse("parameters is empty; name at least one");
  const names = new Set(parameters.map(({ name }) => name));
  if (names.size < parameters.length) throw refuse("two of its parameters have the same name");
  const reserved = ["__reason", "__is_success", "__usage"].find((name) => names.has(name));
  if (reserved !== undefined) throw refuse(`the name ${reserved} is reserved and cannot name a parameter`);
  const empty = parameters.find(({ type, options }) => type === "select" && options === null);
  if (empty) throw refuse(`the parameter ${empty.name} is a select and has no options`);
  return parameters;
}

/** The JSON Schema of the object that has these members. */
export function parameterSchema(parameters: readonly Parameter[]): JsonObject {
  const properties = parameters.map((parameter) => [parameter.name, memberSchema(parameter)] as const);
  return {
    type: "object",
    properties: Object.fromEntries(properties),
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
    additionalProperties: false,
  };
}

function memberSchema({ type, description, options }: Parameter): JsonObject {
  const about = description === "" ? {} : { description };
  const item = itemType(type);
  if (item !== null) return { type: "array", items: { type: item }, ...about };
  const choice = options === null ? {} : { enum: options };
  return { type: type === "select" ? "string" : type === "bool" ? "boolean" : type, ...choice, ...about };
}

function itemType(type: Parameter["type"]): string | null {
  return /^array\[(.+)\]$/.exec(type)?.[1] ?? null;
}

/** The members that were found, each of its type; and why not all is well, in the order of the parameters. */
export interface Found {
  readonly values: JsonObject;
  readonly problem: string | null;
}

/**
 * Reads the members of an object. Numbers and truths given as text are converted. `whole`: a member too many or too few
 * is a problem even where it is not required.
 */
export function readParameters(parameters: readonly Parameter[], given: JsonObject, whole: boolean): Found {
  const values: [string, Json][] = [];
  let problem = whole && Object.keys(given).length !== parameters.length ? "Invalid number of parameters" : null;
  for (const parameter of parameters) {
    const { name, required } = parameter;
    const value = Object.hasOwn(given, name) ? given[name]! : null;
    if (value === null) {
      if (required) problem ??= `Parameter ${name} is required`;
      continue;
    }
    const converted = convert(value, parameter);
    if (converted === undefined) problem ??= wrongValue(value, parameter);
    else values.push([name, converted]);
  }
  return { values: Object.fromEntries(values), problem };
}

function wrongValue(value: Json, { name, type, options }: Parameter): string {
  if (options !== null && typeof value === "string") return `Invalid \`select\` value for parameter ${name}`;
  const is = Array.isArray(value) ? "a list" : value === null ? "null" : `of type ${typeof value}`;
  return `Invalid value for parameter ${name}: it must be of type ${type}, and is ${is}`;
}

/** The value as the type of its parameter; undefined when it is of another. */
function convert(value: Json, { type, options }: Parameter): Json | undefined {
  const item = itemType(type);
  if (item !== null) {
    if (!Array.isArray(value)) return undefined;
    const items = (value as readonly Json[]).map((one) => single(one, item));
    return items.every((one) => one !== undefined) ? items : undefined;
  }
  const one = single(value, type);
  return options !== null && !options.includes(String(one)) ? undefined : one;
}

/** No digit can belong to two of its parts, so a long text of digits costs its length. */
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

function single(value: Json, type: string): Json | undefined {
  switch (type) {
    case "number":
    case "integer": {
      const isText = typeof value === "string" && NUMBER.test(value.trim());
      const number = isText ? Number(value) : value;
      if (typeof number !== "number" || !Number.isFinite(number)) return undefined;
      return type === "integer" && !Number.isInteger(number) ? undefined : number;
    }
    case "boolean":
    case "bool": {
      if (typeof value === "boolean") return value;
      const word = typeof value === "string" ? value.trim().toLowerCase() : String(value);
      return word === "true" || word === "1" ? true : word === "false" || word === "0" ? false : undefined;
    }
    case "object":
      return isJsonObject(value) ? value : undefined;
    default:
      return typeof value === "string" ? value : undefined;
  }
}

/** The value of a member that was not found, where every member must have one. */
export function emptyOf({ type }: Parameter): Json {
  if (itemType(type) !== null) return [];
  if (type === "number" || type === "integer") return 0;
  if (type === "boolean" || type === "bool") return false;
  return type === "object" ? {} : "";
}
