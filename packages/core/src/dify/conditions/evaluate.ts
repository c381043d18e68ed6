import type { Json } from "../../base/json.ts";
import type { Scope } from "../../expression/scope.ts";
import type { DifyCondition, DifyTest } from "../../workflow/dify-steps.ts";
import { find } from "../selector.ts";
import { notFound, parseSegments, renderSegments, selectorList } from "../template.ts";
import { asksFiles, filesHold } from "./files.ts";
import { OPERATORS, UNARY } from "./operators.ts";
import { misfit } from "./values.ts";

/**
 * Whether a case holds. Stops as early as it can: `and` at the first false, `or` at the first true. A left side that is
 * not found, and values that do not fit their operator, throw `STEP_FAILED`. A case without conditions holds when it is
 * an `and`.
 */
export function testHolds({ logical, conditions }: DifyTest, scope: Scope): boolean {
  const holds = (condition: DifyCondition): boolean => conditionHolds(condition, scope);
  return logical === "and" ? conditions.every(holds) : conditions.some(holds);
}

function conditionHolds(condition: DifyCondition, scope: Scope): boolean {
  const left = find(scope, condition.selector);
  if (left === undefined) throw notFound(selectorList(condition.selector));
  const { operator, value } = condition;
  const resolve = (expected: Json): Json => resolved(expected, scope);
  if (asksFiles(left, operator)) return filesHold(left, condition.files, resolve, compare);
  return compare(operator, left, UNARY.has(operator) ? null : resolve(value));
}

/** Whether an operator holds of two values. Throws `STEP_FAILED` for one that does not exist or does not fit. */
export function compare(operator: string, left: Json, expected: Json): boolean {
  const holds = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
  if (!holds) throw misfit(`There is no operator ${operator}`);
  return holds(left, expected);
}

/** A text on the right side may hold references; those that lead nowhere stay as their name. */
function resolved(value: Json, scope: Scope): Json {
  return typeof value === "string" ? renderSegments(parseSegments(value), scope, "name") : value;
}
