import {
  AppError,
  evaluate,
  evaluateCondition,
  type ExpressionProblem,
  type Expression,
  type Json,
  parseExpression,
  parseValueTemplate,
  renderValueTemplate,
  type Scope,
} from "@weftwork/core";

type PerItem<T> = (item: Json, index: number) => T;

/** The expressions of a list step, parsed. They see `item` and `index` and nothing else of the run. */
export interface ListProgram {
  readonly keeps: PerItem<boolean> | null;
  readonly keyOf: PerItem<Json> | null;
  readonly valueOf: PerItem<Json> | null;
}

/** How many programs are remembered. Workflows are fixed texts, so few are in use at a time. */
const PROGRAMS_MAX = 500;
const MARK = /\{[{%#]/;

const programs = new Map<string, ListProgram>();

/** The program of these sources; parsed once, then remembered until others have been used more recently. */
export function programOf(where: string | null, sortBy: string | null, map: Json | undefined): ListProgram {
  const key = JSON.stringify([where, sortBy, map ?? null]);
  let program = programs.get(key);
  if (program) {
    programs.delete(key);
  } else {
    program = parseProgram(where, sortBy, map ?? null);
    if (programs.size >= PROGRAMS_MAX) programs.delete(programs.keys().next().value!);
  }
  programs.set(key, program);
  return program;
}

function parseProgram(where: string | null, sortBy: string | null, map: Json): ListProgram {
  const keeps = where === null ? null : parse("where", where);
  const key = sortBy === null ? null : parse("sort_by", sortBy);
  return {
    keeps: keeps && perItem("where", (scope) => evaluateCondition(keeps, scope)),
    keyOf: key && perItem("sort_by", (scope) => evaluate(key, scope)),
    valueOf: map === null ? null : parseMap(map),
  };
}

/** A text without marks is an expression (`item.name`); any other value is one whose texts are templates. */
function parseMap(map: Json): PerItem<Json> {
  if (typeof map === "string" && !MARK.test(map)) {
    const expression = parse("map", map);
    return perItem("map", (scope) => evaluate(expression, scope));
  }
  const { template, problems } = parseValueTemplate(map);
  const [first] = problems;
  if (first) throw refuse(["map", ...first.pointer].join("."), first.problem);
  return perItem("map", (scope) => renderValueTemplate(template, scope));
}

function parse(field: string, source: string): Expression {
  const parsed = parseExpression(source);
  if (!parsed.ok) throw refuse(field, parsed.problem);
  return parsed.expression;
}

function refuse(field: string, problem: ExpressionProblem): AppError {
  return new AppError("EXPRESSION_ERROR", { reason: `${field}: ${problem.message}`, offset: problem.offset });
}

/** Evaluates with one scope for all items. An error says at which item it happened; never what that item is. */
function perItem<T>(field: string, evaluateIn: (scope: Scope) => T): PerItem<T> {
  let item: Json = null;
  let index = 0;
  const scope: Scope = { lookup: (name) => (name === "item" ? item : name === "index" ? index : undefined) };
  return (nextItem, nextIndex) => {
    [item, index] = [nextItem, nextIndex];
    try {
      return evaluateIn(scope);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const reason = `${field}, at item ${nextIndex}: ${String(error.details["reason"] ?? error.message)}`;
      throw new AppError(error.code, { ...error.details, reason }, { cause: error });
    } finally {
      // The program outlives the task; the last item must not.
      item = null;
    }
  };
}
