import { describe, expect, test } from "vitest";
import type { TaskOutcome } from "./input.ts";
import { done, fails, HOLD, runs, World, type Answer, type Call } from "./run.testing.ts";

/** One answer for each attempt. */
function attempts(...answers: readonly Answer[]): (call: Call) => Answer {
  return ({ attempt }) => answers[attempt - 1]!;
}

describe("what a failure means", () => {
  test("it fails the run, with the step it came from", () => {
    const world = runs("name: x\nsteps: [{id: a, type: worker}, {id: b, type: worker, depends_on: [a]}]", {
      does: { a: fails("BROKEN") },
    });
    expect(world.state.status).toBe("failed");
    expect(world.state.failure?.code).toBe("BROKEN");
    expect(world.state.failedAt).toEqual({ scope: "root", node: "a" });
    expect(world.called).toEqual(["a"]);
  });

  test("the siblings of a failed step are withdrawn", () => {
    const world = new World("name: x\nsteps: [{id: a, type: worker}, {id: b, type: worker}]", {
      does: { a: fails(), b: HOLD },
    })
      .start()
      .run();
    expect(world.withdrawn).toContain("root/b#1");
    expect(world.statusOf("b")).toBe("cancelled");
    expect(world.state.owed.size).toBe(0);
  });

  test.each([
    ["continue", "failed", { b: "failed BROKEN" }, []],
    ["{default: 7}", "succeeded", { b: "succeeded BROKEN" }, []],
  ] as const)("on_error: %s goes on", (onError, status, output, skipped) => {
    const world = runs(
      `
name: x
steps:
  - {id: a, type: worker, on_error: ${onError}}
  - {id: b, type: template, template: "{{ steps.a.status }} {{ steps.a.error.code }}", depends_on: [a]}`,
      { does: { a: fails("BROKEN") } },
    );
    expect(world.statusOf("a")).toBe(status);
    expect(world.output).toEqual(output);
    expect(world.types("task_skipped")).toEqual(skipped);
  });

  test("a default stands in for the output", () => {
    const world = runs("name: x\nsteps: [{id: a, type: worker, on_error: {default: {n: 7}}}]", {
      does: { a: fails() },
    });
    expect(world.output).toEqual({ a: { n: 7 } });
  });

  const BRANCH = `
name: x
steps:
  - {id: a, type: worker, on_error: branch}
  - {id: good, type: template, template: good, depends_on: [a]}
  - {id: bad, type: template, template: "bad: {{ steps.a.error.message }}", depends_on: [a.error]}`;

  test("on_error: branch leaves a failure by the handle error only", () => {
    const world = runs(BRANCH, { does: { a: fails("BROKEN") } });
    expect(world.output).toEqual({ bad: "bad: it failed with BROKEN" });
  });

  test("on_error: branch leaves a success by the plain edge only", () => {
    expect(runs(BRANCH, { does: { a: done(1) } }).output).toEqual({ good: "good" });
  });

  test("a switch that fails and branches leaves by error, not by its plain edge", () => {
    const world = runs(`
name: x
steps:
  - {id: s, type: switch, on_error: branch, cases: [{name: l, when: inputs.no.such > 1}]}
  - {id: a, type: template, template: A, depends_on: [s]}
  - {id: b, type: template, template: B, depends_on: [s.error]}`);
    expect(world.output).toEqual({ b: "B" });
  });

  test("an expression of a control step that fails, fails that step", () => {
    const world = runs("name: x\nsteps: [{id: a, type: worker, when: inputs.no.such}]");
    expect(world.state.failure?.code).toBe("EXPRESSION_ERROR");
    expect(world.state.failedAt).toEqual({ scope: "root", node: "a" });
  });

  test.each(["fail", "continue", "branch", "{default: D}"])(
    "a failure inside a for_each, a loop and another for_each comes out to the node that says on_error: %s",
    (onError) => {
      const world = runs(
        `
name: x
steps:
  - id: outer
    type: for_each
    items: [1]
    on_error: ${onError}
    steps:
      - id: again
        type: loop
        max_iterations: 1
        steps:
          - id: inner
            type: for_each
            items: [1, 2]
            steps:
              - {id: a, type: worker}
              - {id: b, type: worker}
  - {id: next, type: template, template: "{{ steps.outer.status }}", depends_on: [outer]}
${onError === "branch" ? "  - {id: bad, type: template, template: BAD, depends_on: [outer.error]}" : ""}`,
        { does: { a: fails("DEEP"), b: HOLD } },
      );
      const outputs: Record<string, unknown> = {
        continue: { next: "failed" },
        branch: { bad: "BAD" },
        "{default: D}": { next: "succeeded" },
      };
      if (onError === "fail") expect(world.state).toMatchObject({ status: "failed", failure: { code: "DEEP" } });
      else expect(world.output).toEqual(outputs[onError]);
      expect(world.withdrawn).toContain("outer[0]/again#0/inner[0]/b#1");
      expect([...world.state.scopes.keys()]).toEqual(["root"]);
    },
  );

  test("a handled failure inside an item does not leave the item", () => {
    const world = runs(
      `
name: x
steps:
  - id: each
    type: for_each
    items: [1, 2, 3]
    steps:
      - {id: a, type: worker, input: "{{ item }}", on_error: {default: none}}`,
      { does: { a: ({ input }) => (input === 2 ? fails() : undefined) } },
    );
    expect(world.output).toEqual({ each: [1, "none", 3] });
  });
});

