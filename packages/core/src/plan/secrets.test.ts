import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderValueTemplate } from "../expression/template.ts";
import { parseWorkflow } from "../workflow/parse.ts";
import { compile, type Compiled } from "./compile.ts";
import type { WorkNode } from "./plan.ts";
import { isSecretName } from "./secrets.ts";

const digest = (text: string): string => String(text.length);

function compiled(step: string): Compiled {
  const text = `
name: x
inputs: {type: object, properties: {q: {}}}
steps:
  - ${step}`;
  const { workflow, problems, locate, pointer } = parseWorkflow(text, { ownTypes: new Set(["vault"]) });
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  const outwardFields = (type: string): readonly string[] => (type === "vault" ? ["token"] : []);
  return compile(workflow!, { version: "1.0.0", hash: "h", digest, locate, pointer, outwardFields });
}

const nodeOf = (step: string): WorkNode => {
  const result = compiled(step);
  expect(result.problems).toEqual([]);
  return (result as Extract<Compiled, { ok: true }>).plan.bodies[0]!.nodes[0] as WorkNode;
};

describe("a secret can stand in", () => {
  test.each([
    ["a header", `headers: {a: "{{ secrets.KEY }}"}`],
    ["a header behind text", `headers: {authorization: "Bearer {{ secrets.KEY }}"}`],
    ["a joined text", `headers: {authorization: "{{ 'Bearer ' ~ secrets.KEY }}"}`],
    ["a header by brackets", `headers: {a: "{{ secrets['KEY'] }}"}`],
    ["the query", `query: {key: "{{ secrets.KEY }}"}`],
    ["a body", `body: {deep: [{key: "{{ secrets.KEY }}"}]}`],
    ["auth", `auth: {bearer: "{{ secrets.KEY }}"}`],
    ["a branch", `body: "{% if inputs.q %}{{ secrets.KEY }}{% else %}none{% endif %}"`],
    ["a loop", `body: "{% for one in inputs.q %}{{ one }}={{ secrets.KEY }}{% endfor %}"`],
  ])("%s", (_, field) => {
    const { secrets } = nodeOf(`{id: a, type: http, url: "https://Host.example:8443/x?y", ${field}}`);
    expect(secrets).toEqual({ names: ["KEY"], origin: "https://host.example:8443" });
  });

  test("a url whose host is written out", () => {
    const step = `{id: a, type: http, url: "https://h.example/bot{{ secrets.KEY }}/send?k={{ secrets.TWO }}"}`;
    expect(nodeOf(step).secrets).toEqual({ names: ["KEY", "TWO"], origin: "https://h.example" });
  });

  test("the fields that an own type sends outside, and no other", () => {
    expect(nodeOf(`{id: a, type: vault, token: "{{ secrets.KEY }}"}`).secrets).toEqual({
      names: ["KEY"],
      origin: null,
    });
    expect(compiled(`{id: a, type: vault, note: "{{ secrets.KEY }}"}`).problems).toMatchObject([
      { code: "secret_not_here", pointer: "/steps/0/note" },
    ]);
  });
});

