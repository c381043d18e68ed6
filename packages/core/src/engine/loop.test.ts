import { describe, expect, test } from "vitest";
import { done, fails, HOLD, runs, World } from "./run.testing.ts";

const loop = (more: string, steps: string): string => `
name: loop
steps:
  - id: again
    type: loop
    ${more}
    steps:
${steps}`;
const COUNT = `      - {id: add, type: assign, variables: {n: "{{ loop.n + 1 }}"}}`;

describe("loop", () => {
  test("goes on until its condition holds, and returns its variables", () => {
    const world = runs(loop("vars: {n: 0, kept: yes}\n    until: loop.n >= 3", COUNT));
    expect(world.output).toEqual({ again: { n: 3, kept: "yes" } });
    expect(world.types("round_ended")).toHaveLength(3);
  });

  test("without until it runs all its rounds", () => {
    const world = runs(loop("vars: {n: 0}\n    max_iterations: 4", COUNT));
    expect(world.output).toEqual({ again: { n: 4 } });
  });

  test("until that never holds fails it with ITERATION_LIMIT", () => {
    const world = runs(loop("vars: {n: 0}\n    until: loop.n > 10\n    max_iterations: 4", COUNT));
    expect(world.state.failure).toMatchObject({ code: "ITERATION_LIMIT", details: { limit: 4 } });
    expect(world.state.failedAt).toEqual({ scope: "root", node: "again" });
  });

  test("until that holds after the last round it may run is no failure", () => {
    const world = runs(loop("vars: {n: 0}\n    until: loop.n == 4\n    max_iterations: 4", COUNT));
    expect(world.output).toEqual({ again: { n: 4 } });
  });

  test("collect keeps a value for each round, in order", () => {
    const world = runs(
      loop(
        `vars: {n: 0}\n    max_iterations: 3\n    collect: ["{{ loop.index }}", "{{ loop.n }}", "{{ index }}"]`,
        COUNT,
      ),
    );
    expect(world.output).toEqual({
      again: [
        [1, 1, 0],
        [2, 2, 1],
        [3, 3, 2],
      ],
    });
  });

  test("steps of a round see only their own round", () => {
    const world = runs(
      loop(
        "vars: {seen: []}\n    max_iterations: 2",
        `      - {id: a, type: worker, input: "{{ loop.index0 }}", when: loop.index == 1}
      - {id: keep, type: assign, variables: {seen: "{{ loop.seen + [steps.a.output] }}"}, depends_on: [], join: any}`,
      ),
    );
    expect(world.output).toEqual({ again: { seen: [0, null] } });
  });

  test("its variables may be read as vars as well", () => {
    const world = runs(
      loop("vars: {n: 1}\n    max_iterations: 2", `      - {id: d, type: assign, variables: {n: "{{ vars.n * 5 }}"}}`),
    );
    expect(world.output).toEqual({ again: { n: 25 } });
  });

  test("a failing step fails it", () => {
    const world = runs(loop("max_iterations: 3\n    on_error: {default: none}", "      - {id: a, type: worker}"), {
      does: { "again#1/a": fails() },
    });
    expect(world.output).toEqual({ again: "none" });
    expect(world.called).toEqual(["again#0/a", "again#1/a"]);
  });

  test("until and collect that fail, fail it", () => {
    const steps = "      - {id: a, type: worker}";
    expect(runs(loop("until: loop.no.such", steps)).state.failure?.code).toBe("EXPRESSION_ERROR");
    expect(runs(loop(`collect: "{{ loop.no.such }}"`, steps)).state.failure?.code).toBe("EXPRESSION_ERROR");
  });

  test("until reads what the round has done", () => {
    const world = runs(loop("until: steps.a.output > 1", `      - {id: a, type: worker, input: "{{ loop.index0 }}"}`));
    expect(world.types("round_ended")).toHaveLength(3);
  });

  test("a loop in a for_each has variables of its own in each item", () => {
    const world = runs(`
name: x
steps:
  - id: each
    type: for_each
    items: [1, 10]
    steps:
      - id: again
        type: loop
        vars: {n: "{{ item }}"}
        max_iterations: 3
        steps:
          - {id: add, type: assign, variables: {n: "{{ loop.n + item }}"}}
          - {id: w, type: worker, input: "{{ loop.n }}", depends_on: [add]}`);
    expect(world.output).toEqual({ each: [{ n: 4 }, { n: 40 }] });
  });

  test("a loop in a loop counts for itself and reaches the variables around it", () => {
    const world = runs(
      loop(
        "vars: {total: 0}\n    max_iterations: 3",
        `      - id: inner
        type: loop
        vars: {n: 0}
        max_iterations: 2
        steps:
          - {id: add, type: assign, variables: {n: "{{ loop.n + 1 }}", total: "{{ vars.total + 1 }}"}}`,
      ),
    );
    expect(world.output).toEqual({ again: { total: 6 } });
  });

  test("its own timeout ends it in the middle of a round", () => {
    const world = runs(loop("timeout: 10\n    max_iterations: 3", "      - {id: a, type: worker}"), {
      does: { "again#1/a": HOLD },
    });
    expect(world.state.failure?.code).toBe("STEP_TIMEOUT");
    expect(world.withdrawn).toContain("again#1/a#1");
  });

  test("1,500 rounds: collected values in pages, one open scope, one command owed", () => {
    const world = runs(
      loop(
        `max_iterations: 1500\n    collect: "{{ steps.a.output }}"`,
        `      - {id: a, type: worker, input: "{{ index }}"}`,
      ),
      { checkEvery: 500 },
    );
    expect(world.output).toEqual({ again: Array.from({ length: 1500 }, (_, i) => i) });
    expect(world.types("values_paged")).toHaveLength(1);
    expect(world.peak).toEqual({ owed: 1, scopes: 2 });
  });

  test("thousands of rounds of rules alone pause, and a recovery in the middle goes on from there", () => {
    const text = loop("vars: {n: 0}\n    max_iterations: 3000", COUNT);
    const world = runs(text, { checkEvery: 5, recoverEvery: 3 });
    expect(world.output).toEqual({ again: { n: 3000 } });
    expect(world.decisions.length).toBeGreaterThan(10);
    expect(Math.max(...world.decisions.map(({ events }) => events.length))).toBeLessThan(520);
  });

  test("a paused run can be cancelled", () => {
    const world = new World(loop("vars: {n: 0}\n    max_iterations: 100000", COUNT)).started();
    expect(world.state.undecided.length).toBeGreaterThan(0);
    world.input({ type: "cancel_requested", reason: "enough" });
    expect(world.state.status).toBe("cancelled");
  });
});

