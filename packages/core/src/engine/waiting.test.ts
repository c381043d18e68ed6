import { describe, expect, test } from "vitest";
import { Payload } from "../base/payload.ts";
import type { Input } from "./input.ts";
import { done, fails, HOLD, runs, World } from "./run.testing.ts";
import { waitingFor } from "./waiting-for.ts";

function signal(id: string, value: unknown = null, name = "go"): Input {
  return { type: "signal_received", id, name, payload: Payload.of(value) };
}
function decision(approved: boolean, node = "ask", scope = "root"): Input {
  return { type: "approval_decided", id: `d${approved}`, scope, node, approved, by: "ann", form: { note: "n" } };
}
const CANCEL: Input = { type: "cancel_requested", reason: "enough" };

describe("approval", () => {
  const ASK = `
name: x
steps:
  - {id: ask, type: approval, title: "Pay {{ inputs.sum }}?", assignees: ["{{ inputs.boss }}"], timeout: 60}
  - {id: plain, type: template, template: plain, depends_on: [ask]}
  - {id: yes, type: template, template: "{{ steps.ask.output.by }}", depends_on: [ask.approved]}
  - {id: no, type: template, template: no, depends_on: [ask.rejected]}`;
  const LATE = "\n  - {id: late, type: template, template: late, depends_on: [ask.timeout]}";
  const inputs = { sum: 5, boss: "ann" };

  test("asks with its title and people, and waits", () => {
    const world = runs(ASK.replace(", timeout: 60", ""), { inputs });
    expect(world.types("task_waiting")).toMatchObject([
      { waiting: { type: "approval", title: "Pay 5?", assignees: ["ann"] }, dueAt: null },
    ]);
    expect(waitingFor(world.state)).toEqual({
      code: "approval",
      message: "step ask waits for a person: Pay 5?",
      scope: "root",
      node: "ask",
      until: null,
    });
  });

  test("approved leaves by approved and by the plain edge", () => {
    const world = new World(ASK, { inputs }).start();
    world.input(decision(true));
    expect(world.valueOf("ask")).toEqual({ decision: "approved", by: "ann", form: { note: "n" } });
    expect(world.withdrawn).toEqual(["root/ask#1@due"]);
    expect(world.run().output).toEqual({ plain: "plain", yes: "ann" });
  });

  test("rejected leaves by rejected only", () => {
    const world = new World(ASK, { inputs }).start();
    world.input(decision(false));
    expect(world.run().output).toEqual({ no: "no" });
  });

  test("the first answer counts", () => {
    const world = new World(ASK, { inputs }).start();
    world.input(decision(false));
    expect(world.input(decision(true))).toEqual([]);
  });

  test("nobody answers: it leaves by timeout where an edge does", () => {
    expect(runs(ASK + LATE, { inputs }).output).toEqual({ late: "late" });
  });

  test("nobody answers and no edge leaves by timeout: it fails", () => {
    const world = runs(ASK, { inputs });
    expect(world.state.failure?.code).toBe("WAIT_TIMEOUT");
  });

  test("an answer after its timeout decides nothing", () => {
    const world = new World(ASK + LATE, { inputs }).start();
    world.fire("root/ask#1@due");
    expect(world.input(decision(true))).toEqual([]);
  });

  test("an answer for a step that does not wait, or is no approval, decides nothing", () => {
    const world = new World("name: x\nsteps: [{id: ask, type: wait, signal: go}]").start();
    expect(world.input(decision(true))).toEqual([]);
    expect(world.input(decision(true, "other"))).toEqual([]);
    expect(world.input(decision(true, "ask", "each[7]"))).toEqual([]);
  });
});

