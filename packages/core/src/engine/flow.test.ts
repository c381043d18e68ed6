import { describe, expect, test } from "vitest";
import { done, HOLD, runs, World, type WorldOptions } from "./run.testing.ts";

interface Case {
  readonly fact: string;
  readonly steps: string;
  readonly options?: WorldOptions;
  /** `step` or `step:status` of every task that did not simply succeed. */
  readonly called?: readonly string[];
  readonly skipped?: readonly string[];
  readonly output: unknown;
}

const cases: readonly Case[] = [
  {
    fact: "steps run in the order of what they read",
    steps: `
  - {id: c, type: template, template: "{{ steps.b.output }}c"}
  - {id: a, type: template, template: "{{ inputs.x }}a"}
  - {id: b, type: template, template: "{{ steps.a.output }}b"}`,
    options: { inputs: { x: "-" } },
    called: ["a", "b", "c"],
    output: { c: "-abc" },
  },
  {
    fact: "without an input a first step gets the run's inputs, and a later one the output before it",
    steps: `
  - {id: a, type: worker}
  - {id: b, type: worker, depends_on: [a]}`,
    options: { inputs: { x: 1 } },
    output: { b: { x: 1 } },
  },
  {
    fact: "a step behind several gets their outputs by id",
    steps: `
  - {id: a, type: template, template: A}
  - {id: b, type: template, template: B}
  - {id: c, type: worker, depends_on: [a, b]}`,
    called: ["a", "b", "c"],
    output: { c: { a: "A", b: "B" } },
  },
  {
    fact: "a classifier leaves by the id of the class, and by its plain edge whatever the class is called",
    steps: `
  - {id: c, type: classify, classes: [a, {id: rejected, name: No}, {name: "{{ inputs.x }}"}], query: q}
  - {id: first, type: template, template: A, depends_on: [c.a]}
  - {id: second, type: template, template: B, depends_on: [c.rejected]}
  - {id: always, type: template, template: C, depends_on: [c]}`,
    options: { inputs: { x: 1 }, does: { c: () => done({ class_id: "rejected", class_name: "No" }) } },
    called: ["c", "second", "always"],
    skipped: ["first"],
    output: { second: "B", always: "C" },
  },
  {
    fact: "the edge of failures is not a class's to take",
    steps: `
  - {id: c, type: classify, classes: "{{ inputs.x }}", query: q, on_error: branch}
  - {id: failed, type: template, template: A, depends_on: [c.error]}
  - {id: next, type: template, template: B, depends_on: [c]}`,
    options: { inputs: { x: ["error"] }, does: { c: () => done({ class_id: "error", class_name: "error" }) } },
    called: ["c", "next"],
    skipped: ["failed"],
    output: { next: "B" },
  },
  {
    fact: "a false when skips the step and all that only it leads to",
    steps: `
  - {id: a, type: template, template: A, when: inputs.x > 1}
  - {id: b, type: worker, depends_on: [a]}
  - {id: c, type: worker, depends_on: [b]}
  - {id: d, type: template, template: D}`,
    options: { inputs: { x: 1 } },
    called: ["d"],
    skipped: ["a", "b", "c"],
    output: { d: "D" },
  },
  {
    fact: "a true when runs the step",
    steps: `
  - {id: a, type: template, template: A, when: inputs.x > 1}`,
    options: { inputs: { x: 2 } },
    output: { a: "A" },
  },
  {
    fact: "join any runs when one of two edges was taken; the value of the other is null",
    steps: `
  - {id: a, type: template, template: A}
  - {id: b, type: template, template: B, when: "false"}
  - {id: c, type: worker, depends_on: [a, b]}`,
    skipped: ["b"],
    output: { c: { a: "A", b: null } },
  },
  {
    fact: "join all is skipped when one of two edges was not taken",
    steps: `
  - {id: a, type: template, template: A}
  - {id: b, type: template, template: B, when: "false"}
  - {id: c, type: worker, depends_on: [a, b], join: all}`,
    skipped: ["b", "c"],
    output: {},
  },
  {
    fact: "join all runs when every edge was taken",
    steps: `
  - {id: a, type: template, template: A}
  - {id: b, type: template, template: B}
  - {id: c, type: template, template: C, depends_on: [a, b], join: all}`,
    output: { c: "C" },
  },
  {
    fact: "a switch takes the first case that is true",
    steps: `
  - {id: s, type: switch, cases: [{name: big, when: inputs.x > 5}, {name: mid, when: inputs.x > 2}], default: small}
  - {id: a, type: template, template: A, depends_on: [s.big]}
  - {id: b, type: template, template: B, depends_on: [s.mid]}
  - {id: c, type: template, template: C, depends_on: [s.small]}`,
    options: { inputs: { x: 9 } },
    called: ["a"],
    skipped: ["b", "c"],
    output: { a: "A" },
  },
  {
    fact: "a switch without a true case takes its default",
    steps: `
  - {id: s, type: switch, cases: [{name: big, when: inputs.x > 5}], default: small}
  - {id: a, type: template, template: A, depends_on: [s.big]}
  - {id: c, type: template, template: "took {{ steps.s.output }}", depends_on: [s.small]}`,
    options: { inputs: { x: 1 } },
    skipped: ["a"],
    output: { c: "took small" },
  },
  {
    fact: "a switch without a true case and without a default takes its plain edges only",
    steps: `
  - {id: s, type: switch, cases: [{name: big, when: inputs.x > 5}]}
  - {id: a, type: template, template: A, depends_on: [s.big]}
  - {id: b, type: template, template: B, depends_on: [s]}`,
    options: { inputs: { x: 1 } },
    skipped: ["a"],
    output: { b: "B" },
  },
  {
    fact: "a case named like a negative handle is a case like any other",
    steps: `
  - {id: s, type: switch, cases: [{name: rejected, when: "true"}]}
  - {id: a, type: template, template: A, depends_on: [s.rejected]}
  - {id: b, type: template, template: B, depends_on: [s]}`,
    output: { a: "A", b: "B" },
  },
  {
    fact: "branches that part at a switch meet again",
    steps: `
  - {id: s, type: switch, cases: [{name: l, when: inputs.x}], default: r}
  - {id: a, type: template, template: A, depends_on: [s.l]}
  - {id: b, type: template, template: B, depends_on: [s.r]}
  - {id: c, type: aggregate, from: [a, b]}
  - {id: d, type: worker, depends_on: [c]}`,
    options: { inputs: { x: true } },
    skipped: ["b"],
    output: { d: "A" },
  },
  {
    fact: "with depends_on a reference only orders: the skipped step is waited for, and its edge does not count",
    steps: `
  - {id: a, type: template, template: A, when: "false"}
  - {id: b, type: template, template: B}
  - {id: c, type: template, template: "{{ steps.a.output }}{{ steps.a.status }}{{ steps.b.status }}", depends_on: [b]}`,
    skipped: ["a"],
    output: { c: "skippedsucceeded" },
  },
  {
    fact: "an empty depends_on has no edges, so the step runs whatever becomes of what it reads",
    steps: `
  - {id: a, type: template, template: A, when: "false"}
  - {id: b, type: template, template: "b{{ steps.a.output }}", depends_on: []}`,
    skipped: ["a"],
    output: { b: "b" },
  },
  {
    fact: "aggregate list keeps all that ran, in the order of from",
    steps: `
  - {id: a, type: template, template: A}
  - {id: b, type: template, template: B, when: "false"}
  - {id: c, type: template, template: C}
  - {id: all, type: aggregate, from: [c, b, a], mode: list}`,
    skipped: ["b"],
    output: { all: ["C", "A"] },
  },
  {
    fact: "aggregate merge puts maps together, later ones over earlier ones",
    steps: `
  - {id: a, type: worker, input: {x: 1, y: 1}}
  - {id: b, type: worker, input: {y: 2}}
  - {id: all, type: aggregate, from: [a, b], mode: merge}`,
    output: { all: { x: 1, y: 2 } },
  },
  {
    fact: "aggregate first takes the first of from that ran, not the first that was done",
    steps: `
  - {id: a, type: worker, input: 1, depends_on: [b]}
  - {id: b, type: worker, input: 2}
  - {id: first, type: aggregate, from: [a, b]}`,
    called: ["b", "a"],
    output: { first: 1 },
  },
  {
    fact: "outputs are the map that the workflow names",
    steps: `
  - {id: a, type: worker, input: [1, 2]}
outputs: {list: "{{ steps.a.output }}", text: "n={{ steps.a.output | length }}", nothing: "{{ steps.a.error }}"}`,
    output: { list: [1, 2], text: "n=2", nothing: null },
  },
  {
    fact: "default outputs are the values of the last steps that ran",
    steps: `
  - {id: a, type: template, template: A}
  - {id: "2", type: template, template: B, depends_on: [a]}
  - {id: c, type: template, template: C, depends_on: [a], when: "false"}
  - {id: "1", type: template, template: D, depends_on: [a]}`,
    skipped: ["c"],
    output: { "1": "D", "2": "B" },
  },
];