describe("retries", () => {
  const one = (retry: string): string => `name: x\nsteps: [{id: a, type: worker, retry: ${retry}}]`;

  test("a retryable failure is tried again, three times in all", () => {
    const world = runs("name: x\nsteps: [{id: a, type: worker}]", { does: { a: fails("BUSY", { retryable: true }) } });
    expect(world.calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(world.events.map((event) => event.type)).toEqual([
      "run_created",
      "task_retried",
      "task_due",
      "task_retried",
      "task_due",
      "task_failed",
      "run_failed",
    ]);
  });

  test("one that is not retryable is not", () => {
    expect(runs("name: x\nsteps: [{id: a, type: worker}]", { does: { a: fails() } }).calls).toHaveLength(1);
  });

  test("a later attempt may succeed", () => {
    const world = runs(one("{attempts: 3}"), { does: { a: attempts(fails("BUSY", { retryable: true }), done("ok")) } });
    expect(world.output).toEqual({ a: "ok" });
    expect(world.state.usage.total_tokens).toBe(0);
  });

  test("with codes named, those are tried again and no others", () => {
    const world = runs(one("{attempts: 5, on: [MINE]}"), {
      does: { a: attempts(fails("MINE"), fails("OTHER", { retryable: true })) },
    });
    expect(world.calls).toHaveLength(2);
    expect(world.state.failure?.code).toBe("OTHER");
  });

  const waits = (retry: string, outcome: TaskOutcome, runId = "run_1"): number[] => {
    const world = runs(one(retry), { does: { a: outcome }, runId });
    return world.decisions.flatMap(({ at, events }) =>
      events.flatMap((event) => (event.type === "task_retried" ? [event.dueAt - at] : [])),
    );
  };
  const busy = fails("BUSY", { retryable: true });

  test("fixed waits are all the same", () => {
    expect(waits("{attempts: 4, backoff: fixed, initial: 2}", busy)).toEqual([2000, 2000, 2000]);
  });

  test("growing waits are full jitter below a doubling cap, and a repeat draws the same", () => {
    const drawn = waits("{attempts: 12, initial: 1, max: 8}", busy);
    drawn.forEach((wait, i) => expect(wait).toBeLessThanOrEqual(Math.min(8000, 1000 * 2 ** i)));
    expect(new Set(drawn).size).toBe(11);
    expect(waits("{attempts: 12, initial: 1, max: 8}", busy)).toEqual(drawn);
  });

  test("two runs that fail together do not come back together", () => {
    const firsts = Array.from({ length: 50 }, (_, i) => waits("{attempts: 2, initial: 60}", busy, `run_${i}`)[0]);
    expect(new Set(firsts).size).toBeGreaterThan(45);
  });

  test("a wait that the server asks for is the least, and ten minutes the most", () => {
    const [asked] = waits("{attempts: 2}", fails("BUSY", { retryable: true, retryAfterMs: 30_000 }));
    expect(asked).toBeGreaterThanOrEqual(30_000);
    expect(asked).toBeLessThanOrEqual(33_000);
    const [long] = waits("{attempts: 2}", fails("BUSY", { retryable: true, retryAfterMs: 10 ** 9 }));
    expect(long).toBeLessThanOrEqual(660_000);
  });

  test("what failed attempts used counts for the task and the run", () => {
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
    const world = runs(one("3"), {
      does: { a: attempts({ ...busy, usage } as TaskOutcome, { ...done(1), usage } as TaskOutcome) },
    });
    expect(world.state.usage.total_tokens).toBe(4);
  });

  test("a retried task is dispatched anew, and a report of the attempt before decides nothing", () => {
    const world = new World(one("2"), { does: { a: HOLD } }).start();
    world.input({ type: "task_reported", scope: "root", node: "a", attempt: 1, outcome: busy });
    expect([...world.state.owed.keys()]).toEqual(["root/a#2@due"]);
    expect(world.input({ type: "task_reported", scope: "root", node: "a", attempt: 1, outcome: done(1) })).toEqual([]);
    expect(world.input({ type: "task_reported", scope: "root", node: "a", attempt: 2, outcome: done(1) })).toEqual([]);
    world.fire("root/a#2@due");
    expect([...world.state.owed.keys()]).toEqual(["root/a#2"]);
    world.input({ type: "task_reported", scope: "root", node: "a", attempt: 2, outcome: done("late") });
    expect(world.output).toEqual({ a: "late" });
  });

  test("a parked task holds no attempt: it is dispatched again with the same id", () => {
    const world = new World(one("1"), { does: { a: HOLD } }).start();
    const until = world.now + 5000;
    const parked = { type: "parked", until, reason: "breaker open" } as const;
    world.input({ type: "task_reported", scope: "root", node: "a", attempt: 1, outcome: parked });
    expect(world.nextTimer()).toEqual({ type: "arm_timer", id: "root/a#1@due", dueAt: until });
    expect(world.input({ type: "task_reported", scope: "root", node: "a", attempt: 1, outcome: parked })).toEqual([]);
    world.fire("root/a#1@due");
    expect([...world.state.owed.keys()]).toEqual(["root/a#1"]);
    world.input({ type: "task_reported", scope: "root", node: "a", attempt: 1, outcome: done(1) });
    expect(world.state.status).toBe("succeeded");
  });
});