describe("assign", () => {
  test("sets variables of the run that later steps read", () => {
    const world = runs(
      `
name: x
steps:
  - {id: a, type: assign, variables: {x: 1, y: "{{ inputs.y }}"}}
  - {id: b, type: worker, input: "{{ vars }}", depends_on: [a]}`,
      { inputs: { y: [2] } },
    );
    expect(world.valueOf("a")).toEqual({ x: 1, y: [2] });
    expect(world.output).toEqual({ b: { x: 1, y: [2] } });
  });

  test("all values of one step are found before the first is set", () => {
    const world = runs(`
name: x
steps:
  - {id: a, type: assign, variables: {x: 1, y: 2}}
  - {id: swap, type: assign, variables: {x: "{{ vars.y }}", y: "{{ vars.x }}"}, depends_on: [a]}`);
    expect(world.output).toEqual({ swap: { x: 2, y: 1 } });
  });

  test("in a for_each each item has its own copy, and the run does not see it", () => {
    const world = runs(`
name: x
steps:
  - {id: a, type: assign, variables: {x: 1}}
  - id: each
    type: for_each
    items: [10, 20]
    depends_on: [a]
    steps:
      - {id: set, type: assign, variables: {x: "{{ vars.x + item }}"}}
      - {id: get, type: worker, input: "{{ vars.x }}", depends_on: [set]}
  - {id: after, type: worker, input: "{{ vars.x }}", depends_on: [each]}
outputs: {each: "{{ steps.each.output }}", after: "{{ steps.after.output }}"}`);
    expect(world.output).toEqual({ each: [11, 21], after: 1 });
  });

  test("in a loop a name that the loop does not declare is the run's", () => {
    const world = runs(`
name: x
steps:
  - id: again
    type: loop
    vars: {n: 0}
    max_iterations: 2
    steps:
      - {id: add, type: assign, variables: {n: "{{ loop.n + 1 }}", other: "{{ loop.index }}"}}
  - {id: after, type: worker, input: "{{ vars }}", depends_on: [again]}`);
    expect(world.output).toEqual({ after: { other: 2 } });
  });

  test("variables of a nested workflow are its own, both ways", () => {
    const world = runs(
      `
name: x
steps:
  - {id: a, type: assign, variables: {x: 1}}
  - {id: call, type: workflow, workflow: inner, depends_on: [a]}
  - {id: after, type: worker, input: ["{{ vars }}", "{{ steps.call.output }}"], depends_on: [call]}`,
      {
        nested: {
          inner: `
name: inner
steps:
  - {id: b, type: worker, input: "{{ vars }}"}
  - {id: c, type: assign, variables: {x: 2}, depends_on: [b]}
outputs: {before: "{{ steps.b.output }}", after: "{{ vars.x }}"}`,
        },
      },
    );
    expect(world.output).toEqual({ after: [{ x: 1 }, { before: {}, after: 2 }] });
  });
});

