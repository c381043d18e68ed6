import { describe, expect, test } from "vitest";
import { Payload } from "../base/payload.ts";
import { rerun } from "./rerun.ts";
import { done, fails, HOLD, runs, runsAgain, World } from "./run.testing.ts";

const big = "x".repeat(400);

describe("a rerun from a node of the root", () => {
  const LINE = `
name: line
steps:
  - {id: a, type: worker, input: A${big}}
  - {id: b, type: worker, input: "{{ steps.a.output[:1] }}b"}
  - {id: c, type: worker, input: "{{ steps.b.output }}c"}
  - {id: side, type: worker, input: S}`;

  test("computes that node and what follows; the rest is taken over", () => {
    const before = runs(LINE);
    const again = runsAgain(before, "root", "b");
    expect(again.called).toEqual(["b", "c"]);
    expect(again.output).toEqual(before.output);
    expect(again.state.counts).toEqual({ completed: 2, failed: 0, skipped: 0, copied: 2 });
    expect(again.types("task_copied")).toMatchObject([
      { node: "a", from: "run_1" },
      { node: "side", from: "run_1" },
    ]);
  });

  test("counts what it reuses", () => {
    const usage = { input_tokens: 1, output_tokens: 2, total_tokens: 3 };
    const before = runs(LINE, { does: { a: { ...done("A"), usage } as never, c: { ...done("C"), usage } as never } });
    const taken = rerun("run_1", before.decisions, { scope: "root", node: "b" }, before, before);
    expect(taken).toMatchObject({ reused: 2, reusedTokens: 3 });
  });

  test("from the first node computes everything that follows it", () => {
    expect(runsAgain(runs(LINE), "root", "a").called).toEqual(["a", "b", "c"]);
  });

  test("of a failed run takes the failure over from nowhere", () => {
    const before = runs(LINE, { does: { b: fails() } });
    expect(before.state.status).toBe("failed");
    expect(runsAgain(before, "root", "b", { does: {} }).output).toEqual({ c: "Abc", side: "S" });
    // Another node than the one that failed: the failed one is tried again as well.
    expect(runsAgain(before, "root", "side", { does: {} }).output).toEqual({ c: "Abc", side: "S" });
  });

  test("takes over a failure that was handled, a default, a skip and a handle", () => {
    const text = `
name: x
steps:
  - {id: a, type: worker, on_error: branch}
  - {id: good, type: worker, input: good, depends_on: [a]}
  - {id: bad, type: worker, input: "{{ steps.a.error.code }}", depends_on: [a.error]}
  - {id: d, type: worker, on_error: {default: D}}
  - {id: s, type: switch, cases: [{name: l, when: "true"}]}
  - {id: l, type: worker, input: L, depends_on: [s.l]}
  - {id: r, type: worker, input: R, depends_on: [s], when: "false"}
  - {id: last, type: worker, input: ["{{ steps.d.output }}", "{{ steps.r.output }}", "{{ steps.a.status }}"]}
outputs: {bad: "{{ steps.bad.output }}", last: "{{ steps.last.output }}"}`;
    const does = { a: fails("BROKEN"), d: fails() };
    const before = runs(text, { does });
    const again = runsAgain(before, "root", "last", { does: { a: HOLD, d: HOLD } });
    expect(again.called).toEqual(["last"]);
    expect(again.output).toEqual({ bad: "BROKEN", last: ["D", null, "failed"] });
    expect(again.statusOf("good")).toBe("skipped");
    expect(again.valueOf("good")).toBe(null);
  });

  test("a skipped step that is taken over has no value", () => {
    const text = `
name: x
steps:
  - {id: skipped, type: worker, when: "false"}
  - {id: b, type: worker}`;
    const again = runsAgain(runs(text), "root", "b");
    expect(again.output).toEqual({ b: {} });
  });

  test("a chain of ten thousand copies does not overflow the stack", () => {
    const steps = Array.from({ length: 10_000 }, (_, i) => ({
      id: `s${i}`,
      type: "worker",
      input: i,
      ...(i > 0 ? { depends_on: [`s${i - 1}`] } : {}),
    }));
    const text = JSON.stringify({ name: "chain", steps });
    const world = new World(text);
    const copy = { type: "task_copied", scope: "root", output: Payload.of(1), handle: null, from: "run_1" } as const;
    const copies = steps.slice(0, -1).map(({ id }) => ({ ...copy, node: id, failure: null, skipped: false }));
    const again = new World(text, { rerun: { copies, reused: 9999, reusedTokens: 0, recomputed: [], payloads: [] } })
      .start()
      .run();
    expect(world.plan.bodies[0]!.nodes).toHaveLength(10_000);
    expect(again.called).toEqual(["s9999"]);
  });

  test("on another version keeps what is the same with all before it", () => {
    const before = runs(LINE);
    const again = runsAgain(before, "root", "side", { workflow: LINE.replace("}}b", "}}B") });
    expect(again.called.toSorted()).toEqual(["b", "c", "side"]);
    expect(again.output).toEqual({ c: "ABc", side: "S" });
  });

  test("on another version new nodes run and gone ones are forgotten", () => {
    const before = runs(LINE);
    const workflow = `${LINE.replace(/\n {2}- \{id: side.*/, "")}\n  - {id: new, type: worker, input: N}`;
    const again = runsAgain(before, "root", "c", { workflow });
    expect(again.called.toSorted()).toEqual(["c", "new"]);
    expect(() => runsAgain(before, "root", "side", { workflow })).toThrow("root/side is not there");
  });

  test("a value of env that changed counts as a change where env is read", () => {
    const text = `
name: x
env: {TONE: calm}
steps:
  - {id: a, type: template, template: "{{ env.TONE }}"}
  - {id: b, type: worker, input: B}
  - {id: c, type: worker}`;
    const again = runsAgain(runs(text), "root", "c", { workflow: text.replace("calm", "loud") });
    expect(again.called.toSorted()).toEqual(["a", "c"]);
  });

  test("that waits for a slot and is recovered meanwhile still has what its rules read", () => {
    const text = `
name: x
steps:
  - {id: a, type: worker, input: "${big}"}
  - {id: b, type: worker, input: B}
  - {id: c, type: worker, input: C, when: steps.a.output | length == 400}`;
    const again = runsAgain(runs(text), "root", "c", { waits: { type: "slot", key: "k" } });
    expect(again.called).toEqual([]);
    again.recover();
    again.input({ type: "slot_granted" });
    expect(again.run().output).toMatchObject({ b: "B", c: "C" });
    expect(again.called).toEqual(["c"]);
  });

  test("leads nowhere for a node or scope that is not there", () => {
    const before = runs(LINE);
    for (const [scope, node] of [
      ["root", "nope"],
      ["nope[0]", "a"],
      ["a[0]", "a"],
      ["a", "a"],
    ] as const)
      expect(rerun("run_1", [], { scope, node }, before, before)).toBe(null);
  });

  test("a rerun of a rerun reuses what the first one reused, and says where it came from", () => {
    const first = runs(LINE);
    const second = runsAgain(first, "root", "c", { runId: "run_2" });
    const third = runsAgain(second, "root", "b", { runId: "run_3" });
    expect(third.called).toEqual(["b", "c"]);
    expect(third.output).toEqual(first.output);
    expect(third.types("task_copied")).toMatchObject([
      { node: "a", from: "run_1" },
      { node: "side", from: "run_1" },
    ]);
    expect(runsAgain(third, "root", "side", { runId: "run_4" }).called).toEqual(["side"]);
  });
});

