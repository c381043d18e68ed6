import { describe, expect, test } from "vitest";
import { digest } from "../engine/run.testing.ts";
import { parseWorkflow } from "../workflow/parse.ts";
import type { Workflow } from "../workflow/workflow.ts";
import { compile } from "./compile.ts";
import { brief, compiled } from "./compile.testing.ts";

describe("what is wrong with a workflow", () => {
  const step = (more: string): string => `
name: x
inputs: {question: string}
steps:
  - id: caption
    type: template
    template: text
  - id: b
    type: worker
    ${more}`;

  test.each<readonly [string, string, string, string | RegExp | null]>([
    ["an unknown step", `input: "{{ steps.captoin.output }}"`, "10:12 unknown_step", "did you mean caption?"],
    ["a step that reads itself", `input: "{{ steps.b.output }}"`, "10:12 self_reference", null],
    [
      "a member that steps do not have",
      `input: "{{ steps.caption.outptu }}"`,
      "10:12 unknown_member",
      "did you mean output?",
    ],
    [
      "a member of the output, asked of the step",
      `input: "{{ steps.caption.text }}"`,
      "10:12 unknown_member",
      "write steps.caption.output.text",
    ],
    [
      "a step that is not named",
      `input: "{{ steps | length }}"`,
      "10:12 dynamic_step",
      "write steps.ID.output with the id of a step",
    ],
    ["a step that is chosen while it runs", `input: "{{ steps[inputs.question].output }}"`, "10:12 dynamic_step", null],
    ["item outside of a for_each", `when: item > 1`, "10:11 no_item", null],
    ["index outside of a for_each and a loop", `when: index > 1`, "10:11 no_item", null],
    ["loop outside of a loop", `when: loop.n > 1`, "10:11 no_loop", null],
    ["secrets", `input: {key: "{{ secrets.KEY }}"}`, "10:18 secret_not_here", "http step"],
    ["a name that nobody knows", `when: input.question`, "10:11 unknown_name", "did you mean inputs?"],
    ["an expression that cannot be read", `when: "inputs.question >"`, "10:11 invalid_expression", null],
    ["a template that cannot be read", `input: {a: ["{{ 1 + }}"]}`, "10:17 invalid_expression", null],
  ])("%s", (_, more, expected, suggestion) => {
    const result = compiled(step(more));
    expect(result.ok).toBe(false);
    expect(brief(result.problems)).toEqual([expected]);
    if (suggestion !== null) expect(result.problems[0]!.suggestion).toMatch(suggestion);
  });

  test("an input that is not declared is a warning, with the nearest one that is", () => {
    const result = compiled(step(`input: "{{ inputs.qestion }}"`));
    expect(result.ok).toBe(true);
    expect(result.problems).toMatchObject([
      {
        severity: "warning",
        code: "unknown_input",
        suggestion: "did you mean question?",
        place: { line: 10, column: 12 },
      },
    ]);
  });

  test("all of it is listed, never the first only", () => {
    const result = compiled(`
name: x
steps:
  - {id: a, type: worker, when: "inputs.", input: "{{ steps.nope.output }}"}
  - {id: s, type: switch, cases: [{name: l, when: item}, {name: r, when: loop.n}]}
outputs: {a: "{{ steps.b.output }}", b: "{{ nope }}"}`);
    expect(brief(result.problems).toSorted()).toEqual(
      [
        "4:33 invalid_expression",
        "4:51 unknown_step",
        "5:51 no_item",
        "5:74 no_loop",
        "6:10 unknown_step",
        "6:10 unknown_name",
      ].toSorted(),
    );
  });

  test("steps that read each other are a circle, named in order", () => {
    const result = compiled(`
name: x
steps:
  - {id: a, type: worker, input: "{{ steps.c.output }}"}
  - {id: b, type: worker, input: "{{ steps.a.output }}"}
  - {id: c, type: worker, depends_on: [b]}`);
    expect(result.problems).toMatchObject([
      { code: "cycle", message: expect.stringMatching(/a → b → c → a|b → c → a → b|c → a → b → c/) },
    ]);
  });

  test("a reference against depends_on is a circle too", () => {
    const result = compiled(`
name: x
steps:
  - {id: a, type: worker, input: "{{ steps.b.output }}", depends_on: []}
  - {id: b, type: worker, depends_on: [a]}`);
    expect(brief(result.problems)).toEqual(["4:5 cycle"]);
  });

  test("a step inside that reads what comes after its container is a circle", () => {
    const result = compiled(`
name: x
steps:
  - id: each
    type: for_each
    items: [1]
    steps:
      - {id: in, type: worker, input: "{{ steps.after.output }}"}
  - {id: after, type: worker, depends_on: [each]}`);
    expect(brief(result.problems)).toEqual(["4:5 cycle"]);
  });

  test("circles of different bodies are each named", () => {
    const circle = (a: string, b: string): string =>
      `{id: ${a}, type: worker, input: "{{ steps.${b}.output }}"}, {id: ${b}, type: worker, input: "{{ steps.${a}.output }}"}`;
    const result = compiled(`
name: x
steps:
  - {id: e, type: for_each, items: [1], steps: [${circle("a", "b")}]}
  - {id: f, type: for_each, items: [1], steps: [${circle("c", "d")}]}`);
    expect(result.problems.map(({ code }) => code)).toEqual(["cycle", "cycle"]);
  });

  test("a step inside cannot read the container it stands in", () => {
    const result = compiled(`
name: x
steps:
  - id: each
    type: for_each
    items: [1]
    steps: [{id: in, type: worker, input: "{{ steps.each.output }}"}]`);
    expect(brief(result.problems)).toEqual(["7:43 self_reference"]);
  });

  test("a step outside cannot read one inside", () => {
    const result = compiled(`
name: x
steps:
  - {id: each, type: for_each, items: [1], steps: [{id: in, type: worker}]}
  - {id: out, type: worker, input: "{{ steps.in.output }}"}`);
    expect(brief(result.problems)).toEqual(["5:36 unknown_step"]);
  });

  test("until and collect see the steps inside, items does not", () => {
    const text = `
name: x
steps:
  - {id: l, type: loop, until: steps.in.output, collect: "{{ loop.index }}", steps: [{id: in, type: worker}]}
  - {id: e, type: for_each, items: [1], collect: "{{ steps.on.output }}{{ item }}", steps: [{id: on, type: worker}]}`;
    expect(compiled(text).problems).toEqual([]);
    expect(brief(compiled(text.replace("items: [1]", `items: "{{ steps.on.output }}"`)).problems)).toEqual([
      "5:36 unknown_step",
    ]);
  });

  test("a nested workflow in the root cannot be called root, for so the scope of the run is called", () => {
    const result = compiled("name: x\nsteps: [{id: root, type: workflow, workflow: y}]");
    expect(brief(result.problems)).toEqual(["2:9 reserved_id"]);
    expect(compiled("name: x\nsteps: [{id: root, type: worker}]").ok).toBe(true);
  });

  test("a place is found through the map that the workflow stands in", () => {
    const result = compiled(`workflow:
  name: x
  steps:
    - id: a
      type: template
      template: |
        some
        {{ steps.nope.output }}`);
    expect(result.problems).toMatchObject([{ pointer: "/workflow/steps/0/template", place: { line: 6, column: 17 } }]);
  });

  test("without a text the place is that of the step", () => {
    const { workflow } = parseWorkflow(`name: x\nsteps: [{id: a, type: worker, when: nope}]`);
    const result = compile(workflow as Workflow, { version: "1.0.0", hash: "h", digest });
    expect(brief(result.problems)).toEqual(["2:9 unknown_name"]);
  });
});

test("two thousand mistakes are all found, without a search of all steps for each", async ({ annotate }) => {
  const steps = Array.from({ length: 2000 }, (_, i) => ({
    id: `s${i}`,
    type: "worker",
    input: `{{ steps.nope${i}.output }}`,
  }));
  const { workflow } = parseWorkflow(JSON.stringify({ name: "bad", steps }));
  const before = performance.now();
  const result = compile(workflow!, { version: "1.0.0", hash: "h", digest });
  await annotate(`2,000 mistakes found in ${Math.round(performance.now() - before)} ms`);
  expect(result.problems).toHaveLength(2000);
});
