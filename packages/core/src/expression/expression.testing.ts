import { AppError } from "../base/errors.ts";
import { type EvaluateOptions, evaluate, renderTemplate, type Scope } from "./evaluate.ts";
import { parseExpression, parseTemplate } from "./parse.ts";

/** A scope over plain data, as the engine gives one. */
export function scopeOf(data: Readonly<Record<string, unknown>>): Scope {
  return { lookup: (name) => (Object.hasOwn(data, name) ? data[name] : undefined) };
}

/** Parses and renders, or throws what is wrong with the source. */
export function render(
  source: string,
  data: Readonly<Record<string, unknown>> = {},
  options?: EvaluateOptions,
): unknown {
  const parsed = parseTemplate(source);
  if (!parsed.ok) throw new SyntaxError(`${parsed.problem.message} (at ${parsed.problem.offset})`);
  return renderTemplate(parsed.template, scopeOf(data), options);
}

/** The value of a bare expression. */
export function valueOf(
  source: string,
  data: Readonly<Record<string, unknown>> = {},
  options?: EvaluateOptions,
): unknown {
  const parsed = parseExpression(source);
  if (!parsed.ok) throw new SyntaxError(`${parsed.problem.message} (at ${parsed.problem.offset})`);
  return evaluate(parsed.expression, scopeOf(data), options);
}

/** What a source does: its output as text, `"syntax"` when it does not parse, or the code of its error. */
export function outcome(
  source: string,
  data: Readonly<Record<string, unknown>> = {},
  options?: EvaluateOptions,
): string {
  try {
    const value = render(source, data, options);
    return typeof value === "string" ? value : JSON.stringify(value);
  } catch (error) {
    if (error instanceof SyntaxError) return "syntax";
    if (error instanceof AppError) return error.code;
    throw error;
  }
}