describe("the flow of a run", () => {
  test.each(cases)("$fact", ({ steps, options = {}, called, skipped = [], output }) => {
    const world = runs(`name: flow\nsteps:${steps}`, options);
    expect(world.state.failure).toBe(null);
    expect(world.state.status).toBe("succeeded");
    expect(world.output).toEqual(output);
    if (called) expect(world.called).toEqual(called);
    expect(world.events.flatMap((event) => (event.type === "task_skipped" ? [event.node] : [])).toSorted()).toEqual(
      [...skipped].toSorted(),
    );
  });

  test.each(cases)("$fact; recovered after every row it decides the same", ({ steps, options = {} }) => {
    const text = `name: flow\nsteps:${steps}`;
    const lived = runs(text, { ...options, inlineMax: 0 });
    const recovered = runs(text, { ...options, inlineMax: 0, recoverEvery: 1 });
    expect(recovered.events.map((event) => event.type)).toEqual(lived.events.map((event) => event.type));
    expect(recovered.output).toEqual(lived.output);
  });
});

test("steps that wait for nothing are dispatched together", () => {
  const world = new World(
    `
name: parallel
steps:
  - {id: a, type: worker}
  - {id: b, type: worker}
  - {id: c, type: worker, depends_on: [a, b]}`,
    { does: { "*": HOLD } },
  ).start();
  expect([...world.pending.keys()]).toEqual(["root/a#1", "root/b#1"]);
  world.input({ type: "task_reported", scope: "root", node: "b", attempt: 1, outcome: done(2) });
  expect([...world.pending.keys()]).toEqual(["root/a#1"]);
  world.input({ type: "task_reported", scope: "root", node: "a", attempt: 1, outcome: done(1) });
  expect([...world.pending.keys()]).toEqual(["root/c#1"]);
});

