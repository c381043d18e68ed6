import { type Act, compileBody } from "./statements.ts";
import { Expressions } from "./expressions.ts";
import { FILTERS } from "./filters.ts";
import { type Token, tokenizeExpression, tokenizeTemplate } from "./lexer.ts";
import { insertsOnly } from "./insertion.ts";
import { PREDICATES } from "./predicates.ts";
import { type ExpressionProblem, ProblemError } from "./problem.ts";
import { Names, type Reference } from "./references.ts";
import { rewrite } from "./rewrite.ts";
import type { Run } from "./runtime.ts";
import { type Node, parseSyntax } from "./syntax.ts";

/** Length of a template or expression, in UTF-16 units. */
export const SOURCE_MAX = 262_144;

/** What a source was compiled to. */
export interface Compiled {
  readonly roots: readonly Reference[];
  /** Set when the whole is one value: an expression, or a template of exactly one `{{ … }}`. */
  readonly value: Run | null;
  /** The value as names from a root on, when it is nothing else. */
  readonly path: readonly string[] | null;
  /** Whether secrets, if it reads any, are put into its text by name and nothing is computed with them. */
  readonly insertsSecrets: boolean;
  readonly body: Act;
}

const KNOWN = { filters: new Set(FILTERS.keys()), tests: new Set(PREDICATES.keys()) };

/** Compiles, or answers the problem. Never throws. */
export function compile(source: string, kind: "expression" | "template"): Compiled | ExpressionProblem {
  try {
    if (source.length > SOURCE_MAX) throw new ProblemError(`the text is longer than ${SOURCE_MAX} characters`, 0);
    return kind === "template" ? compileTokens(tokenizeTemplate(source), source) : compileExpression(source);
  } catch (error) {
    if (error instanceof ProblemError) return error.problem;
    // Deep trees can exhaust the stack of a host that gave us little of it. That is the author's problem, not a crash.
    if (error instanceof RangeError) return { message: "the expression is nested too deeply", offset: 0 };
    throw error;
  }
}

function compileExpression(source: string): Compiled {
  const trimmed = source.trim();
  if (trimmed === "") throw new ProblemError("the expression is empty", 0);
  if (!trimmed.startsWith("{{") || !trimmed.endsWith("}}")) return compileTokens(tokenizeExpression(source), source);
  // Authors wrap conditions in braces out of habit. Blanks around them mean nothing.
  const compiled = compileTokens(tokenizeTemplate(trimmed), trimmed);
  if (compiled.value === null) throw new ProblemError("an expression is one value, not text", 0);
  return compiled;
}

function compileTokens(tokens: readonly Token[], source: string): Compiled {
  try {
    return compileNodes(tokens, parseSyntax(rewrite(tokens, KNOWN)), source);
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.offset > 0) throw error;
    // The tree has no places. The first token of that name, or the first tag, is the nearest that can be told.
    const token =
      tokens.find(({ value }) => value === error.about) ?? tokens.find(({ type }) => type.startsWith("Open"));
    throw new ProblemError(error.message, token?.offset ?? 0, error.problem.suggestion);
  }
}

function compileNodes(tokens: readonly Token[], nodes: readonly Node[], source: string): Compiled {
  const names = new Names(nodes);
  const expressions = new Expressions(names, /\.(append|extend|insert)\b|\['(append|extend|insert)'/.test(source));
  const isValue =
    tokens[0]?.type === "OpenExpression" &&
    tokens.findIndex((token) => token.type === "CloseExpression") === tokens.length - 1;
  if (isValue && nodes.length === 1) {
    const value = expressions.compile(nodes[0]!);
    const roots = names.roots();
    return { roots, value, path: expressions.pathOf(nodes[0]!), insertsSecrets: inserts(roots, nodes), body: () => 0 };
  }
  const inner = compileBody(expressions, nodes);
  // Most templates bind no names and need no frame.
  const body: Act =
    names.bound.size === 0
      ? inner
      : (rt, out) => {
          rt.frame = { variables: new Map(), parent: null };
          return inner(rt, out);
        };
  const roots = names.roots();
  return { roots, value: null, path: null, insertsSecrets: inserts(roots, nodes), body };
}

function inserts(roots: readonly Reference[], nodes: readonly Node[]): boolean {
  return !roots.some(({ path }) => path[0] === "secrets") || insertsOnly(nodes, "secrets");
}
