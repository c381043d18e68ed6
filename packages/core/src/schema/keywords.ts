import { isJsonObject, type Json } from "../base/json.ts";

const TYPES = new Set(["string", "number", "integer", "boolean", "object", "array", "null"]);

type Shape = readonly [what: string, holds: (value: Json) => boolean];

const isNumber = (value: Json): boolean => typeof value === "number";
const isText = (value: Json): boolean => typeof value === "string";
const isTexts = (value: Json): boolean => Array.isArray(value) && (value as readonly Json[]).every(isText);
const isType = (value: Json): boolean => typeof value === "string" && TYPES.has(value);

const NUMBER: Shape = ["a number", isNumber];
const COUNT: Shape = ["a whole number from 0", (value) => Number.isInteger(value) && Number(value) >= 0];
const TEXT: Shape = ["a text", isText];
const TEXTS: Shape = ["a list of texts", isTexts];
const LIST: Shape = ["a list", Array.isArray];
const SCHEMAS: Shape = ["a list of schemas that is not empty", (value) => Array.isArray(value) && value.length > 0];
const NAMED: Shape = ["a map", isJsonObject];

/** What each keyword holds. Keywords that are not here are notes. Schemas inside are looked at when they are read. */
const SHAPES: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  [
    "type",
    [
      `one of ${[...TYPES].join(", ")}, or a list of them`,
      (value) =>
        isType(value) || (Array.isArray(value) && value.length > 0 && (value as readonly Json[]).every(isType)),
    ],
  ],
  ["enum", LIST],
  ["minimum", NUMBER],
  ["maximum", NUMBER],
  ["exclusiveMinimum", NUMBER],
  ["exclusiveMaximum", NUMBER],
  ["multipleOf", ["a number above 0", (value) => typeof value === "number" && value > 0]],
  ["minLength", COUNT],
  ["maxLength", COUNT],
  ["pattern", TEXT],
  ["format", TEXT],
  ["minItems", COUNT],
  ["maxItems", COUNT],
  ["uniqueItems", ["true or false", (value) => typeof value === "boolean"]],
  ["minContains", COUNT],
  ["maxContains", COUNT],
  ["minProperties", COUNT],
  ["maxProperties", COUNT],
  ["required", TEXTS],
  [
    "dependentRequired",
    ["a map of lists of texts", (value) => isJsonObject(value) && Object.values(value).every(isTexts)],
  ],
  ["$ref", TEXT],
  ["$dynamicRef", TEXT],
  ["allOf", SCHEMAS],
  ["anyOf", SCHEMAS],
  ["oneOf", SCHEMAS],
  ["prefixItems", SCHEMAS],
  ["dependentSchemas", NAMED],
  ["properties", NAMED],
  ["patternProperties", NAMED],
  ["$defs", NAMED],
  ["definitions", NAMED],
]);

/** What is wrong with the value of a keyword, as a sentence without its subject; null when nothing is. */
export function shapeMistake(keyword: string, value: Json): string | null {
  const shape = SHAPES.get(keyword);
  return shape === undefined || shape[1](value) ? null : `${keyword} must be ${shape[0]}`;
}
