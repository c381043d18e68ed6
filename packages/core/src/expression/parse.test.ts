import { describe, expect, it } from "vitest";
import { parseExpression, parseTemplate } from "./parse.ts";

function roots(source: string): string[] {
  const parsed = parseTemplate(source);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return parsed.template.roots.map(({ path }) => path.join("."));
}

function kind(source: string): string {
  const parsed = parseTemplate(source);
  return parsed.ok ? parsed.template.kind : "problem";
}

function problem(source: string): { message: string; offset: number; suggestion?: string } {
  const parsed = parseTemplate(source);
  if (parsed.ok) throw new Error("no problem");
  return parsed.problem;
}

describe("the kind of a template", () => {
  it.each([
    ["plain text", "constant"],
    ["", "constant"],
    ["ends with a newline\n", "constant"],
    ["{ single } braces", "constant"],
    ["{{ inputs.x }}", "value"],
    ["{{ inputs.x }}\n", "value"],
    ["{{- inputs.x -}}", "value"],
    ["{{ {'a': {'b': 1}} }}", "value"],
    [" {{ inputs.x }}", "text"],
    ["{{ inputs.x }}{{ inputs.y }}", "text"],
    ["{% if 1 %}{{ inputs.x }}{% endif %}", "text"],
    ["{# only a comment #}", "text"],
    ["{{ inputs.x", "problem"],
  ])("%j is %s", (source, expected) => {
    expect(kind(source)).toBe(expected);
  });
});

describe("the references of a source", () => {
  it.each([
    ["{{ steps.a.output }}", ["steps.a.output"]],
    ["{{ steps['my-id'].output }}", ["steps.my-id.output"]],
    ["{{ steps.a.output[0].x }}", ["steps.a.output.0.x"]],
    ["{{ steps[inputs.which].output }}", ["steps", "inputs.which"]],
    ["{{ steps.a.output.items() }}", ["steps.a.output"]],
    ["{{ steps.a.output.text.upper().strip() }}", ["steps.a.output.text"]],
    ["{{ steps.a.output[1:] }}", ["steps.a.output"]],
    ["{{ inputs.a + inputs.b | upper }}", ["inputs.a", "inputs.b"]],
    ["{{ inputs.a ~ inputs.a }}", ["inputs.a"]],
    ["{{ range(inputs.n) }}", ["inputs.n"]],
    ["{{ true and none }}", []],
    ["{% for x in inputs.xs %}{{ x.name }}{{ loop.index }}{{ sys.run_id }}{% endfor %}", ["inputs.xs", "sys.run_id"]],
    ["{% for x in inputs.xs if x.ok %}{% endfor %}{{ x }}", ["inputs.xs", "x"]],
    ["{{ loop.round }}", ["loop.round"]],
    ["{% set y = inputs.a %}{{ y.b }}", ["inputs.a"]],
    ["{{ y }}{% set y = 1 %}", ["y"]],
    ["{% macro m(a, b=env.c) %}{{ a }}{{ b }}{{ vars.d }}{% endmacro %}{{ m(item) }}", ["env.c", "vars.d", "item"]],
    ["{% with a = inputs.b %}{{ a }}{% endwith %}{{ a }}", ["inputs.b", "a"]],
    ["{% set x %}{{ inputs.t }}{% endset %}{{ x }}", ["inputs.t"]],
    ["{{ inputs.x if inputs.y is defined else inputs.z }}", ["inputs.y", "inputs.z", "inputs.x"]],
    ["{{ inputs.xs | map(attribute='a') | join(inputs.by) }}", ["inputs.xs", "inputs.by"]],
  ])("%s reads %j", (source, expected) => {
    expect(roots(source).toSorted()).toEqual(expected.toSorted());
  });
});

describe("problems", () => {
  it.each([
    ["Hello {{ name | uper }}", "there is no filter 'uper'", 16, "upper"],
    ["{{ x is definied }}", "there is no test 'definied'", 8, "defined"],
    ["{{ rang(3) }}", "there is no function 'rang'", 3, "range"],
    ["{% fro x in xs %}{% endfor %}", "there is no statement 'fro'", 3, "for"],
    ["{{ a b }}", "an operator or a comma is missing before 'b'", 5, undefined],
    ["a {{ 1 + }}", "the expression ends too early: a value is missing", 9, undefined],
    ["text {% if x %}", "the statement 'if' is not closed: '{% endif %}' is missing", 8, undefined],
    ["{% if x %}{% endfor %}", "'endfor' stands where 'endif' is expected", 13, "endif"],
    ["{{ (1 }}", "'(' is closed by '}'", 6, ")"],
    ["{{ 'abc }}", "the text is not closed: ' is missing", 3, undefined],
    ["{{ a && b }}", "'&&' is not part of the language", 5, "and"],
    ["{{ !a }}", "'!' is not part of the language", 3, "not"],
    ["{{ a === b }}", "'===' is not part of the language", 5, "=="],
    ["{{ a ? 1 : 2 }}", 'the character "?" has no meaning here', 5, undefined],
    ["x {{ a", "the tag is not closed: '}}' is missing", 2, undefined],
    ["{# a", "the comment is not closed: '#}' is missing", 0, undefined],
    [
      "{% include 'x' %}",
      "the statement 'include' is not part of the language: there are no other templates to read",
      3,
      undefined,
    ],
    [
      "{% for x in y recursive %}{% endfor %}",
      "'recursive' loops are not part of the language",
      14,
      "a macro that calls itself",
    ],
    ["{{ x.__class__ }}", "the name '__class__' cannot be read in expressions", 5, undefined],
    ["{{ x['constructor'] }}", "the name 'constructor' cannot be read in expressions", 5, undefined],
    ["{{ and }}", "'and' is not expected here", 3, undefined],
    ["{% break %}", "'break' stands in no loop", 3, undefined],
    ["{{ x[y]() }}", "a method is called by a name that stands in the source", 0, undefined],
  ])("%s: %s", (source, message, offset, suggestion) => {
    expect(problem(source)).toEqual({ message, offset, ...(suggestion === undefined ? {} : { suggestion }) });
  });
});

describe("a bare expression", () => {
  it("may be wrapped in braces", () => {
    for (const source of ["inputs.x > 3", "{{ inputs.x > 3 }}", "  {{inputs.x > 3}}\n"]) {
      const parsed = parseExpression(source);
      expect(parsed.ok && parsed.expression.roots).toEqual([{ path: ["inputs", "x"] }]);
    }
  });

  it("may itself begin and end with braces", () => {
    expect(parseExpression("{'a': {'b': 1}}").ok).toBe(true);
  });

  it("is one value and no text or statement", () => {
    for (const source of ["", "  ", "a {{ b }}", "{{ a }} {{ b }}", "{% if 1 %}{% endif %}", "a }} b", "1, 2"]) {
      expect(parseExpression(source).ok, source).toBe(false);
    }
  });
});
