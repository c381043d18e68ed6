import { compile, parseWorkflow, type Plan } from "@weftwork/core";
import { describe, expect, it } from "vitest";
import { readCases } from "./read-cases.ts";

const WORKFLOW = `
name: w
steps:
  - { id: ask, type: model_inference, input: hello }
  - { id: way, type: switch, depends_on: [ask], cases: [{ name: a, when: "true" }] }
  - { id: call, type: http, url: "https://example.com", depends_on: [way.a] }
`;

function planOf(text: string): Plan {
  const { workflow, locate, pointer } = parseWorkflow(text);
  const compiled = compile(workflow!, { version: "1.0.0", hash: "h", digest: (one) => one, locate, pointer });
  if (!compiled.ok) throw new Error("the workflow is wrong");
  return compiled.plan;
}

const plan = planOf(WORKFLOW);
const found = (text: string): string[] =>
  readCases(text, plan).problems.map(({ code, place }) => `${place.line}:${place.column} ${code}`);

describe("a case file", () => {
  it("is read with its defaults", () => {
    const { cases, problems, workflow } = readCases("cases:\n  - name: one\n", plan);
    expect(problems).toEqual([]);
    expect(workflow).toBeNull();
    expect(cases[0]).toMatchObject({ name: "one", inputs: {}, place: { line: 2 }, expect: { status: "succeeded" } });
  });

  it("that expects an error expects a failed run", () => {
    const { cases } = readCases("cases:\n  - name: one\n    expect: { error: { code: STEP_FAILED } }\n", plan);
    expect(cases[0]!.expect.status).toBe("failed");
  });

  it.each([
    ["an unknown field", "cases:\n  - name: one\n    input: {}\n", ["3:5 unknown_field"]],
    ["a case without a name", "cases:\n  - inputs: {}\n", ["2:5 missing_field"]],
    ["a name that is there twice", "cases:\n  - name: one\n  - name: one\n", ["3:11 duplicate_name"]],
    ["no cases", "workflow: a.yaml\n", ["1:1 missing_field"]],
    ["an unknown step", "cases:\n  - name: one\n    steps:\n      akk: { output: 1 }\n", ["4:7 unknown_name"]],
    [
      "a rule of the engine replaced",
      "cases:\n  - name: one\n    steps:\n      way: { output: 1 }\n",
      ["4:12 not_replaceable"],
    ],
    [
      "an answer of two kinds",
      "cases:\n  - name: one\n    steps:\n      ask: { output: 1, error: {} }\n",
      ["4:12 one_of"],
    ],
    [
      "a pattern that is none",
      "cases:\n  - name: one\n    expect:\n      text: { outputs.a: /(/ }\n",
      ["4:26 invalid_pattern"],
    ],
    ["a wrong URL", "cases:\n  - name: one\n    http:\n      - { url: example }\n", ["4:16 invalid_url"]],
    ["an unknown status", "cases:\n  - name: one\n    expect: { status: succeded }\n", ["3:15 unknown_name"]],
    [
      "a code that is none",
      "cases:\n  - name: one\n    steps: { ask: { error: { code: NOT_A_CODE } } }\n",
      ["3:36 unknown_code"],
    ],
    ["an unknown step in the path", "cases:\n  - name: one\n    expect: { path: [ask, cal] }\n", ["3:27 unknown_name"]],
    ["broken YAML", "cases: [\n", ["2:1 syntax"]],
  ])("with %s has a problem at its place", (_fact, text, problems) => {
    if (problems[0]!.endsWith("syntax")) expect(found(text).length).toBeGreaterThan(0);
    else expect(found(text)).toEqual(problems);
  });

  it("tells all its problems at once, with the name that was meant", () => {
    const { problems } = readCases(
      "cases:\n  - name: 1\n    modles: []\n    now: soon\n    expect: { within: long }\n",
      plan,
    );
    expect(problems.map(({ place }) => place.line)).toEqual([2, 3, 4, 5]);
    expect(problems[1]!.suggestion).toContain("models");
  });
});