describe("a rerun inside a for_each", () => {
  const EACH = `
name: each
steps:
  - {id: list, type: worker, input: [1, 2, 3]}
  - id: each
    type: for_each
    items: "{{ steps.list.output }}"
    steps:
      - {id: a, type: worker, input: "{{ item }}${big}"}
      - {id: b, type: worker, input: "{{ steps.a.output[:1] }}b", on_error: {default: D}}
  - {id: after, type: worker, input: "{{ steps.each.output }}"}`;

  test("computes that item from the node on, and what follows the for_each", () => {
    const before = runs(EACH, { does: { "each[0]/b": fails() } });
    expect(before.output).toEqual({ after: ["D", "2b", "3b"] });
    const again = runsAgain(before, "each[1]", "b", { does: { "each[1]/b": done("new") } });
    expect(again.called).toEqual(["each[1]/b", "after"]);
    expect(again.output).toEqual({ after: ["D", "new", "3b"] });
    expect(again.types("item_ended")).toHaveLength(3);
  });

  test("from the for_each itself computes all items", () => {
    expect(runsAgain(runs(EACH), "root", "each").called).toHaveLength(7);
  });

  test("keeps failed items failed, and dropped ones out", () => {
    const text = EACH.replace("type: for_each", "type: for_each\n    on_item_error: drop");
    const before = runs(text, { does: { "each[0]/a": fails() } });
    expect(before.output).toEqual({ after: ["2b", "3b"] });
    const again = runsAgain(before, "each[2]", "a", { does: { "each[0]/a": HOLD } });
    expect(again.output).toEqual({ after: ["2b", "3b"] });
    expect(again.called).toEqual(["each[2]/a", "each[2]/b", "after"]);
  });

  test("of an item that failed the run computes it and all that had not ended", () => {
    const before = runs(EACH.replace("type: for_each", "type: for_each\n    concurrency: 1"), {
      does: { "each[1]/a": fails() },
    });
    expect(before.state.status).toBe("failed");
    const again = runsAgain(before, "each[1]", "a", { does: {} });
    expect(again.output).toEqual({ after: ["1b", "2b", "3b"] });
    expect(again.called.filter((call) => call.startsWith("each[0]"))).toEqual([]);
  });

  test("of a rerun takes the items over that it had taken over", () => {
    const second = runsAgain(runs(EACH), "each[1]", "b", { runId: "run_2" });
    const third = runsAgain(second, "each[2]", "b", { runId: "run_3" });
    expect(third.output).toEqual({ after: ["1b", "2b", "3b"] });
    expect(third.called.filter((call) => call.startsWith("each[0]") || call.startsWith("each[1]"))).toEqual([]);
  });

  test("on another version with other items, nothing of the items is taken over", () => {
    const workflow = EACH.replace("[1, 2, 3]", "[4, 5, 6]");
    const again = runsAgain(runs(EACH), "each[1]", "b", { workflow });
    expect(again.output).toEqual({ after: ["4b", "5b", "6b"] });
  });

  test("on another version with another step inside, the step before it is kept in that item, and no other item", () => {
    const workflow = EACH.replace("}}b", "}}B");
    const again = runsAgain(runs(EACH), "each[1]", "b", { workflow });
    expect(again.output).toEqual({ after: ["1B", "2B", "3B"] });
    expect(again.called).not.toContain("each[1]/a");
    expect(again.called).toContain("each[0]/a");
  });

  test("recovered after every row it comes to the same", () => {
    const again = runsAgain(runs(EACH), "each[1]", "b", { recoverEvery: 1 });
    expect(again.output).toEqual({ after: ["1b", "2b", "3b"] });
  });
});

