import { AppError, failureOf, Payload, type Decision, type RunEvent } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { judgeEffects } from "./check-effects.ts";
import { judgeAccepted, judgeFence, judgeResults, judgeRows, judgeSignals } from "./check-rows.ts";
import { judgeRecovery, judgeTimers } from "./check-time.ts";
import type { Evidence, Violation } from "./evidence.ts";
import type { RecordedRow, RecordedRun } from "./record-reader.ts";

/** The checker finds what is planted, and nothing where nothing is. */
const T0 = 1_000_000;

const done = (node: string, call: number, attempt = 1): RunEvent => ({
  type: "task_completed",
  scope: "root",
  node,
  attempt,
  output: Payload.of({ body: { call } }),
});
const END: RunEvent = { type: "run_completed", output: Payload.of({}) };
const BEGIN = { type: "run_created", runId: "r" } as unknown as RunEvent;

function row(seq: number, epoch: number, at: number, ...events: readonly RunEvent[]): RecordedRow {
  const decisions: readonly Decision[] = [{ at, causes: [], events }];
  return { seq, epoch, body: "", decisions };
}

const GOOD = [
  row(1, 1, T0, BEGIN),
  row(2, 1, T0 + 100, done("a", 1)),
  row(3, 2, T0 + 15_000, done("b", 3)),
  row(4, 2, T0 + 15_010, END),
];
const run = (rows: readonly RecordedRow[], rest: Partial<RecordedRun> = {}): RecordedRun => ({
  key: 1,
  id: "r",
  tenant: "default",
  workflow: "chain",
  status: "succeeded",
  errorCode: null,
  epoch: 2,
  isOwned: false,
  hasEnded: true,
  rows,
  snapshot: null,
  ...rest,
});
const call = (id: number, node: string, at: number, read: number | null) => ({ id, key: `r/root/${node}#1`, at, read });
const CALLS = [call(1, "a", T0 + 50, null), call(2, "b", T0 + 200, 1), call(3, "b", T0 + 14_000, 1)];
const EVIDENCE: Evidence = {
  database: "",
  workflows: {},
  accepted: [{ id: "r", workflow: "chain", at: T0 }],
  signals: [],
  calls: CALLS,
  faults: [{ kind: "kill", what: "owner-1", at: T0 + 300, until: T0 + 300 }],
  hits: [{ run: "r", at: T0 + 300, held: "task", process: "owner-1" }],
  marks: [{ run: "r", epoch: 2, seq: 2 }],
};

function found(runs: readonly RecordedRun[], evidence: Evidence = EVIDENCE): readonly string[] {
  const violations: Violation[] = [];
  judgeAccepted(runs, evidence, violations);
  for (const one of runs) {
    judgeRows(one, violations);
    judgeFence(one, evidence, violations);
    judgeResults(one, evidence, violations);
  }
  judgeSignals(runs, evidence, violations);
  judgeEffects(runs, evidence, violations);
  judgeRecovery(runs, evidence, violations);
  judgeTimers(runs, evidence, violations);
  return violations.map(({ invariant, what }) => `${invariant} ${what}`);
}

test("a run that was met by a kill and went on well is judged well", () => {
  expect(found([run(GOOD)])).toEqual([]);
});

const timer: RunEvent = {
  type: "task_waiting",
  scope: "root",
  node: "w",
  waiting: { type: "time" },
  dueAt: T0 + 5000,
};

const END_ROW = row(4, 2, T0 + 70_010, END);
const woken: RunEvent = { type: "task_completed", scope: "root", node: "w", attempt: 1, output: Payload.of({}) };

test("a run may stand still for as long as the row of the table allows", () => {
  const late = run([...GOOD.slice(0, 2), row(3, 2, T0 + 40_000, done("b", 3)), row(4, 2, T0 + 40_010, END)]);
  expect(found([late], { ...EVIDENCE, recoveryMs: 40_000 })).toEqual([]);
});

