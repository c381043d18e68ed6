import { AppError } from "../base/errors.ts";
import { isJsonObject, type Json } from "../base/json.ts";
import type { Scope } from "../expression/scope.ts";
import type { Assignment } from "../workflow/dify-steps.ts";
import { pythonType } from "./render.ts";
import { find } from "./selector.ts";
import { notFound, selectorList } from "./template.ts";

/** One variable that an assigner has changed. */
export interface Assigned {
  /** `conversation.name` or `loop id.label`. */
  readonly name: string;
  readonly value: Json;
}

/**
 * Does the lines of a variable assigner in order; later lines see what earlier ones did. Throws `STEP_FAILED` at the
 * first line that cannot be done, and then nothing has changed. A variable that was set twice is answered once.
 */
export function runAssignments(items: readonly Assignment[], scope: Scope): readonly Assigned[] {
  const changed = new Map<string, Json>();
  const valueOf = (selector: readonly string[]): Json | undefined => {
    const own = changed.get(selector.slice(0, 2).join("."));
    if (own === undefined) return find(scope, selector);
    return selector
      .slice(2)
      .reduce<Json | undefined>((at, key) => (isJsonObject(at) && Object.hasOwn(at, key) ? at[key] : undefined), own);
  };
  for (const item of items) {
    const current = valueOf(item.target);
    if (current === undefined) throw notFound(selectorList(item.target));
    let input = item.constant;
    if (item.from !== null) {
      const found = valueOf(item.from);
      if (found === undefined) throw notFound(selectorList(item.from));
      if (found === null) continue;
      input = found;
    }
    changed.set(item.target.slice(0, 2).join("."), assignedValue(item, current, input));
  }
  return [...changed].map(([name, value]) => ({ name, value }));
}

const EMPTY: ReadonlyMap<string, Json> = new Map<string, Json>([
  ["string", ""],
  ["number", 0],
  ["boolean", false],
  ["object", {}],
]);
const SCALARS: ReadonlySet<string> = new Set(["string", "number", "boolean", "object"]);
const isListType = (type: string): boolean => type.startsWith("array");

/** The value a variable has after one operation. */
function assignedValue({ operation, targetType: type, from }: Assignment, current: Json, input: Json): Json {
  switch (operation) {
    case "over-write":
      return fitting(type, input, operation);
    case "set":
      if (!SCALARS.has(type)) throw unsupported(operation, type);
      if (from !== null) throw refused(`Input type variable is not supported for operation ${operation}`);
      return fitting(type, type === "object" && typeof input === "string" ? parsed(input) : input, operation);
    case "clear":
      return isListType(type) ? [] : (EMPTY.get(type) ?? null);
    case "append":
      if (!isListType(type)) throw unsupported(operation, type);
      return [...listOf(current), fitting(elementOf(type), input, operation)];
    case "extend":
      if (!isListType(type)) throw unsupported(operation, type);
      return [...listOf(current), ...(fitting(type, input, operation) as readonly Json[])];
    case "remove-first":
    case "remove-last":
      if (!isListType(type)) throw unsupported(operation, type);
      return operation === "remove-first" ? listOf(current).slice(1) : listOf(current).slice(0, -1);
    case "+=":
    case "-=":
    case "*=":
    case "/=":
      return arithmetic(operation, type, current, input);
    default:
      throw unsupported(operation, type);
  }
}

function arithmetic(operation: string, type: string, current: Json, input: Json): Json {
  if (type !== "number") throw unsupported(operation, type);
  if (typeof input !== "number" || (operation === "/=" && input === 0)) throw invalid(input, operation, type);
  const own = typeof current === "number" ? current : 0;
  const result = { "+=": own + input, "-=": own - input, "*=": own * input, "/=": own / input }[operation]!;
  if (!Number.isFinite(result)) throw invalid(input, operation, type);
  return result;
}

function elementOf(type: string): string {
  return /^array\[(\w+)\]$/.exec(type)?.[1] ?? "any";
}

/** The input, when it has the type the variable takes. */
function fitting(type: string, input: Json, operation: string): Json {
  if (!fits(type, input)) throw invalid(input, operation, type);
  return input;
}

function fits(type: string, value: Json): boolean {
  if (isListType(type)) {
    const element = elementOf(type);
    return Array.isArray(value) && value.every((item: Json) => fits(element, item));
  }
  switch (type) {
    case "string":
    case "number":
    case "boolean":
      return typeof value === type;
    case "object":
    case "file":
      return isJsonObject(value);
    default:
      return true;
  }
}

function listOf(value: Json): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function refused(reason: string): AppError {
  return new AppError("STEP_FAILED", { reason, error_type: "VariableOperatorNodeError" });
}

function unsupported(operation: string, type: string): AppError {
  return refused(`Operation ${operation} is not supported for type ${type}`);
}

function invalid(input: Json, operation: string, type: string): AppError {
  return refused(
    `Invalid input value ${JSON.stringify(input).slice(0, 100)} (${pythonType(input)}) for operation ${operation} on type ${type}`,
  );
}