describe("a rerun inside a loop", () => {
  const LOOP = `
name: loop
steps:
  - id: again
    type: loop
    vars: {n: 0, log: []}
    max_iterations: 4
    collect: "{{ steps.w.output }}"
    steps:
      - {id: add, type: assign, variables: {n: "{{ loop.n + 1 }}", log: "{{ loop.log + ['${big}'] }}"}}
      - {id: w, type: worker, input: "{{ loop.n }}", depends_on: [add]}
      - {id: out, type: assign, variables: {seen: "{{ steps.w.output }}"}, depends_on: [w]}
      - {id: x, type: worker, input: X, depends_on: [w]}
  - {id: after, type: worker, input: ["{{ steps.again.output }}", "{{ vars.seen }}"]}
  - {id: last, type: worker, input: "{{ vars.seen }}", depends_on: [after]}`;

  test("computes that round from the node on, and the later ones; earlier rounds and their variables are kept", () => {
    const before = runs(LOOP);
    expect(before.output).toEqual({ last: 4 });
    const again = runsAgain(before, "again#2", "w");
    expect(again.valueOf("after")).toEqual([[1, 2, 3, 4], 4]);
    expect(again.called).toEqual(["again#2/w", "again#2/x", "again#3/w", "again#3/x", "after", "last"]);
  });

  test("from a later node of a round, what the round has set before stays set", () => {
    const again = runsAgain(runs(LOOP), "again#2", "x");
    expect(again.called).toEqual(["again#2/x", "again#3/w", "again#3/x", "after", "last"]);
    expect(again.valueOf("after")).toEqual([[1, 2, 3, 4], 4]);
  });

  test("from behind the loop, the variables it left behind are there", () => {
    const again = runsAgain(runs(LOOP), "root", "last");
    expect(again.called).toEqual(["last"]);
    expect(again.output).toEqual({ last: 4 });
  });

  test("what an earlier round alone has set outside of the loop stays set", () => {
    const text = LOOP.replace("variables: {seen:", "when: loop.index == 1, variables: {seen:");
    const before = runs(text);
    expect(before.output).toEqual({ last: 1 });
    expect(runsAgain(before, "again#2", "w").output).toEqual({ last: 1 });
  });

  test("a loop in a loop: what the inner one set outside is kept with the outer round", () => {
    const text = `
name: x
steps:
  - id: outer
    type: loop
    vars: {total: 0}
    max_iterations: 3
    steps:
      - id: inner
        type: loop
        vars: {n: 0}
        max_iterations: 2
        steps:
          - {id: add, type: assign, variables: {n: "{{ loop.n + 1 }}", total: "{{ vars.total + 1 }}"}}
          - {id: w, type: worker, depends_on: [add]}`;
    const before = runs(text);
    expect(before.output).toEqual({ outer: { total: 6 } });
    const again = runsAgain(before, "outer#2/inner#1", "w");
    expect(again.called).toEqual(["outer#2/inner#1/w"]);
    expect(again.output).toEqual({ outer: { total: 6 } });
  });

  test("variables set in an item or a nested workflow are not carried out of it", () => {
    const text = `
name: x
steps:
  - {id: set, type: assign, variables: {v: root}}
  - id: each
    type: for_each
    items: [1]
    depends_on: [set]
    steps: [{id: inside, type: assign, variables: {v: item}}]
  - {id: call, type: workflow, workflow: i, depends_on: [each]}
  - {id: last, type: worker, input: "{{ vars.v }}", depends_on: [call]}`;
    const nested = { i: "name: i\nsteps: [{id: deep, type: assign, variables: {v: nested}}]" };
    const before = runs(text, { nested });
    expect(runsAgain(before, "root", "last").output).toEqual({ last: "root" });
    const taken = rerun("run_1", before.decisions, { scope: "root", node: "last" }, before, before)!;
    expect(taken.copies.filter(({ type }) => type === "variable_assigned")).toMatchObject([{ node: "set" }]);
  });
});