describe("wait", () => {
  test.each([
    ["for: 90", 90_000],
    ["for: 1h30m", 5_400_000],
    [`for: "{{ inputs.seconds }}"`, 7000],
    [`until: "2023-11-14T22:14:00Z"`, 40_000],
    [`until: "2023-11-15T00:14:00+02:00"`, 40_000],
    [`until: "2023-11-14 22:14:00"`, 40_000],
    [`until: "{{ inputs.time }}"`, 60_000],
  ])("%s", (on, ms) => {
    const world = new World(`name: x\nsteps: [{id: w, type: wait, ${on}}, {id: a, type: worker, depends_on: [w]}]`, {
      inputs: { seconds: 7, time: 1_700_000_060 },
    }).start();
    expect(world.nextTimer()?.dueAt).toBe(world.now + ms);
    expect(waitingFor(world.state)).toMatchObject({ code: "time", node: "w", until: world.now + ms });
    expect(world.run().state.status).toBe("succeeded");
  });

  test("a time that has passed is due at once", () => {
    const world = new World(`name: x\nsteps: [{id: w, type: wait, until: "2020-01-01"}]`).start();
    expect(world.nextTimer()!.dueAt).toBeLessThan(world.now);
  });

  test.each([`for: "{{ inputs.bad }}"`, `until: "{{ inputs.bad }}"`, `until: "{{ inputs.huge }}"`])(
    "%s that is none fails the step",
    (on) => {
      const world = runs(`name: x\nsteps: [{id: w, type: wait, ${on}}]`, {
        inputs: { bad: "2026-02-30", huge: 1e300 },
      });
      expect(world.state.failure?.code).toBe("STEP_FAILED");
    },
  );

  const WAIT = `
name: x
steps:
  - {id: w, type: wait, signal: go, timeout: 60}
  - {id: got, type: worker, input: "{{ steps.w.output }}", depends_on: [w]}
  - {id: late, type: template, template: late, depends_on: [w.timeout]}`;

  test("a signal ends it and is its value", () => {
    const world = new World(WAIT).start();
    expect(waitingFor(world.state)).toMatchObject({ code: "signal", message: "step w waits for the signal go" });
    world.input(signal("s1", { x: 1 }));
    expect(world.run().output).toEqual({ got: { x: 1 } });
  });

  test("a signal of another name does not", () => {
    const world = new World(WAIT).start();
    world.input(signal("s1", 1, "other"));
    expect(waitingFor(world.state)?.code).toBe("signal");
  });

  test("one that came before the wait is kept for it, and after a recovery rules can read it", () => {
    const world = new World(
      `
name: x
steps:
  - {id: a, type: worker}
  - {id: w, type: wait, signal: go, depends_on: [a]}
  - {id: b, type: template, template: "early", when: steps.w.output | length > 300}`,
      { does: { a: HOLD } },
    ).start();
    world.input(signal("s1", "x".repeat(301)));
    world.recover();
    world.input({ type: "task_reported", scope: "root", node: "a", attempt: 1, outcome: done(1) });
    expect(world.run().output).toEqual({ b: "early" });
  });

  test("one that came before the run began is kept too", () => {
    const world = new World(WAIT, { waits: { type: "slot", key: "k" } }).start();
    world.input(signal("s1", "early"));
    world.input({ type: "slot_granted" });
    expect(world.run().output).toEqual({ got: "early" });
  });

  test("each signal ends one wait, in the order they came", () => {
    const world = new World(`
name: x
steps:
  - {id: a, type: wait, signal: go}
  - {id: b, type: wait, signal: go}
  - {id: c, type: wait, signal: go, depends_on: [a]}`).start();
    for (const n of [1, 2, 3]) world.input(signal(`s${n}`, n));
    expect(world.valueOf("a")).toBe(1);
    expect(world.output).toEqual({ b: 2, c: 3 });
  });

  test("the same signal twice is once, by its id", () => {
    const world = new World(`
name: x
steps: [{id: a, type: wait, signal: go}, {id: b, type: wait, signal: go}]`).start();
    world.input(signal("s1"));
    expect(world.input(signal("s1"))).toEqual([]);
    world.recover();
    expect(world.input(signal("s1"))).toEqual([]);
    expect(world.statusOf("b")).toBe("waiting");
  });

  test.each(["signal first", "timeout first"])("of signal and timeout at one moment exactly one wins: %s", (first) => {
    const world = new World(WAIT).start();
    world.now += 60_000;
    const inputs: Input[] = [signal("s1", "won"), { type: "timer_fired", timer: "root/w#1@due" }];
    for (const input of first === "signal first" ? inputs : inputs.toReversed()) world.input(input);
    expect(world.types("task_completed")).toHaveLength(1);
    expect(world.types("task_completed")[0]).toMatchObject(
      first === "signal first" ? { node: "w", signal: "s1" } : { node: "w", handle: "timeout" },
    );
    expect(world.run().output).toEqual(first === "signal first" ? { got: "won" } : { late: "late" });
  });

  test("without an edge for it the timeout is a failure", () => {
    const world = runs("name: x\nsteps: [{id: w, type: wait, signal: go, timeout: 1, on_error: {default: none}}]");
    expect(world.output).toEqual({ w: "none" });
  });

  test("after the end a signal decides nothing", () => {
    const world = runs("name: x\nsteps: [{id: a, type: worker}]");
    expect(world.input(signal("s1"))).toEqual([]);
  });

  test("a wait in an item ends with the failure of its sibling, and its timer with it", () => {
    const world = runs(
      `
name: x
steps:
  - id: each
    type: for_each
    items: [1, 2]
    on_error: continue
    steps:
      - {id: w, type: wait, signal: go, timeout: 60, when: item == 1}
      - {id: a, type: worker, when: item == 2}`,
      { does: { a: fails() } },
    );
    expect(world.state.status).toBe("succeeded");
    expect(world.withdrawn).toContain("each[0]/w#1@due");
    expect(world.state.waiting.size).toBe(0);
  });
});

