import { describe, expect, it } from "vitest";
import { AppError } from "../base/errors.ts";
import { encodeJson } from "../base/json.ts";
import { evaluateCondition, type LazyMap, lazyMap } from "./evaluate.ts";
import { render, scopeOf, valueOf } from "./expression.testing.ts";
import { parseExpression } from "./parse.ts";

function errorOf(work: () => unknown): AppError {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const DATA = {
  inputs: { name: "Ann", n: 3, list: [1, "a", null], map: { a: 1, b: [true] }, nothing: null, yes: true, html: "<é>" },
  steps: { a: { output: { items: [1, 2], keys: "k", x: { y: 5 } } } },
};

describe("a template of one expression keeps the type", () => {
  it.each([
    ["{{ inputs.n }}", 3],
    ["{{ inputs.list }}", [1, "a", null]],
    ["{{ inputs.map }}", { a: 1, b: [true] }],
    ["{{ inputs.yes }}", true],
    ["{{ inputs.nothing }}", null],
    ["{{ inputs.missing }}", null],
    ["{{ missing }}", null],
    ["{{ inputs.n + 1 }}", 4],
    ["{{ inputs.n > 2 }}", true],
    ["{{ [inputs.n, inputs.missing] }}", [3, null]],
    ["{{ {'a': inputs.missing, 'b': {'c': inputs.n}} }}", { a: null, b: { c: 3 } }],
    ["{{ inputs.name }}", "Ann"],
    ["{{ steps.a.output.items }}", [1, 2]],
    ["{{ steps.a.output.keys }}", "k"],
    ["{{ steps.a.output.items | length }}", 2],
    ["{{ {'a': 1}.items() }}", [["a", 1]]],
    ["{{ '__proto__' }}", "__proto__"],
    ["{{ 7 // 2 }}", 3],
    ["{{ 0 * -1 }}", 0],
  ])("%s", (source, expected) => {
    expect(render(source, DATA)).toEqual(expected);
  });

  it("answers a value of the scope itself and no copy", () => {
    expect(render("{{ inputs.list }}", DATA)).toBe(DATA.inputs.list);
    expect((render("{{ {'a': inputs.list} }}", DATA) as { a: unknown }).a).toBe(DATA.inputs.list);
  });
});

describe("values inside text print as JSON", () => {
  it.each([
    ["a{{ inputs.missing }}b", "ab"],
    ["a{{ inputs.nothing }}b", "ab"],
    ["a{{ inputs.yes }}b", "atrueb"],
    ["a{{ inputs.n }}b", "a3b"],
    ["a{{ 1.5 }}{{ 1e21 }}{{ 1e-7 }}", "a1.51e+211e-7"],
    ["a{{ inputs.list }}b", 'a[1,"a",null]b'],
    ["a{{ inputs.map }}b", 'a{"a":1,"b":[true]}b'],
    ["a{{ [inputs.missing] }}", "a[null]"],
    ["{{ inputs.n ~ inputs.yes ~ inputs.nothing ~ inputs.list }}", '3true[1,"a",null]'],
    ["{{ inputs.map | tojson }}", '{"a":1,"b":[true]}'],
    ["{{ inputs.html | tojson }}", '"<é>"'],
    ["{{ inputs.map | tojson(2) }}", '{\n  "a": 1,\n  "b": [\n    true\n  ]\n}'],
    ["{{ inputs.list | join('|') }}", "1|a|"],
    ["{{ inputs.nothing | upper }}", ""],
    ["{{ '[1, {\"a\": null}]' | fromjson | last | tojson }}", '{"a":null}'],
  ])("%s", (source, expected) => {
    expect(render(source, DATA)).toBe(expected);
  });

  it("drops one newline at the end of a template, and none of a constant", () => {
    expect(render("a{{ 1 }}\n\n")).toBe("a1\n");
    expect(render("a{{ 1 }}\r\n")).toBe("a1");
    expect(render("a\n")).toBe("a\n");
  });

  it("never parses a value that was inserted", () => {
    const data = { inputs: { text: "{{ 1 + 1 }}{% raw %}{# #}" } };
    expect(render("<{{ inputs.text }}>", data)).toBe("<{{ 1 + 1 }}{% raw %}{# #}>");
    expect(render("{{ inputs.text | upper | string }}", data)).toBe("{{ 1 + 1 }}{% RAW %}{# #}");
  });
});

describe("additions to Jinja2", () => {
  it.each([
    ["{{ 'a-b-c' | split('-') }}", ["a", "b", "c"]],
    ["{{ 'order 42 of 7' | regex_search('[0-9]+') }}", "42"],
    ["{{ 'order' | regex_search('[0-9]+') }}", null],
    ["{{ 'a1b22' | regex_findall('[0-9]+') }}", ["1", "22"]],
    [
      "{{ 'a=1,b=2' | regex_findall('(\\w)=(\\d)') }}",
      [
        ["a", "1"],
        ["b", "2"],
      ],
    ],
    ["{{ 'John Smith' | regex_replace('(\\w+) (\\w+)', '\\\\2, \\\\1') }}", "Smith, John"],
    ["{{ 'aaa' | regex_replace('a', 'b', count=2) }}", "bba"],
    ["{{ 'Abc' | regex_replace('(?P<first>a)', '[\\g<first>]', ignorecase=true) }}", "[A]bc"],
    ["{{ 'abc' is match('b') }}", false],
    ["{{ 'abc' is search('b') }}", true],
    ["{{ 'héllo 😀' | b64encode }}", "aMOpbGxvIPCfmIA="],
    ["{{ 'aMOpbGxvIPCfmIA=' | b64decode }}", "héllo 😀"],
    ["{{ 'aMOpbGxvIPCfmIA' | b64decode }}", "héllo 😀"],
    [
      "{{ zip([1, 2], ['a', 'b']) }}",
      [
        [1, "a"],
        [2, "b"],
      ],
    ],
    [
      "{{ enumerate(['a', 'b'], 1) }}",
      [
        [1, "a"],
        [2, "b"],
      ],
    ],
    ["{{ null is none and inputs.nothing == null }}", true],
    ["{{ 'a\nb' | splitlines }}", ["a", "b"]],
  ])("%s", (source, expected) => {
    expect(render(source, DATA)).toEqual(expected);
  });
});

describe("errors", () => {
  it.each([
    ["{{ inputs.a.b }}", "inputs.a.b: 'inputs.a' is undefined"],
    ["{{ steps.a.output.x.z.q }}", "steps.a.output.x.z.q: 'steps.a.output.x.z' is undefined"],
    ["{{ steps['b'].output }}", "steps['b'].output: 'steps['b']' is undefined"],
    ["{{ inputs.a + 1 }}", "'inputs.a' is undefined"],
    ["{{ inputs.a < 1 }}", "'inputs.a' is undefined"],
    ["{{ inputs.a.strip() }}", "inputs.a.strip: 'inputs.a' is undefined"],
    ["{{ inputs.name + 1 }}", "text and a number cannot be added; '~' joins anything as text"],
    ["{{ inputs.name - 1 }}", "a number cannot be subtracted from text"],
    ["{{ 'a'.uper() }}", "text has no method 'uper'; is 'upper' meant?"],
    [
      "{{ inputs.list.append(1) }}",
      "only a list made in the template can be changed; (list + [value]) makes a new one",
    ],
    ["{{ inputs.map.update({}) }}", "a map has no method 'update': maps are not changed; dict(a, **b) makes a new one"],
    ["{{ [1, 2] | random }}", "there is no filter random: a run has to give the same result when it is repeated"],
    ["{{ 'a' | replace('b') }}", "the filter replace needs its argument 'new'"],
    ["{{ 'a' | trim(1, 2) }}", "the filter trim takes at most 1 argument(s), 2 are given"],
    ["{{ 'a' | trim(what=1) }}", "the filter trim has no argument named 'what'"],
    ["{{ namespace() }}", "a namespace is no value outside of the template"],
    ["{{ '{' | fromjson }}", "the text that fromjson reads is not JSON"],
  ])("%s: %s", (source, reason) => {
    const error = errorOf(() => render(source, DATA));
    expect(error.code).toBe("EXPRESSION_ERROR");
    expect(error.details["reason"]).toBe(reason);
    expect(error.details["expression"]).toBe(source);
  });

  it("show no values, for a value may be a secret", () => {
    const secrets = { key: "s3cr3t" };
    for (const source of [
      "{{ secrets.key + 1 }}",
      "{{ secrets.key.foo() }}",
      "{{ [1] | map(secrets.key) }}",
      "{{ [none] | map(attribute=secrets.key ~ '.b') }}",
      "{{ 1 | attr(secrets.key) + 1 }}",
      "{{ secrets.key | fromjson }}",
      "{{ secrets.key | b64decode }}",
      "{{ ('%(' ~ secrets.key ~ ')s') | format(a=1) }}",
      "{{ ('{' ~ secrets.key ~ '}').format() }}",
      "{{ 'x' | regex_search('(' ~ secrets.key) }}",
      "{{ 'x' | regex_replace('x', '\\\\g<' ~ secrets.key ~ '>') }}",
      "{{ {}[secrets.key].x }}",
      "{{ {}['__' ~ secrets.key] }}",
      "{{ secrets.key | int('x') + 1 }}",
      "{{ range(secrets.key) }}",
      "{{ 'a'.index(secrets.key) }}",
      "{{ ['a'].index(secrets.key) }}",
    ]) {
      const error = errorOf(() => render(source, { secrets }));
      expect(JSON.stringify([error.message, error.details]), source).not.toContain("s3cr3t");
    }
  });
});

it.each([
  ["inputs.n > 2", true],
  ["inputs.n", true],
  ["inputs.missing", false],
  ["''", false],
  ["'false'", true],
  ["[]", false],
  ["[0]", true],
  ["{}", false],
  ["{'a': 0}", true],
  ["0", false],
  ["none", false],
  ["{{ inputs.yes }}", true],
])("the condition %s is %s", (source, expected) => {
  const parsed = parseExpression(source);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  expect(evaluateCondition(parsed.expression, scopeOf(DATA))).toBe(expected);
});

describe("lazy maps", () => {
  function lazy(members: Readonly<Record<string, unknown>>, read: string[]): LazyMap {
    return {
      [lazyMap]: true,
      get: (key) => {
        read.push(key);
        return Object.hasOwn(members, key) ? members[key] : undefined;
      },
      keys: () => Object.keys(members),
      toJson: () => JSON.parse(JSON.stringify(members)) as never,
    };
  }

  it("are read member by member", () => {
    const read: string[] = [];
    const steps = lazy({ a: { output: 1 }, b: { output: 2 } }, read);
    expect(render("{{ steps.a.output }}", { steps })).toBe(1);
    expect(render("x{{ steps['a'].output }}{{ 'b' in steps }}{{ 'c' in steps }}", { steps })).toBe("x1truefalse");
    expect(read).toEqual(["a", "a"]);
  });

  it("behave as maps", () => {
    const steps = lazy({ a: 1, b: [2] }, []);
    const inner = { steps, deep: { steps } };
    expect(render("{% for k in steps %}{{ k }}{% endfor %}", { steps })).toBe("ab");
    expect(render("{% for k, v in steps.items() %}{{ k }}={{ v }};{% endfor %}", { steps })).toBe("a=1;b=[2];");
    expect(render("{{ steps | length }}{{ steps is mapping }}{{ steps.get('z', 5) }}", { steps })).toBe("2true5");
    expect(render("{{ steps | tojson }} {{ steps }}", { steps })).toBe('{"a":1,"b":[2]} {"a":1,"b":[2]}');
    expect(render("{{ steps }}", { steps })).toEqual({ a: 1, b: [2] });
    expect(render("{{ {'all': steps} }}", { steps })).toEqual({ all: { a: 1, b: [2] } });
    expect(render("{{ deep }} ", inner, { dialect: "python" })).toBe("{'steps': {'a': 1, 'b': [2]}} ");
    expect(render("{{ steps == {'a': 1, 'b': [2]} }}{{ 1 if steps else 0 }}", { steps })).toBe("true1");
    expect(render("{{ deep.steps.b[0] }}", inner)).toBe(2);
  });
});

it("results are JSON that can be stored", () => {
  for (const source of [
    "{'__proto__': 1}",
    "dict([['__proto__', {'x': 1}]])",
    "{'a': [missing, none]}",
    "-0.0",
    "'\\ud800'",
  ]) {
    if (source.includes("'__proto__'")) {
      const value = valueOf(source) as object;
      expect(Object.keys(value)).toEqual(["__proto__"]);
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    }
    expect(() => encodeJson(valueOf(source))).not.toThrow();
  }
});