describe("a secret cannot stand in", () => {
  const http = (field: string): string => `{id: a, type: http, url: "https://h.example/", ${field}}`;
  test.each([
    ["a condition", http(`when: secrets.KEY == "x"`), "secret_not_here", "/steps/0/when"],
    ["an input", http(`input: "{{ secrets.KEY }}"`), "secret_not_here", "/steps/0/input"],
    ["the method", http(`method: "{{ secrets.KEY }}"`), "secret_not_here", "/steps/0/method"],
    ["a template", `{id: a, type: template, template: "{{ secrets.KEY }}"}`, "secret_not_here", "/steps/0/template"],
    ["a prompt", `{id: a, type: llm, prompt: "{{ secrets.KEY }}"}`, "secret_not_here", "/steps/0/prompt"],
    ["a variable", `{id: a, type: assign, variables: {a: "{{ secrets.KEY }}"}}`, "secret_not_here", "/variables/a"],
    [
      "the inputs of code",
      `{id: a, type: javascript, code: x, inputs: {a: "{{ secrets.KEY }}"}}`,
      "secret_not_here",
      "/inputs/a",
    ],
    ["the host of a url", `{id: a, type: http, url: "https://{{ secrets.KEY }}/"}`, "secret_not_here", "/steps/0/url"],
    ["the end of a host", `{id: a, type: http, url: "https://h.example{{ secrets.KEY }}/"}`, "secret_not_here", "/url"],
    [
      "a url with a computed host",
      `{id: a, type: http, url: "{{ inputs.q }}/?a={{ secrets.KEY }}"}`,
      "secret_not_here",
      "/url",
    ],
    [
      "the user of a url",
      `{id: a, type: http, url: "https://me:{{ secrets.KEY }}@h.example/"}`,
      "secret_not_here",
      "/url",
    ],
    ["a filter", http(`headers: {a: "{{ secrets.KEY | upper }}"}`), "secret_not_plain", "/steps/0/headers/a"],
    ["a method call", http(`headers: {a: "{{ secrets.KEY.upper() }}"}`), "secret_not_plain", "/headers/a"],
    ["a comparison", http(`body: "{{ secrets.KEY == inputs.q }}"`), "secret_not_plain", "/body"],
    ["a test within", http(`body: "{% if secrets.KEY %}a{% endif %}"`), "secret_not_plain", "/body"],
    ["a loop over it", http(`body: "{% for c in secrets.KEY %}{{ c }}{% endfor %}"`), "secret_not_plain", "/body"],
    ["a set", http(`body: "{% set a = secrets.KEY %}{{ a }}"`), "secret_not_plain", "/body"],
    [
      "a captured block",
      http(`body: "{% set a %}{{ secrets.KEY }}{% endset %}{{ a | upper }}"`),
      "secret_not_plain",
      "/body",
    ],
    ["a filter block", http(`body: "{% filter upper %}{{ secrets.KEY }}{% endfilter %}"`), "secret_not_plain", "/body"],
    [
      "a macro",
      http(`body: "{% macro m() %}{{ secrets.KEY }}{% endmacro %}{{ m() | upper }}"`),
      "secret_not_plain",
      "/body",
    ],
    ["an arithmetic sum", http(`body: "{{ secrets.KEY + 'x' }}"`), "secret_not_plain", "/body"],
    ["a list", http(`body: "{{ [secrets.KEY] }}"`), "secret_not_plain", "/body"],
    ["a choice", http(`body: "{{ secrets.KEY if inputs.q else 'x' }}"`), "secret_not_plain", "/body"],
    ["a name that is computed", http(`body: "{{ secrets[inputs.q] }}"`), "secret_not_plain", "/body"],
    ["all of them", http(`body: "{{ secrets }}"`), "secret_not_plain", "/body"],
    ["a slice", http(`body: "{{ secrets.KEY[0:1] }}"`), "secret_not_plain", "/body"],
    ["a character", http(`body: "{{ secrets.KEY[0] }}"`), "secret_not_plain", "/body"],
    ["a name in small letters", http(`body: "{{ secrets.key }}"`), "secret_name", "/body"],
    ["a name that is a setting", http(`body: "{{ secrets.KEY_FILE }}"`), "secret_name", "/body"],
  ])("%s", (_, step, code, pointer) => {
    const { ok, problems } = compiled(step);
    expect(ok).toBe(false);
    expect(problems.map((problem) => problem.code)).toEqual([code]);
    expect(problems[0]!.pointer.endsWith(pointer)).toBe(true);
    expect(problems[0]!.suggestion).toBeTruthy();
  });
});

test("an origin is known only where nothing computed can have a part in it", () => {
  const originOf = (url: string): string | null => {
    const { secrets } = nodeOf(`{id: a, type: http, url: ${JSON.stringify(url)}, body: "{{ secrets.KEY }}"}`);
    return secrets!.origin;
  };
  expect(originOf("http://127.0.0.1:80")).toBe("http://127.0.0.1:80");
  expect(originOf("https://[::1]:8080/")).toBe("https://[::1]:8080");
  expect(originOf("https://h.example?{{ inputs.q }}")).toBe("https://h.example");
  for (const url of [
    "{{ inputs.q }}",
    "https://h.example{{ inputs.q }}",
    "https://{{ inputs.q }}.h.example/",
    "https://h.example:{{ inputs.q }}/",
    "https://h.example@{{ inputs.q }}/",
    "https://h.example\\{{ inputs.q }}",
    "{# x #}https://h.example/",
  ])
    expect(originOf(url)).toBeNull();
});

test("whatever is inserted behind a written origin, the URL keeps it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.constantFrom("/", "?", "#", "/a/", "/?b="), (data, mark) => {
      const node = nodeOf(
        `{id: a, type: http, url: "https://h.example${mark}{{ inputs.q }}", body: "{{ secrets.K }}"}`,
      );
      const scope = { lookup: (name: string) => (name === "inputs" ? { q: data } : { K: "m" }) };
      const { url } = renderValueTemplate(node.config, scope) as { url: string };
      expect(URL.parse(url)?.origin ?? node.secrets!.origin).toBe(node.secrets!.origin);
    }),
  );
});

test.each(["A", "API_KEY", "K2", "FILE", "A".repeat(64)])("%s is a name of a secret", (name) => {
  expect(isSecretName(name)).toBe(true);
});
test.each(["", "a", "2A", "_A", "A-B", "A_FILE", "A_HOSTS", "A".repeat(65), "A\n", "__proto__"])("%j is none", (name) =>
  expect(isSecretName(name)).toBe(false),
);
