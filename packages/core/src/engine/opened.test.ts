import { describe, expect, test } from "vitest";
import { wasOpened } from "./opened.ts";
import { rerun } from "./rerun.ts";
import { HOLD, runs, runsAgain } from "./run.testing.ts";

const EACH = `
name: each
inputs: { items: array }
steps:
  - id: each
    type: for_each
    items: "{{ inputs.items }}"
    steps:
      - {id: a, type: worker, input: "{{ item }}"}
      - id: again
        type: loop
        vars: {n: 0}
        until: loop.index >= 2
        max_iterations: 4
        depends_on: [a]
        steps:
          - {id: w, type: worker, input: "{{ loop.index }}"}
  - {id: after, type: worker, input: "{{ steps.each.output }}"}`;

const inputs = { items: [1, 2, 3] };
const opened = (run: ReturnType<typeof runs>, scope: string): boolean => wasOpened(run.decisions, scope);

describe("a scope", () => {
  const whole = runs(EACH, { inputs });

  test.each([
    ["root", true],
    ["each[0]", true],
    ["each[2]", true],
    ["each[2]/again#0", true],
    ["each[2]/again#1", true],
    ["each[3]", false],
    ["each[01]", false],
    ["each[-1]", false],
    ["each#1", false],
    ["each", false],
    ["each[2]/again#2", false],
    ["each[3]/again#0", false],
    ["each[2]/again[0]", false],
    ["nothing[0]", false],
  ])("%s was opened: %s", (scope, expected) => {
    expect(opened(whole, scope)).toBe(expected);
  });

  test("in which nothing has ended yet was opened", () => {
    const held = runs(EACH, { inputs, does: { "each[2]/a": HOLD, "each[1]/again#1/w": HOLD } });
    expect(opened(held, "each[2]")).toBe(true);
    expect(opened(held, "each[2]/again#0")).toBe(false);
    expect(opened(held, "each[1]/again#1")).toBe(true);
    expect(opened(held, "each[1]/again#2")).toBe(false);
  });

  test("within what a rerun took over counts as opened; beside it only what was there", () => {
    const item = runsAgain(whole, "each[1]", "a", { runId: "run_2" });
    expect(opened(item, "each[0]/again#1")).toBe(true);
    expect(opened(item, "each[1]/again#1")).toBe(true);
    expect(opened(item, "each[1]/again#7")).toBe(false);
    expect(opened(item, "each[7]")).toBe(false);
    const behind = runsAgain(whole, "root", "after", { runId: "run_2" });
    expect(opened(behind, "each[0]/again#1")).toBe(true);
    const third = runsAgain(behind, "each[1]/again#0", "w", { runId: "run_3" });
    expect(third.output).toEqual(whole.output);
  });

  test("that was not opened is the target of no rerun", () => {
    const target = (scope: string) => rerun("run_1", whole.decisions, { scope, node: "a" }, whole, whole);
    expect(target("each[3]")).toBe(null);
    expect(target("each[2]")).not.toBe(null);
  });
});
