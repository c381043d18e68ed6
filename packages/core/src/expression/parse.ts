import { type Compiled, compile } from "./compile.ts";
import type { ExpressionProblem } from "./problem.ts";
import type { Reference } from "./references.ts";

export type { ExpressionProblem } from "./problem.ts";
export type { Reference } from "./references.ts";

/** A bare expression, as in `when: inputs.score > 3`. Opaque but for its source and what it reads. */
export interface Expression {
  readonly source: string;
  /** Every path into the scope that the expression may read, as long as it is known beforehand. */
  readonly roots: readonly Reference[];
  readonly compiled: Compiled;
}

/** Text with `{{ … }}` and `{% … %}` in it. */
export interface Template {
  readonly source: string;
  /**
   * `value`: exactly one `{{ … }}`, which keeps the type of what it yields. `constant`: text without any mark, which
   * is answered as written. `text`: all else.
   */
  readonly kind: "text" | "value" | "constant";
  readonly roots: readonly Reference[];
  /** Null for constants. */
  readonly compiled: Compiled | null;
}

/** Parses a bare expression; one that is wrapped in `{{ … }}` is taken too. Never throws. */
export function parseExpression(
  source: string,
): { ok: true; expression: Expression } | { ok: false; problem: ExpressionProblem } {
  const compiled = compile(source, "expression");
  if (!("roots" in compiled)) return { ok: false, problem: compiled };
  return { ok: true, expression: Object.freeze({ source, roots: compiled.roots, compiled }) };
}

const MARK = /\{[{%#]/;

/** Parses a template. Never throws. */
export function parseTemplate(
  source: string,
): { ok: true; template: Template } | { ok: false; problem: ExpressionProblem } {
  if (!MARK.test(source)) {
    return { ok: true, template: Object.freeze({ source, kind: "constant", roots: [], compiled: null }) };
  }
  const compiled = compile(source, "template");
  if (!("roots" in compiled)) return { ok: false, problem: compiled };
  const kind = compiled.value === null ? "text" : "value";
  return { ok: true, template: Object.freeze({ source, kind, roots: compiled.roots, compiled }) };
}
