import { parseDuration } from "../base/duration.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { readJsonSchema } from "../schema/json-schema.ts";
import type { FieldSpec, MapSpec } from "./fields.ts";
import { listed, pointerPart, type ProblemList, shown } from "./problems.ts";
import type { Suggester } from "./suggest.ts";

/** What the readers of one text share. */
export interface Reading {
  readonly problems: ProblemList;
  readonly suggester: Suggester;
}

/** Fields that are for readers only and allowed in every map of the language. */
const NOTES = new Set(["description", "title"]);

/** The value of a field; null when it is left out (or written with nothing behind it). */
export function valueOf(map: JsonObject, name: string): Json {
  return Object.hasOwn(map, name) ? map[name]! : null;
}

/** Whether a text holds anything that a template would replace. */
export function hasTemplate(value: Json): value is string {
  return typeof value === "string" && (value.includes("{{") || value.includes("{%"));
}

/** Checks the form of one map of the language: names, kinds, what is missing and what excludes each other. */
export function checkMap(map: JsonObject, spec: MapSpec, what: string, pointer: string, reading: Reading): void {
  const { problems } = reading;
  for (const name of Object.keys(map)) {
    const field = Object.hasOwn(spec.fields, name) ? spec.fields[name] : undefined;
    if (field) checkField(map[name]!, field, name, pointer + pointerPart(name), reading);
    else if (!NOTES.has(name) && !name.startsWith("x-")) unknownField(name, spec, what, pointer, reading);
  }
  for (const [name, field] of Object.entries(spec.fields)) {
    if (field.required && valueOf(map, name) === null) missing([name], field.about, what, pointer, problems);
  }
  for (const group of spec.oneOf ?? []) {
    const given = group.filter((name) => valueOf(map, name) !== null);
    if (given.length === 0) missing(group, null, what, pointer, problems);
    if (given.length > 1) conflict(given, what, pointer, problems);
  }
  for (const group of spec.atMostOne ?? []) {
    const given = group.filter((name) => valueOf(map, name) !== null);
    if (given.length > 1) conflict(given, what, pointer, problems);
  }
}

function unknownField(name: string, spec: MapSpec, what: string, pointer: string, reading: Reading): void {
  const names = Object.keys(spec.fields);
  reading.problems.error({
    code: "unknown_field",
    message: `${what} has no field ${shown(name)}.`,
    suggestion: () =>
      reading.suggester.didYouMean(name, names) ?? `Fields: ${listed(names, 40)}; notes of your own begin with x-.`,
    pointer: pointer + pointerPart(name),
    atKey: true,
  });
}

function missing(
  names: readonly string[],
  about: string | null,
  what: string,
  pointer: string,
  problems: ProblemList,
): void {
  problems.error({
    code: "missing_field",
    message: names.length === 1 ? `${what} needs the field ${names[0]}.` : `${what} needs one of ${names.join(", ")}.`,
    suggestion: about === null ? null : `${names[0]}: ${about}`,
    pointer,
  });
}

function conflict(names: readonly string[], what: string, pointer: string, problems: ProblemList): void {
  problems.error({
    code: "conflicting_fields",
    message: `${what} has ${names.join(" and ")}; only one of them can hold.`,
    suggestion: "Keep one.",
    pointer: pointer + pointerPart(names[1]!),
    atKey: true,
  });
}