describe("a rerun inside a nested workflow", () => {
  const OUTER = `
name: outer
steps:
  - {id: first, type: worker, input: 1}
  - {id: call, type: workflow, workflow: inner, inputs: {q: "{{ steps.first.output }}"}}
  - {id: after, type: worker, input: "{{ steps.call.output }}"}`;
  const INNER = `
name: inner
steps:
  - {id: a, type: worker, input: "{{ inputs.q }}"}
  - {id: b, type: worker, input: "{{ steps.a.output + 1 }}"}`;

  test("computes the node in it and what follows, in and outside", () => {
    const again = runsAgain(runs(OUTER, { nested: { inner: INNER } }), "call", "b");
    expect(again.called).toEqual(["call/b", "after"]);
    expect(again.output).toEqual({ after: { b: 2 } });
  });

  test("takes nothing over from a nested workflow that has changed since", () => {
    const before = runs(OUTER, { nested: { inner: INNER } });
    const again = runsAgain(before, "root", "after", { nested: { inner: INNER.replace("+ 1", "+ 2") } });
    expect(again.called).toEqual(["call/a", "call/b", "after"]);
    expect(again.output).toEqual({ after: { b: 3 } });
  });
});

describe("a rerun with other inputs", () => {
  const text = `
name: x
inputs: {a: number, b: number}
steps:
  - {id: first, type: worker, input: "{{ inputs.a }}"}
  - {id: second, type: worker, input: "{{ inputs.b }}"}
  - {id: after, type: worker, input: "{{ steps.first.output }}"}
  - {id: whole, type: worker, input: "{{ inputs }}"}
  - {id: fixed, type: worker, input: F}
  - {id: last, type: worker, input: "{{ steps.second.output }}"}`;
  const before = runs(text, { inputs: { a: 1, b: 2 } });

  test("computes every step that reads one of them, and what follows; the rest is taken over", () => {
    const again = runsAgain(before, "root", "last", { inputs: { a: 9, b: 2 } });
    expect(again.called.toSorted()).toEqual(["after", "first", "last", "whole"]);
    expect(again.output).toEqual({ after: 9, whole: { a: 9, b: 2 }, fixed: "F", last: 2 });
  });

  test("with the same inputs takes over as much as ever", () => {
    expect(runsAgain(before, "root", "last", { inputs: { a: 1, b: 2 } }).called).toEqual(["last"]);
  });

  test("gives what a new run with these inputs gives, from any node", () => {
    for (const node of ["first", "second", "after", "whole", "fixed", "last"]) {
      const again = runsAgain(before, "root", node, { inputs: { a: 5, b: 6 } });
      expect(again.output).toEqual(runs(text, { inputs: { a: 5, b: 6 } }).output);
    }
  });

  test("a step without an input of its own reads them all, and a condition reads what it names", () => {
    const plain = `
name: x
steps:
  - {id: a, type: worker}
  - {id: b, type: worker, input: B, when: inputs.on}
  - {id: c, type: template, template: C}
  - {id: d, type: worker, input: D}`;
    const again = runsAgain(runs(plain, { inputs: { on: true } }), "root", "d", { inputs: { on: false } });
    expect(again.called.toSorted()).toEqual(["a", "d"]);
    expect(again.statusOf("b")).toBe("skipped");
  });

  test("an input that the items are made of makes all items new; one that no item reads makes none", () => {
    const each = `
name: x
steps:
  - {id: each, type: for_each, items: "{{ inputs.list }}", concurrency: 1, steps: [{id: w, type: worker, input: "{{ item }}"}]}`;
    const first = runs(each, { inputs: { list: [1, 2, 3], other: 1 } });
    expect(runsAgain(first, "each[1]", "w", { inputs: { list: [1, 2, 3], other: 2 } }).called).toEqual(["each[1]/w"]);
    const again = runsAgain(first, "each[1]", "w", { inputs: { list: [4, 5], other: 1 } });
    expect(again.output).toEqual({ each: [4, 5] });
  });

  test("an input that the items read makes the other items new as well", () => {
    const each = `
name: x
steps:
  - {id: each, type: for_each, items: [1, 2], concurrency: 1, steps: [{id: w, type: worker, input: "{{ item * inputs.k }}"}]}`;
    const again = runsAgain(runs(each, { inputs: { k: 1 } }), "each[1]", "w", { inputs: { k: 10 } });
    expect(again.output).toEqual({ each: [10, 20] });
  });

  test("reaches a step through a variable that another step assigns from it", () => {
    const assigned = `
name: x
steps:
  - {id: set, type: assign, variables: {v: "{{ inputs.a }}"}}
  - {id: mid, type: worker, input: M, depends_on: [set]}
  - {id: reader, type: worker, input: "{{ vars.v }}", depends_on: [mid]}
  - {id: other, type: worker, input: O}`;
    const again = runsAgain(runs(assigned, { inputs: { a: 1 } }), "root", "other", { inputs: { a: 2 } });
    expect(again.output).toMatchObject({ reader: 2, other: "O" });
  });

  test("a nested workflow that gets the inputs is computed with them", () => {
    const nested = {
      inner: "name: inner\nsteps: [{id: x, type: worker, input: '{{ inputs.a }}'}, {id: y, type: worker, input: Y}]",
    };
    const outer = `
name: x
steps:
  - {id: call, type: workflow, workflow: inner, inputs: {a: "{{ inputs.a }}"}}`;
    const first = runs(outer, { inputs: { a: 1 }, nested });
    const again = runsAgain(first, "call", "y", { inputs: { a: 2 } });
    expect(again.called.toSorted()).toEqual(["call/x", "call/y"]);
    expect(runsAgain(first, "call", "y", { inputs: { a: 1, b: 2 } }).called).toEqual(["call/y"]);
  });
});