describe("a timer that falls due while everything is away counts from its end", () => {
  const away = [{ kind: "kill", what: "all", at: T0 + 300, until: T0 + 60_000 }] as const;
  const fired = (at: number): readonly RecordedRun[] => [
    run([row(1, 1, T0, BEGIN, timer), GOOD[1]!, row(3, 2, at, woken, done("b", 3)), row(4, 2, at + 10, END)]),
  ];
  test.each([
    [T0 + 85_000, []],
    [T0 + 95_000, ["I11 the timer of root/w fired 35000 ms late"]],
  ])("at %d: %j", (at, expected) => {
    const evidence = { ...EVIDENCE, faults: away, recoveryMs: 100_000 };
    expect(found(fired(at), evidence)).toEqual(expected);
  });
});

test("a timer counts from its due time where only one process stood still", () => {
  const faults = [{ kind: "stop", what: "owner-1", at: T0 + 300, until: T0 + 60_000 }] as const;
  const late = run([row(1, 1, T0, BEGIN, timer), GOOD[1]!, row(3, 2, T0 + 70_000, woken, done("b", 3)), END_ROW]);
  expect(found([late], { ...EVIDENCE, faults, recoveryMs: 100_000 })).toEqual([
    "I11 the timer of root/w fired 65000 ms late",
  ]);
});

describe("of a run that does several steps together, those under way at a kill may be repeated", () => {
  const again = (nodes: readonly string[], from: number, firstId: number): Evidence["calls"] =>
    nodes.map((node, at) => call(firstId + at, node, from + at, null));
  const wide = (nodes: readonly string[], firstId: number): readonly RecordedRun[] => [
    run([
      row(1, 1, T0, BEGIN),
      ...nodes.map((node, at) => row(2 + at, 2, T0 + 15_000 + at, done(node, firstId + at))),
      row(2 + nodes.length, 2, T0 + 15_100, END),
    ]),
  ];
  const nodes = ["a", "b", "c"];
  const judged = (under: readonly string[]): readonly string[] => {
    const after = nodes.filter((node) => !under.includes(node));
    // What begins behind the kill, in the process that took over, is felt twice there.
    const calls = [
      ...again(under, T0 + 50, 1),
      ...again(after, T0 + 13_000, 1 + under.length),
      ...again(nodes, T0 + 14_000, 4),
    ];
    const faults = [{ ...EVIDENCE.faults[0]!, until: T0 + 14_500 }];
    return found(wide(nodes, 4), { ...EVIDENCE, calls, faults, marks: [] });
  };
  test.each([
    [["a", "b", "c"], []],
    [["a", "b"], ["I5 3 calls were repeated, and 2 were under way at the faults"]],
    [["a"], ["I5 3 calls were repeated, and 1 were under way at the faults"]],
    [[], ["I5 3 calls were repeated, and 1 were under way at the faults"]],
  ])("%j were under way of three that were repeated: %j", (under, expected) => {
    expect(judged(under)).toEqual(expected);
  });
});

test("what was recorded before the kill is not under way at it", () => {
  const calls = [...CALLS, call(4, "b", T0 + 14_100, 1)];
  const faults = [{ ...EVIDENCE.faults[0]!, until: T0 + 14_500 }];
  expect(found([run(GOOD)], { ...EVIDENCE, calls, faults })).toEqual([
    "I5 2 calls were repeated, and 1 were under way at the faults",
  ]);
});

test.each([
  ["may have been handed to the process that was killed", T0 + 200, []],
  ["would stand in the store by then", T0 - 1300, ["I5 1 calls were repeated, and 0 were under way at the faults"]],
])("a step of another's run that %s", (_, firstAt, expected) => {
  const calls = [CALLS[0]!, call(2, "b", firstAt, null), CALLS[2]!];
  expect(found([run(GOOD)], { ...EVIDENCE, calls, hits: [], marks: [] })).toEqual(expected);
});

describe("a run that must fail", () => {
  const failed = (type: "task_retried" | "task_failed", attempt: number): RunEvent =>
    ({
      ...({ type, scope: "root", node: "c", attempt, failure: failureOf(new AppError("STEP_TIMEOUT")) } as const),
      ...(type === "task_retried" ? { dueAt: T0 + 500 } : {}),
    }) as RunEvent;
  const rows = [...GOOD.slice(0, 3), row(4, 2, T0 + 15_010, failed("task_retried", 1), failed("task_failed", 2), END)];
  const ended = run(rows, { status: "failed", errorCode: "STEP_TIMEOUT" });
  test.each<readonly [string, RecordedRun, code: string, attempts: number, readonly string[]]>([
    ["did, for its reason", ended, "STEP_TIMEOUT", 2, []],
    ["had fewer attempts", ended, "STEP_TIMEOUT", 3, ["I3 2 attempts failed, and 3 were to"]],
    [
      "did for another reason",
      ended,
      "STEP_FAILED",
      2,
      ["I1 ended as failed (STEP_TIMEOUT), and was to fail with STEP_FAILED"],
    ],
    ["succeeded", run(GOOD), "STEP_TIMEOUT", 0, ["I1 ended as succeeded (null), and was to fail with STEP_TIMEOUT"]],
  ])("%s", (_, one, code, attempts, expected) => {
    expect(found([one], { ...EVIDENCE, failing: { r: { code, attempts } } })).toEqual(expected);
  });
});