describe("time limits of the run", () => {
  test("its timeout fails it and withdraws all that is owed", () => {
    const world = runs("name: x\ntimeout: 30\nsteps: [{id: a, type: worker}, {id: w, type: wait, for: 60}]", {
      does: { a: HOLD },
    });
    expect(world.state.failure).toMatchObject({ code: "RUN_TIMEOUT", details: { timeoutMs: 30_000 } });
    expect(world.withdrawn.toSorted()).toEqual(["root/a#1", "root/w#1@due", "run@timeout"]);
    expect(world.statusOf("a")).toBe("cancelled");
  });

  test("it counts from the start of the run, not from its submission", () => {
    const waits = { type: "time", until: 1_700_000_500_000 } as const;
    const world = new World("name: x\ntimeout: 30\nsteps: [{id: a, type: worker}]", {
      waits,
      does: { a: HOLD },
    }).start();
    world.fire("run@start");
    expect(world.nextTimer()?.dueAt).toBe(1_700_000_530_000);
  });

  test("a timer that fires after the task it belonged to decides nothing", () => {
    const world = new World(
      "name: x\nsteps: [{id: w, type: wait, signal: go, timeout: 9}, {id: v, type: wait, signal: x}]",
    );
    world.start().input(signal("s1"));
    expect(world.fire("root/w#1@due")).toEqual([]);
    expect(world.fire("run@timeout")).toEqual([]);
  });
});