function checkField(value: Json, field: FieldSpec, name: string, pointer: string, reading: Reading): void {
  const { problems } = reading;
  // `on_item_error: null` is YAML's null, and a choice of its own; everywhere else it is a field left out.
  if (value === null || (field.template && hasTemplate(value))) return;
  const wrong = (expected: string, suggestion: string | null = null): void =>
    problems.error({
      code: "wrong_type",
      message: `${name} must be ${expected}, and is ${shown(value)}.`,
      suggestion,
      pointer,
    });
  const invalid = (message: string, suggestion: string | null = null): void =>
    problems.error({ code: "invalid_value", message, suggestion, pointer });
  const orTemplate = field.template ? " (or a template)" : "";
  switch (field.kind) {
    case "text":
    case "name":
      if (typeof value !== "string") wrong("a text", quoted(name, value));
      else if (value.trim() === "" && (field.required || field.kind === "name")) invalid(`${name} is empty.`);
      return;
    case "expression":
      return checkExpression(value, name, pointer, reading);
    case "map":
      return checkMapField(value, field, name, pointer, reading);
    case "schema":
      if (isJsonObject(value)) checkSchemaField(value, name, pointer, reading);
      else wrong(`a JSON Schema${orTemplate}`, "Write type: object, and properties: below it.");
      return;
    case "list":
      if (!Array.isArray(value))
        wrong(`a list${orTemplate}`, typeof value === "string" ? asTemplate(name, value) : null);
      return;
    case "boolean":
      if (typeof value !== "boolean") wrong(`true or false${orTemplate}`);
      return;
    case "integer":
    case "number":
      return checkNumber(value, field, name, pointer, reading);
    case "duration":
      if (typeof value !== "string" && typeof value !== "number")
        wrong("a duration", `Write ${name}: "5m", or seconds.`);
      else if (parseDuration(value) === null)
        invalid(
          `${name} is no duration: ${shown(value)}.`,
          'Write seconds, or "500ms", "5m", "1h30m", "30d" (ten years at most).',
        );
      else if (parseDuration(value) === 0)
        invalid(`${name} must be longer than nothing.`, "Leave the field out for none.");
      return;
    case "choice":
      return checkChoice(value, field, name, pointer, reading);
    case "memory":
      if (memoryBytes(value) === null)
        invalid(`${name} is no amount of memory: ${shown(value)}.`, 'Write bytes, or "512MB", "2GB".');
      return;
    case "time":
      if (typeof value !== "string") wrong("a time", 'Write "2030-01-31T09:00:00Z".');
      else if (!ISO_TIME.test(value))
        invalid(`${name} is no time: ${shown(value)}.`, 'Write "2030-01-31T09:00:00Z", or a template.');
      return;
    case "names":
      return checkNames(value, name, pointer, reading);
    default: // Any value, or one with a reader of its own.
  }
}

const ISO_TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;

/** A bare expression. Text in template braces is the commonest mistake, for every other field wants them. */
export function checkExpression(value: Json, name: string, pointer: string, { problems }: Reading): void {
  if (typeof value === "boolean" || typeof value === "number") return;
  if (typeof value !== "string") {
    problems.error({
      code: "wrong_type",
      message: `${name} must be an expression, and is ${shown(value)}.`,
      suggestion: `Write ${name}: "inputs.n > 3".`,
      pointer,
    });
    return;
  }
  const text = value.trim();
  if (text === "") problems.error({ code: "invalid_value", message: `${name} is empty.`, pointer });
  const inner = /^\{\{(.*)\}\}$/s.exec(text)?.[1];
  if (inner !== undefined) {
    problems.error({
      code: "template_in_expression",
      message: `${name} takes a bare expression, without {{ }}.`,
      suggestion: inner.includes("{{") ? "Remove the braces." : `Write ${name}: ${shown(inner.trim())}.`,
      pointer,
    });
  }
}

function checkMapField(value: Json, field: FieldSpec, name: string, pointer: string, reading: Reading): void {
  if (isJsonObject(value)) {
    if (field.fields) checkMap(value, field.fields, name, pointer, reading);
    return;
  }
  if (field.short && (typeof value === "string" || typeof value === "number")) {
    checkField(value, field.fields!.fields[field.short]!, name, pointer, reading);
    return;
  }
  reading.problems.error({
    code: "wrong_type",
    message: `${name} must be a map${field.template ? " (or a template)" : ""}, and is ${shown(value)}.`,
    suggestion: field.fields
      ? `Its fields: ${Object.keys(field.fields.fields).join(", ")}.`
      : "Write name: value pairs.",
    pointer,
  });
}

