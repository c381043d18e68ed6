import { describe, expect, test } from "vitest";
import { digest } from "../engine/run.testing.ts";
import { parseWorkflow } from "../workflow/parse.ts";
import type { Problem, Workflow } from "../workflow/workflow.ts";
import { compile, type Compiled } from "./compile.ts";
import type { Plan, WorkNode } from "./plan.ts";

function compiled(text: string): Compiled {
  const { workflow, problems, locate, pointer } = parseWorkflow(text);
  if (workflow === null) throw new Error(JSON.stringify(problems));
  return compile(workflow, { version: "1.0.0", hash: "h", digest, locate, pointer });
}

function planOf(text: string): Plan {
  const result = compiled(text);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.plan;
}

/** `line:column code` of each problem. */
function brief(problems: readonly Problem[]): string[] {
  return problems.map(({ code, place }) => `${place.line}:${place.column} ${code}`);
}

/** `from → to`, with the handle it leaves by, and in brackets when it only orders. */
function edges(plan: Plan, body = 0): string[] {
  const { nodes } = plan.bodies[body]!;
  return nodes.flatMap((node) =>
    node.outgoing.map(({ to, handle, orderOnly }) => {
      const text = `${node.id}${handle === null ? "" : `.${handle}`} → ${nodes[to]!.id}`;
      return orderOnly ? `(${text})` : text;
    }),
  );
}

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

describe("the hash of a node", () => {
  const TEXT = `
name: x
env: {A: 1}
steps:
  - {id: a, type: worker, config: {place: here}}
  - id: each
    type: for_each
    items: [1]
    steps: [{id: b, type: worker, depends_on: []}, {id: s, type: switch, cases: [{name: l, when: item}]}]
  - {id: e, type: worker, input: "{{ env.A }}"}`;
  const hashes = (text: string): Record<string, string> =>
    Object.fromEntries(planOf(text).bodies.flatMap(({ nodes }) => nodes.map(({ id, hash }) => [id, hash])));
  const changed = (text: string): string[] => {
    const [before, after] = [hashes(TEXT), hashes(text)];
    return Object.keys(before).filter((id) => before[id] !== after[id]);
  };

  test("stays when lines move", () => {
    expect(changed(TEXT.replace("steps:\n", "# a remark\n\n\nsteps:\n    \n"))).toEqual([]);
  });

  test("stays when the fields of a map change their order", () => {
    expect(changed(TEXT.replace("id: a, type: worker", "type: worker, id: a"))).toEqual([]);
  });

  test("changes with any value, one named place included", () => {
    expect(changed(TEXT.replace("place: here", "place: there"))).toEqual(["a"]);
  });

  test("changes with what stands inside", () => {
    expect(changed(TEXT.replace("depends_on: []", "join: all"))).toEqual(["each", "b"]);
    expect(changed(TEXT.replace("when: item", "when: index"))).toEqual(["each", "s"]);
  });

  test("changes with env where env is read", () => {
    expect(changed(TEXT.replace("A: 1", "A: 2"))).toEqual(["e"]);
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
