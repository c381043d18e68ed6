import { describe, expect, test } from "vitest";
import { digest } from "../engine/run.testing.ts";
import { parseWorkflow } from "../workflow/parse.ts";
import { compile } from "./compile.ts";
import { edges, planOf } from "./compile.testing.ts";
import type { WorkNode } from "./plan.ts";

describe("the edges of a plan", () => {
  test("the listing of three steps plans as it stands", () => {
    const plan = planOf(`
workflow:
  name: image_processing
  steps:
    - id: preprocess
      type: python_script
      image: dify/preprocess:1.0
      timeout: 300
    - id: generate_caption
      type: model_inference
      model: text_generation
      input: "{{steps.preprocess.output}}"
    - id: postprocess
      type: python_script
      depends_on: [generate_caption]
`);
    expect(edges(plan)).toEqual(["preprocess → generate_caption", "generate_caption → postprocess"]);
    expect(plan.bodies[0]!.entries.map(({ id }) => id)).toEqual(["preprocess"]);
    expect(plan.bodies[0]!.last.map(({ id }) => id)).toEqual(["postprocess"]);
    expect(plan.bodies[0]!.nodes[0]!.timeoutMs).toBe(300_000);
    expect(plan.bodies[0]!.nodes.map((node) => (node as WorkNode).defaultInput)).toEqual([
      null,
      ["preprocess"],
      ["generate_caption"],
    ]);
  });

  test("without depends_on references are edges; with it they only order", () => {
    const plan = planOf(`
name: x
steps:
  - {id: a, type: worker}
  - {id: b, type: worker, input: "{{ steps.a.output }}"}
  - {id: c, type: worker, input: ["{{ steps.a.output }}", "{{ steps.b.status }}"], depends_on: [b]}
  - {id: d, type: worker, when: steps.c.output, depends_on: []}`);
    expect(edges(plan)).toEqual(["a → b", "(a → c)", "b → c", "(c → d)"]);
    expect(plan.bodies[0]!.nodes.map(({ incomingTakeable }) => incomingTakeable)).toEqual([0, 1, 1, 0]);
    expect(plan.bodies[0]!.incoming).toEqual([0, 1, 2, 1]);
    // What another step only waits for is still a last step: no edge leads on from it.
    expect(plan.bodies[0]!.last.map(({ id }) => id)).toEqual(["c", "d"]);
  });

  test("handles of a switch, an approval, a wait and a branch", () => {
    const plan = planOf(`
name: x
steps:
  - {id: s, type: switch, cases: [{name: refund, when: inputs.r}], default: other}
  - {id: a, type: approval, timeout: 5, depends_on: [s.refund]}
  - {id: w, type: wait, signal: go, timeout: 5, depends_on: [a.approved, a.rejected]}
  - {id: b, type: worker, on_error: branch, depends_on: [w, w.timeout, s.other]}
  - {id: c, type: worker, depends_on: [b.error]}`);
    expect(edges(plan)).toEqual([
      "s.refund → a",
      "s.other → b",
      "a.approved → w",
      "a.rejected → w",
      "w → b",
      "w.timeout → b",
      "b.error → c",
    ]);
  });

  test("a step that reads the switch it depends on by a handle has that edge alone", () => {
    const plan = planOf(`
name: x
steps:
  - {id: s, type: switch, cases: [{name: l, when: "true"}]}
  - {id: a, type: worker, input: "{{ steps.s.output }}", depends_on: [s.l]}`);
    expect(edges(plan)).toEqual(["s.l → a"]);
  });

  test("what the steps inside read, their container waits for; body by body", () => {
    const plan = planOf(`
name: x
steps:
  - {id: a, type: worker}
  - id: each
    type: for_each
    items: [1]
    steps:
      - id: again
        type: loop
        until: steps.in.output and steps.a.output
        steps:
          - {id: in, type: worker, input: "{{ steps.a.output }}{{ steps.b.output }}"}
      - {id: b, type: worker}`);
    expect(edges(plan)).toEqual(["a → each"]);
    expect(edges(plan, 1)).toEqual(["b → again"]);
    expect(plan.bodies.map(({ parent }) => parent)).toEqual([null, { body: 0, node: 1 }, { body: 1, node: 0 }]);
  });

  test("aggregate has edges from all that it names", () => {
    expect(
      edges(
        planOf(`
name: x
steps: [{id: a, type: worker}, {id: b, type: worker}, {id: c, type: aggregate, from: [a, b]}]`),
      ),
    ).toEqual(["a → c", "b → c"]);
  });

  test("a step that asks for a graphics processor goes to the pool gpu, unless it names one", () => {
    const plan = planOf(`
name: w
steps:
  - {id: a, type: template, template: x, resources: {gpu: 1}}
  - {id: b, type: template, template: x, resources: {gpu: 1}, pool: large}
  - {id: c, type: template, template: x, resources: {gpu: 0}}`);
    expect(plan.bodies[0]!.nodes.map((node) => (node as WorkNode).pool)).toEqual(["gpu", "large", null]);
  });

  test("an executor reads what its config and its default input name, in whatever body that stands", () => {
    const plan = planOf(`
name: x
steps:
  - {id: a, type: worker}
  - id: each
    type: for_each
    items: [1]
    steps:
      - {id: b, type: worker}
      - {id: c, type: worker, config: {x: "{{ steps.a.output }}"}, depends_on: [b]}`);
    expect((plan.bodies[1]!.nodes[1] as WorkNode).reads).toEqual(["a", "b"]);
  });

  test("code and expressions that the executor reads are left as written", () => {
    const node = planOf(`
name: x
steps:
  - {id: a, type: javascript, code: "return {{ not.a.template }", inputs: {x: "{{ inputs.y }}"}}
  - {id: l, type: list, items: [1], where: item > 1}`).bodies[0]!.nodes as readonly WorkNode[];
    expect(node[0]!.rawConfig).toEqual({ code: "return {{ not.a.template }" });
    expect(node[1]!.rawConfig).toEqual({ where: "item > 1" });
  });

  test("nested workflows are listed once, by name and version", () => {
    const plan = planOf(`
name: x
steps:
  - {id: a, type: workflow, workflow: y}
  - {id: b, type: workflow, workflow: y, version: 1.0.0}
  - {id: e, type: for_each, items: [1], steps: [{id: c, type: workflow, workflow: y}]}`);
    expect(plan.nested.toSorted()).toEqual(["y@", "y@1.0.0"]);
  });
});