test("the first row of a run holds its creation only, for the start of a task is no event", () => {
  const world = new World("name: x\nsteps: [{id: a, type: worker}]", { does: { "*": HOLD } }).start();
  expect(world.events.map((event) => event.type)).toEqual(["run_created"]);
});

test("a result and the end of the run that follows share one row", () => {
  const world = runs("name: x\nsteps: [{id: a, type: worker}]");
  expect(world.decisions.map(({ events }) => events.map((event) => event.type))).toEqual([
    ["run_created"],
    ["task_completed", "run_completed"],
  ]);
});

test("a run of nothing but skipped steps succeeds with no outputs", () => {
  const world = runs(`name: x\nsteps: [{id: a, type: worker, when: "false"}]`);
  expect([world.state.status, world.output]).toEqual(["succeeded", {}]);
});

test("outputs that cannot be rendered fail the run", () => {
  const world = runs(`name: x\nsteps: [{id: a, type: worker}]\noutputs: {x: "{{ steps.a.output.b.c }}"}`, {
    does: { a: done({}) },
  });
  expect(world.state.failure?.code).toBe("EXPRESSION_ERROR");
  expect(world.state.failedAt).toBe(null);
});

test("usage of every task, counted once, is the usage of the run", () => {
  const usage = { input_tokens: 3, output_tokens: 2, total_tokens: 5 };
  const world = runs(
    `name: x\nsteps: [{id: a, type: worker}, {id: b, type: worker, input: "{{ steps.a.usage.total_tokens }}"}]`,
    { does: { a: { ...done(1), usage } as never } },
  );
  expect(world.state.usage).toEqual(usage);
  expect(world.output).toEqual({ b: 5 });
});

test("a step that must not be repeated is recorded as started once, and then dispatched", () => {
  const world = new World("name: x\nsteps: [{id: a, type: worker, idempotent: false}]", { does: { a: HOLD } }).start();
  const starting = { type: "task_starting", scope: "root", node: "a", attempt: 1 } as const;
  expect(world.input(starting).map((event) => event.type)).toEqual(["task_started"]);
  expect(world.input(starting)).toEqual([]);
  world.recover();
  expect([...world.state.owed.values()]).toEqual([
    { type: "dispatch_task", id: "root/a#1", scope: "root", node: "a", attempt: 1, started: true },
  ]);
});

test("a delayed run owes a timer, starts once, and only then runs its steps", () => {
  const world = new World("name: x\nsteps: [{id: a, type: worker}]", {
    waits: { type: "time", until: 1_700_000_060_000 },
  });
  world.start();
  expect(world.state.status).toBe("pending");
  expect(world.nextTimer()).toEqual({ type: "arm_timer", id: "run@start", dueAt: 1_700_000_060_000 });
  world.run();
  expect(world.types("run_started")).toHaveLength(1);
  expect(world.state).toMatchObject({ status: "succeeded", startedAt: 1_700_000_060_000 });
});

test("a run that waits for a slot starts when it is granted, and twice is once", () => {
  const world = new World("name: x\nsteps: [{id: a, type: worker}]", { waits: { type: "slot", key: "k" } }).start();
  expect(world.step()).toBe(false);
  expect(world.input({ type: "slot_granted" }).map((event) => event.type)).toEqual(["run_started"]);
  expect(world.run().state.status).toBe("succeeded");
});