/** What is wrong with a JSON Schema, each at its place. `inner` leads from a place in it to the author's text. */
export function checkSchemaField(
  schema: JsonObject,
  name: string,
  pointer: string,
  { problems }: Reading,
  inner: (at: string) => string | null = (at) => pointer + at,
): void {
  for (const { pointer: at, message } of readJsonSchema(schema).problems) {
    const place = inner(at);
    if (place === null) continue;
    const suggestion = message.includes("RE2") ? "Write it without, or check the text in a step of its own." : null;
    problems.error({
      code: "invalid_schema",
      message: `The schema ${name} is wrong: ${message}.`,
      suggestion,
      pointer: place,
    });
  }
}

function checkNumber(value: Json, field: FieldSpec, name: string, pointer: string, { problems }: Reading): void {
  const whole = field.kind === "integer";
  if (typeof value !== "number" || (whole && !Number.isSafeInteger(value))) {
    problems.error({
      code: "wrong_type",
      message: `${name} must be a ${whole ? "whole number" : "number"}, and is ${shown(value)}.`,
      suggestion:
        typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value))
          ? `Write ${name}: ${Number(value)}, without quotes.`
          : null,
      pointer,
    });
    return;
  }
  const { min = -Infinity, max = Infinity } = field;
  if (value >= min && value <= max) return;
  const range = max === Infinity ? `at least ${min}` : `from ${min} to ${max}`;
  problems.error({
    code: "out_of_range",
    message: `${name} must be ${range}, and is ${value}.`,
    suggestion: `Write ${name}: ${value < min ? min : max}.`,
    pointer,
  });
}

function checkChoice(value: Json, field: FieldSpec, name: string, pointer: string, reading: Reading): void {
  const choices = field.choices ?? [];
  if (typeof value === "string" && choices.includes(value)) return;
  reading.problems.error({
    code: "invalid_value",
    message: `${name} must be one of ${choices.join(", ")}, and is ${shown(value)}.`,
    suggestion: () => (typeof value === "string" ? reading.suggester.didYouMean(value, choices) : null),
    pointer,
  });
}

function checkNames(value: Json, name: string, pointer: string, { problems }: Reading): void {
  const list = Array.isArray(value) ? (value as readonly Json[]) : [value];
  if (list.length === 0) problems.error({ code: "invalid_value", message: `${name} is empty.`, pointer });
  for (const [i, item] of list.entries()) {
    const at = Array.isArray(value) ? pointer + pointerPart(i) : pointer;
    if (typeof item !== "string" || item === "") {
      problems.error({
        code: "wrong_type",
        message: `${name} lists names, and one of them is ${shown(item)}.`,
        suggestion: typeof item === "number" ? `Write "${item}", in quotes.` : null,
        pointer: at,
      });
    }
  }
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** An amount of memory in bytes: a number, or text such as `512MB`, `2Gi`. Units are powers of 1024, as of containers. */
export function memoryBytes(value: Json): number | null {
  const match =
    typeof value === "number"
      ? [null, String(value), ""]
      : typeof value === "string"
        ? MEMORY.exec(value.trim())
        : null;
  if (!match) return null;
  const bytes = Math.round(Number(match[1]) * UNITS[match[2]!.toLowerCase()]!);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : null;
}
const MEMORY = /^(\d{1,15}(?:\.\d{1,15})?)\s*([kmgt]?)(?:i?b)?$/i;

function quoted(name: string, value: Json): string | null {
  return typeof value === "number" || typeof value === "boolean" ? `Write ${name}: "${value}", in quotes.` : null;
}

function asTemplate(name: string, value: string): string | null {
  return /^[\w.[\]]{1,80}$/.test(value.trim()) ? `Write ${name}: "{{ ${value.trim()} }}".` : null;
}
