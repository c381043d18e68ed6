import { describe, expect, it } from "vitest";
import type { Json } from "../base/json.ts";
import { scopeOf } from "./expression.testing.ts";
import { parseValueTemplate, renderValueTemplate } from "./template.ts";

const SCOPE = scopeOf({ inputs: { name: "Ann", n: 3, list: [1, 2] } });

describe("a value of a configuration", () => {
  it("renders every text in it and keeps types", () => {
    const { template, problems } = parseValueTemplate({
      url: "https://x/{{ inputs.name }}",
      body: { n: "{{ inputs.n }}", list: ["{{ inputs.list }}", 5, null, true, "plain"] },
      "{{ key }}": "{{ inputs.missing }}",
    });
    expect(problems).toEqual([]);
    expect(template.constant).toBe(false);
    expect(template.roots.map(({ path }) => path.join("."))).toEqual([
      "inputs.name",
      "inputs.n",
      "inputs.list",
      "inputs.missing",
    ]);
    expect(renderValueTemplate(template, SCOPE)).toEqual({
      url: "https://x/Ann",
      body: { n: 3, list: [[1, 2], 5, null, true, "plain"] },
      "{{ key }}": null,
    });
  });

  it("is answered as it is, frozen, where it holds no template", () => {
    const value: Json = { a: [1, { b: "text" }], c: "{{ inputs.n }}" };
    const { template } = parseValueTemplate(value);
    const first = renderValueTemplate(template, SCOPE) as { a: unknown };
    const second = renderValueTemplate(template, SCOPE) as { a: unknown };
    expect(first.a).toBe(second.a);
    expect(Object.isFrozen(first.a)).toBe(true);
    const constant = parseValueTemplate({ x: [1, 2] });
    expect(constant.template.constant).toBe(true);
    expect(renderValueTemplate(constant.template, SCOPE)).toBe(renderValueTemplate(constant.template, SCOPE));
  });

  it("reports all problems with their place", () => {
    const { problems } = parseValueTemplate({ a: ["{{ 1 + }}", "ok"], "b/c": { d: "{{ x | nope }}" } });
    expect(problems.map(({ pointer, problem }) => [pointer, problem.offset])).toEqual([
      [["a", "0"], 7],
      [["b/c", "d"], 7],
    ]);
  });

  it("takes a key that names a prototype as data", () => {
    const value = JSON.parse('{"__proto__": {"polluted": "{{ inputs.n }}"}}') as Json;
    const rendered = renderValueTemplate(parseValueTemplate(value).template, SCOPE);
    expect(JSON.stringify(rendered)).toBe('{"__proto__":{"polluted":3}}');
    expect(Object.getPrototypeOf(rendered)).toBe(Object.prototype);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it("prints in the dialect that is asked for", () => {
    const { template } = parseValueTemplate("a {{ inputs.list }} {{ none }} {{ true }}");
    expect(renderValueTemplate(template, SCOPE)).toBe("a [1,2]  true");
    expect(renderValueTemplate(template, SCOPE, { dialect: "python" })).toBe("a [1, 2] None True");
  });
});