describe("planted", () => {
  test.each<{
    readonly fact: string;
    readonly runs?: readonly RecordedRun[];
    readonly given?: Partial<Evidence>;
    readonly says: string;
  }>([
    { fact: "a lost run", runs: [], given: { calls: [] }, says: "I1 was accepted and is lost" },
    {
      fact: "a run that does not end",
      runs: [run(GOOD.slice(0, 3), { hasEnded: false, status: "running" })],
      says: "I1 has not ended",
    },
    { fact: "a failed run", runs: [run(GOOD, { status: "failed" })], says: "I1 ended as failed" },
    {
      fact: "a gap",
      runs: [run([GOOD[0]!, GOOD[1]!, { ...GOOD[2]!, seq: 4 }, { ...GOOD[3]!, seq: 5 }])],
      says: "I2 row 4 stands at place 3",
    },
    {
      fact: "an epoch that falls",
      runs: [run([...GOOD.slice(0, 3), { ...GOOD[3]!, epoch: 1 }])],
      says: "I2 the epoch falls",
    },
    {
      fact: "an event behind the end",
      runs: [run([...GOOD, row(5, 2, T0 + 15_020, done("c", 4))])],
      says: "I2 task_completed stands behind the end",
    },
    {
      fact: "two successes",
      runs: [run([...GOOD.slice(0, 2), row(3, 2, T0 + 15_000, done("a", 3, 2)), GOOD[3]!])],
      says: "I3 root/a succeeds twice",
    },
    {
      fact: "a stale row",
      runs: [run([...GOOD.slice(0, 2), { ...GOOD[2]!, epoch: 1 }, { ...GOOD[3]!, epoch: 1 }])],
      says: "I4 row 3 of epoch 1 came after 2 was granted",
    },
    {
      fact: "a recorded step that is done again",
      given: { calls: [...CALLS, call(4, "a", T0 + 20_000, null)] },
      says: "I5 r/root/a#1 was called again",
    },
    { fact: "a repeat without a fault", given: { faults: [] }, says: "I5 r/root/b#1 was called again without a fault" },
    {
      fact: "a result of nothing",
      given: { calls: CALLS.slice(0, 2) },
      says: "I5 r/root/b#1 has the result of call 3",
    },
    {
      fact: "a step that began too early",
      given: { calls: [CALLS[0]!, { ...CALLS[1]!, at: T0 + 60 }, CALLS[2]!] },
      says: "I5 r/root/b#1 began before what it reads",
    },
    {
      fact: "a value that nobody recorded",
      given: { calls: [...CALLS.slice(0, 2), { ...CALLS[2]!, read: 9 }] },
      says: "I3 r/root/b#1 has read call 9",
    },
    {
      fact: "a run that stands still",
      runs: [run([...GOOD.slice(0, 2), row(3, 2, T0 + 40_000, done("b", 3)), row(4, 2, T0 + 40_010, END)])],
      says: "I13 stood still for 39700 ms",
    },
    {
      fact: "a signal that is lost",
      given: { signals: [{ run: "r", id: "go" }] },
      says: "I8 the signal go is recorded 0 times",
    },
    {
      fact: "a timer that is early",
      runs: [run([row(1, 1, T0, BEGIN, timer), row(2, 2, T0 + 100, done("a", 1), done("w", 0)), ...GOOD.slice(2)])],
      says: "I11 the timer of root/w fired 4900 ms early",
    },
  ])("$fact is found", ({ runs = [run(GOOD)], given = {}, says }) => {
    expect(found(runs, { ...EVIDENCE, ...given }).join("\n")).toContain(says);
  });
});