describe("values that rules read stay with the run", () => {
  const read = (text: string): string[] =>
    planOf(`name: x\nsteps:\n${text}`).bodies.flatMap(({ nodes }) =>
      nodes.flatMap((node) => (node.readByControl ? [node.id] : [])),
    );
  const end = "\n  - {id: end, type: worker}\noutputs: {e: 1}";

  test("work steps read at the executor, where values are loaded", () => {
    expect(read(`  - {id: a, type: worker}\n  - {id: b, type: worker, input: "{{ steps.a.output }}"}${end}`)).toEqual(
      [],
    );
  });

  test.each([
    ["when", "type: worker, when: steps.a.output"],
    ["a case", "type: switch, cases: [{name: l, when: steps.a.output}]"],
    ["items", `type: for_each, items: "{{ steps.a.output }}", steps: [{id: x, type: worker}]`],
    ["collect", `type: for_each, items: [1], collect: "{{ steps.a.output }}", steps: [{id: x, type: worker}]`],
    ["until", `type: loop, until: steps.a.output, steps: [{id: x, type: worker}]`],
    ["vars", `type: loop, vars: {v: "{{ steps.a.output }}"}, steps: [{id: x, type: worker}]`],
    ["a step inside", `type: for_each, items: [1], steps: [{id: x, type: worker, when: steps.a.output}]`],
    ["inputs of a nested workflow", `type: workflow, workflow: y, inputs: {v: "{{ steps.a.output }}"}`],
    ["a title", `type: approval, title: "{{ steps.a.output }}"`],
    ["a duration", `type: wait, for: "{{ steps.a.output }}"`],
    ["a variable", `type: assign, variables: {v: "{{ steps.a.output }}"}`],
    ["merge", "type: aggregate, from: [a], mode: merge"],
  ])("%s", (_, more) => {
    expect(read(`  - {id: a, type: worker}\n  - {id: b, ${more}}${end}`)).toContain("a");
  });

  test("outputs, and without them the last steps", () => {
    expect(read(`  - {id: a, type: worker}\n  - {id: b, type: worker}\noutputs: {x: "{{ steps.a.output }}"}`)).toEqual([
      "a",
    ]);
    expect(read(`  - {id: a, type: worker}\n  - {id: b, type: worker, depends_on: [a]}`)).toEqual(["b"]);
  });

  test("of a value that is put together, all its parts", () => {
    expect(
      read(`
  - {id: a, type: worker}
  - id: each
    type: for_each
    items: [1]
    steps: [{id: x, type: worker}, {id: y, type: worker, depends_on: [x]}]
  - {id: g, type: aggregate, from: [each, a], mode: list}`),
    ).toEqual(["a", "each", "g", "y"]);
  });
});

test("ten thousand steps compile", async ({ annotate }) => {
  const steps = Array.from({ length: 10_000 }, (_, i) =>
    i % 2 === 0
      ? { id: `s${i}`, type: "worker" }
      : { id: `s${i}`, type: "worker", input: `{{ steps.s${i - 1}.output }}` },
  );
  const { workflow } = parseWorkflow(JSON.stringify({ name: "big", steps }));
  const before = performance.now();
  const result = compile(workflow!, { version: "1.0.0", hash: "h", digest });
  await annotate(`10,000 steps compiled in ${Math.round(performance.now() - before)} ms`);
  expect(result.ok).toBe(true);
});
