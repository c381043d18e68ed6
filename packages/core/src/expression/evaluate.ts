import { AppError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import type { Compiled } from "./compile.ts";
import type { Expression, Template } from "./parse.ts";
import { settled } from "./result.ts";
import { BYTES_MAX, type Dialect, OPERATIONS_MAX, Runtime } from "./runtime.ts";
import { isLazyMap, type Scope } from "./scope.ts";
import { Output } from "./statements.ts";
import { getOwn, truthy } from "./values.ts";

export { lazyMap, type LazyMap, type Scope } from "./scope.ts";
export type { Dialect } from "./runtime.ts";

export interface EvaluateOptions {
  /** What the evaluation may cost; 100,000 unless told otherwise. */
  readonly operations?: number;
  /** How long one text, and the result as JSON, may be; 10 MB unless told otherwise. */
  readonly bytes?: number;
  /** How values print inside text; `native` unless told otherwise. */
  readonly dialect?: Dialect;
}

/**
 * The value of an expression; what is undefined is null. Throws `EXPRESSION_ERROR`, or `EXPRESSION_LIMIT` when the
 * budget is spent. Deterministic: the same expression, scope and options give the same value or error.
 */
export function evaluate(expression: Expression, scope: Scope, options: EvaluateOptions = {}): Json {
  return valueOf(expression.source, expression.compiled, scope, options);
}

/** Whether the expression holds: truth as in Python, so empty text, lists and maps, 0 and null are false. */
export function evaluateCondition(expression: Expression, scope: Scope, options: EvaluateOptions = {}): boolean {
  return guarded(expression.source, () => {
    const rt = runtime(scope, options);
    return truthy(rt, expression.compiled.value!(rt));
  });
}

/** Renders a template: text, or the value itself when the template is exactly one `{{ … }}`. */
export function renderTemplate(template: Template, scope: Scope, options: EvaluateOptions = {}): Json {
  const { compiled } = template;
  if (compiled === null) return template.source;
  if (compiled.value !== null) return valueOf(template.source, compiled, scope, options);
  return guarded(template.source, () => {
    const rt = runtime(scope, options);
    const out = new Output();
    compiled.body(rt, out);
    return out.text;
  });
}

function valueOf(source: string, compiled: Compiled, scope: Scope, options: EvaluateOptions): Json {
  if (compiled.path !== null) {
    const value = walk(compiled.path, scope);
    if (value !== undefined) return value;
  }
  return guarded(source, () => {
    const rt = runtime(scope, options);
    return settled(rt, compiled.value!(rt)).value;
  });
}

/**
 * The commonest template, `{{ steps.a.output }}`, without a runtime: nothing is computed, and the value is one of the
 * scope's own. Answers `undefined` for whatever is not as simple, and the long way decides.
 */
function walk(path: readonly string[], scope: Scope): Json | undefined {
  let value = scope.lookup(path[0]!);
  for (let at = 1; at < path.length; at++) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = getOwn(value as Record<string, unknown>, path[at]!);
  }
  return isLazyMap(value) ? value.toJson() : (value as Json | undefined);
}

function runtime(scope: Scope, options: EvaluateOptions): Runtime {
  const { operations = OPERATIONS_MAX, bytes = BYTES_MAX, dialect = "native" } = options;
  return new Runtime(scope, operations, bytes, dialect);
}

/** Characters of the source that an error quotes. The source is the author's text, so it holds no secret. */
const EXCERPT_MAX = 200;

/** Adds to an error of the language where it happened; and makes one of an exhausted host. */
function guarded<T>(source: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const expression = source.length > EXCERPT_MAX ? source.slice(0, EXCERPT_MAX) + "…" : source;
    if (error instanceof RangeError) {
      // Depth and size are bounded long before the host's; but a host may have left us little of its stack.
      const reason = "it needs more memory or depth than an expression may take";
      throw new AppError("EXPRESSION_LIMIT", { reason, expression });
    }
    if (!(error instanceof AppError) || !error.code.startsWith("EXPRESSION_")) throw error;
    throw new AppError(error.code, { ...error.details, expression });
  }
}