describe("a nested workflow", () => {
  const INNER = `
name: inner
steps:
  - {id: w, type: worker, input: "{{ inputs.q }}"}
outputs: {answer: "{{ steps.w.output }}"}`;
  const OUTER = `
name: outer
steps:
  - {id: call, type: workflow, workflow: inner, inputs: {q: "{{ inputs.x }}!"}}
  - {id: after, type: template, template: "{{ steps.call.output.answer }}"}`;

  test("gets its own inputs and gives its outputs", () => {
    const world = runs(OUTER, { inputs: { x: "hi" }, nested: { inner: INNER } });
    expect(world.output).toEqual({ after: "hi!" });
    expect(world.called).toEqual(["call/w", "after"]);
  });

  test("is pinned by its version", () => {
    const world = runs(`name: o\nsteps: [{id: call, type: workflow, workflow: inner, version: 1.2.0}]`, {
      nested: { "inner@1.2.0": INNER },
      does: { w: done("pinned") },
    });
    expect(world.output).toEqual({ call: { answer: "pinned" } });
  });

  test("its failure is the failure of the step that calls it", () => {
    const world = runs(OUTER.replace("workflow: inner,", "workflow: inner, on_error: {default: {answer: sorry}},"), {
      nested: { inner: INNER },
      does: { w: fails() },
    });
    expect(world.output).toEqual({ after: "sorry" });
  });

  test("outputs of it that cannot be rendered fail the step too", () => {
    const world = runs(OUTER, {
      nested: { inner: INNER.replace("steps.w.output }}", "steps.w.output.a.b }}") },
      inputs: { x: 1 },
    });
    expect(world.state.failedAt).toEqual({ scope: "root", node: "call" });
  });

  test("it sees none of the steps, items and loops around it", () => {
    const world = runs(
      `
name: x
steps:
  - id: each
    type: for_each
    items: [5]
    steps:
      - {id: call, type: workflow, workflow: inner, inputs: {q: "{{ item }}"}}`,
      { nested: { inner: INNER } },
    );
    expect(world.output).toEqual({ each: [{ answer: 5 }] });
    expect(world.called).toEqual(["each[0]/call/w"]);
  });

  test("one that calls itself ends at the limit", () => {
    const world = runs("name: a\nsteps: [{id: call, type: workflow, workflow: a}]", {
      nested: { a: "name: a\nsteps: [{id: call, type: workflow, workflow: a}]" },
    });
    expect(world.state.failure).toMatchObject({ code: "NESTING_LIMIT", details: { limit: 20 } });
    expect(world.types("child_started")).toHaveLength(20);
  });

  test("one that is not pinned fails the step", () => {
    const world = runs("name: a\nsteps: [{id: call, type: workflow, workflow: b}]");
    expect(world.state.failure?.code).toBe("WORKFLOW_NOT_FOUND");
  });
});
