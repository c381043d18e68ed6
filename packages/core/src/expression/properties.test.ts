import fc from "fast-check";
import { expect, it } from "vitest";
import { AppError } from "../base/errors.ts";
import { encodeJson } from "../base/json.ts";
import { renderTemplate } from "./evaluate.ts";
import { FILTERS } from "./filters.ts";
import { FUNCTIONS } from "./functions.ts";
import { parseTemplate } from "./parse.ts";
import { PREDICATES } from "./predicates.ts";
import { scopeOf } from "./expression.testing.ts";

const json = fc.jsonValue({ maxDepth: 3 });
const literal = fc.constantFrom(
  "1",
  "-2",
  "0",
  "2.5",
  "'a'",
  "'😀é x'",
  "''",
  "none",
  "true",
  "[1, 'b']",
  "[]",
  "{'k': 1}",
  "v",
  "v.a",
  "w",
  "missing",
);
const METHODS = [
  "upper",
  "split",
  "items",
  "get",
  "join",
  "format",
  "find",
  "replace",
  "zfill",
  "index",
  "count",
  "append",
  "title",
  "strip",
  "values",
];

/** Expressions that parse more often than not: every operator, filter, test, function and method, with odd arguments. */
const expression = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    literal,
    fc
      .tuple(
        tie("node"),
        fc.constantFrom("+", "-", "*", "/", "//", "%", "**", "~", "==", "<", ">=", "in", "not in", "and", "or"),
        tie("node"),
      )
      .map((parts) => parts.join(" ")),
    fc.tuple(tie("node"), fc.constantFrom(...FILTERS.keys())).map(([node, name]) => `(${node}) | ${name}`),
    fc
      .tuple(tie("node"), fc.constantFrom(...FILTERS.keys()), tie("node"), tie("node"))
      .map(([node, name, a, b]) => `${node} | ${name}(${a}, ${b})`),
    fc
      .tuple(tie("node"), fc.constantFrom(...PREDICATES.keys()), tie("node"))
      .map(([node, name, a]) => `${node} is ${name}(${a})`),
    fc
      .tuple(fc.constantFrom(...FUNCTIONS.keys()), tie("node"), tie("node"))
      .map(([name, a, b]) => `${name}(${a}, ${b})`),
    fc.tuple(tie("node"), fc.constantFrom(...METHODS), tie("node")).map(([node, name, a]) => `(${node}).${name}(${a})`),
    fc.tuple(tie("node"), tie("node")).map(([node, key]) => `(${node})[${key}]`),
    fc.tuple(tie("node"), tie("node"), tie("node")).map(([node, from, to]) => `(${node})[${from}:${to}]`),
    fc.tuple(tie("node"), tie("node"), tie("node")).map(([a, b, c]) => `(${a} if ${b} else ${c})`),
    tie("node").map((node) => `[${node}, {'x': ${node}}]`),
    tie("node").map((node) => `-(${node})`),
    tie("node").map((node) => `not ${node}`),
  ),
})).node;

const template = fc.oneof(
  expression.map((source) => `{{ ${source} }}`),
  fc.tuple(expression, expression).map(([a, b]) => `x{{ ${a} }}{% if ${b} %}y{% endif %}`),
  fc
    .tuple(expression, expression)
    .map(([a, b]) => `{% for i in ${a} %}{{ i }}{{ loop.index }}{% set v = ${b} %}{{ v }}{% endfor %}`),
  fc.tuple(expression, expression).map(([a, b]) => `{% macro m(p, q=${a}) %}{{ p }}{{ q }}{% endmacro %}{{ m(${b}) }}`),
);

interface Run {
  readonly result: string;
  readonly ms: number;
}

/** The output, or the error as data; anything thrown that is no `AppError` fails the test. */
function run(source: string, data: Record<string, unknown>, dialect: "native" | "python"): Run {
  const parsed = parseTemplate(source);
  if (!parsed.ok) return { result: JSON.stringify(parsed.problem), ms: 0 };
  const start = performance.now();
  try {
    const value = renderTemplate(parsed.template, scopeOf(data), { dialect, operations: 20_000, bytes: 100_000 });
    return { result: encodeJson(value), ms: performance.now() - start };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(["EXPRESSION_ERROR", "EXPRESSION_LIMIT"]).toContain(error.code);
    return { result: error.message, ms: performance.now() - start };
  }
}

it("any expression gives JSON or a typed error, the same each time, within its budget", () => {
  fc.assert(
    fc.property(
      template,
      json,
      json,
      fc.constantFrom("native" as const, "python" as const),
      (source, v, w, dialect) => {
        const before = JSON.stringify([v, w]);
        const first = run(source, { v, w }, dialect);
        const second = run(source, { v, w }, dialect);
        expect(second.result).toBe(first.result);
        expect(Math.min(first.ms, second.ms)).toBeLessThan(200);
        expect(JSON.stringify([v, w])).toBe(before);
      },
    ),
    { numRuns: 2000 },
  );
});

it("any text is a template or a problem with a place inside it", () => {
  const pieces = fc.constantFrom(
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "-",
    " ",
    "\n",
    "if",
    "for",
    "in",
    "set",
    "endif",
    "endfor",
    "a",
    ".",
    "(",
    ")",
    "[",
    "]",
    "|",
    "'",
    '"',
    "\\",
    "1",
    "is",
    "not",
    "=",
    ",",
    "😀",
    "raw",
    "endraw",
    "macro",
    "call",
    "with",
    "do",
    "else",
    ":",
    "*",
    "**",
    "~",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join("")),
      ),
      (source) => {
        const parsed = parseTemplate(source);
        if (parsed.ok) {
          run(source, {}, "native");
        } else {
          expect(parsed.problem.offset).toBeGreaterThanOrEqual(0);
          expect(parsed.problem.offset).toBeLessThanOrEqual(source.length);
          expect(parsed.problem.message).not.toMatch(/undefined|\(group\)|\(tuple\)|\(with\)|\(do\)|Parser/);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

it("text without marks is answered as it is written", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (source) => {
      fc.pre(!/\{[{%#]/.test(source));
      expect(run(source, {}, "native").result).toBe(encodeJson(source));
    }),
  );
});

it("a value that passes through a template is unchanged", () => {
  fc.assert(
    fc.property(json, (v) => {
      expect(run("{{ v }}", { v }, "native").result).toBe(encodeJson(v));
      expect(run("{{ [v][0] }}", { v }, "native").result).toBe(encodeJson(v));
      if (v !== null && typeof v === "object")
        expect(run("x{{ v }}", { v }, "native").result).toBe(encodeJson("x" + JSON.stringify(v)));
      expect(run("{{ v | tojson | fromjson }}", { v }, "native").result).toBe(JSON.stringify(v));
    }),
  );
});