describe("cancel", () => {
  const phases: readonly (readonly [string, () => World])[] = [
    ["while it waits for a slot", () => new World(A, { waits: { type: "slot", key: "k" } }).start()],
    ["while it waits for its time", () => new World(A, { waits: { type: "time", until: 2e12 } }).start()],
    ["while a task runs", () => new World(A, { does: { a: HOLD } }).start()],
    ["while a retry waits", () => retrying()],
    ["while a wait waits", () => runs("name: x\nsteps: [{id: a, type: wait, signal: go}]")],
    ["while an approval waits", () => new World("name: x\nsteps: [{id: a, type: approval, timeout: 9d}]").start()],
    ["in an item", () => runs(EACH, { does: { a: HOLD } })],
    [
      "in a nested workflow",
      () => runs("name: x\nsteps: [{id: c, type: workflow, workflow: i}]", { nested: { i: A }, does: { a: HOLD } }),
    ],
  ];

  test.each(phases)("%s: one final state, nothing owed, nothing more", (_, make) => {
    const world = make();
    const owed = [...world.state.owed.keys()];
    world.withdrawn.length = 0;
    expect(world.input(CANCEL).map((event) => event.type)).toEqual(["run_cancelled"]);
    expect(world.state).toMatchObject({
      status: "cancelled",
      failure: { code: "RUN_CANCELLED", details: { reason: "enough" } },
    });
    expect(world.withdrawn.toSorted()).toEqual(owed.toSorted());
    for (const id of owed) {
      const [, scope, node] = /^(.*)\/([^/]+)#1$/.exec(id) ?? [];
      if (!scope || !node) continue;
      expect(world.input({ type: "task_reported", scope, node, attempt: 1, outcome: done(1) })).toEqual([]);
    }
    expect(waitingFor(world.state)).toBe(null);
  });

  test("at the moment of the last step's end: whichever comes first", () => {
    const world = new World(A, { does: { a: HOLD } }).start();
    world.input({ type: "task_reported", scope: "root", node: "a", attempt: 1, outcome: done(1) });
    expect(world.input(CANCEL)).toEqual([]);
    expect(world.state.status).toBe("succeeded");
  });

  test("an owner that gives the run up records why", () => {
    const world = new World(A, { does: { a: HOLD } }).start();
    world.input({
      type: "run_refused",
      failure: { code: "RUN_QUARANTINED", message: "five crashes", retryable: false },
    });
    expect(world.state).toMatchObject({ status: "failed", failure: { code: "RUN_QUARANTINED" }, failedAt: null });
  });

  const A = "name: x\nsteps: [{id: a, type: worker}]";
  const EACH = "name: x\nsteps: [{id: e, type: for_each, items: [1, 2, 3], steps: [{id: a, type: worker}]}]";
  function retrying(): World {
    const world = new World(A).start();
    const outcome = fails("BUSY", { retryable: true });
    world.input({ type: "task_reported", scope: "root", node: "a", attempt: 1, outcome });
    return world;
  }
});

describe("what a run waits for", () => {
  test("a slot", () => {
    const world = new World("name: x\nsteps: [{id: a, type: worker}]", { waits: { type: "slot", key: "k" } }).start();
    expect(waitingFor(world.state)).toMatchObject({ code: "slot", message: "another run holds the concurrency key k" });
  });

  test("its time", () => {
    const until = 1_700_000_060_000;
    const world = new World("name: x\nsteps: [{id: a, type: worker}]", { waits: { type: "time", until } }).start();
    expect(waitingFor(world.state)).toMatchObject({ code: "start_time", until });
  });

  test("nothing, while any task is being done", () => {
    const world = new World("name: x\nsteps: [{id: a, type: worker}, {id: w, type: approval}]", { does: { a: HOLD } });
    expect(waitingFor(world.start().state)).toBe(null);
  });

  test("a retry, and not the time limit of the container around it", () => {
    const world = new World(
      "name: x\nsteps: [{id: e, type: for_each, timeout: 1, items: [1], steps: [{id: a, type: worker}]}]",
      { does: { a: HOLD } },
    ).start();
    const outcome = fails("BUSY", { retryable: true, retryAfterMs: 30_000 });
    world.input({ type: "task_reported", scope: "e[0]", node: "a", attempt: 1, outcome });
    expect(waitingFor(world.state)).toMatchObject({ code: "retry", scope: "e[0]", node: "a" });
    expect(waitingFor(world.state)?.message).toMatch(/^step a is tried again at 20\S+Z \(attempt 2\)$/);
  });

  test("of several times the next", () => {
    const world = new World("name: x\nsteps: [{id: a, type: wait, for: 60}, {id: b, type: wait, for: 30}]").start();
    expect(waitingFor(world.state)).toMatchObject({ code: "time", node: "b" });
  });

  test("nothing, once it has ended", () => {
    expect(waitingFor(runs("name: x\nsteps: [{id: a, type: worker}]").state)).toBe(null);
  });
});
