import { Payload, type Decision, type RunEvent } from "@weftwork/core";
import { expect, test } from "vitest";
import { isWanted, mayTell, newsOf, positionOf } from "./events.ts";

const created = (more: object = {}): RunEvent => ({
  type: "run_created",
  runId: "r",
  tenant: "t",
  workflow: "w",
  version: "1.0.0",
  hash: "h",
  pins: {},
  inputs: Payload.of({}),
  seed: 1,
  priority: "normal",
  metadata: {},
  waits: null,
  rerunOf: null,
  batch: null,
  ...more,
});
const at = (time: number, ...events: readonly RunEvent[]): Decision => ({ at: time, causes: [], events });
const waiting = (node: string): RunEvent => ({
  type: "task_waiting",
  scope: "root",
  node,
  waiting: { type: "signal", name: "go" },
  dueAt: null,
});
const done = (node: string): RunEvent => ({
  type: "task_completed",
  scope: "root",
  node,
  attempt: 1,
  output: Payload.of(1),
});
const over: RunEvent = { type: "run_completed", output: Payload.of({}) };
const types = (...decisions: readonly Decision[]): readonly string[] => newsOf(1, decisions).map(({ type }) => type);

test("a run starts with its creation, or later where it waits for its time, its place, or what a rerun takes over", () => {
  expect(types(at(1, created()))).toEqual(["run.started"]);
  for (const more of [
    { waits: { type: "time", until: 9 } },
    { waits: { type: "slot", key: "k" } },
    { rerunOf: { runId: "o", scope: "root", node: "a" } },
  ])
    expect(types(at(1, created(more)))).toEqual([]);
  expect(types(at(1, { type: "run_started" }))).toEqual(["run.started"]);
});

test("all that one row holds is told in order, with the time of its own decision", () => {
  const news = newsOf(3, [at(5, created()), at(7, done("a"), over)]);
  expect(news.map(({ type, at: time }) => [type, time])).toEqual([
    ["run.started", 5],
    ["run.succeeded", 7],
  ]);
  const positions = news.map(positionOf);
  expect(positions[0]).toBeLessThan(positions[1]!);
  expect(positionOf({ seq: 2, type: "run.succeeded" })).toBeLessThan(positions[0]!);
});

test("a pause is what waits for somebody when the row is written: not for a time, nor what was answered or ended in it", () => {
  expect(newsOf(2, [at(1, waiting("a"), waiting("b"))])[0]).toMatchObject({
    type: "run.paused",
    status: "waiting",
    waiting: [
      { step: "a", for: "signal", name: "go" },
      { step: "b", for: "signal" },
    ],
  });
  expect(types(at(1, { ...waiting("a"), waiting: { type: "time" } } as RunEvent))).toEqual([]);
  expect(types(at(1, waiting("a")), at(2, done("a")))).toEqual([]);
  expect(types(at(1, waiting("a"), over))).toEqual(["run.succeeded"]);
});

test.each([
  [["*"], "run.failed", true],
  [["run.*"], "run.failed", true],
  [["run.*"], "batch.completed", false],
  [["run.failed"], "run.failed", true],
  [["run.failed"], "run.started", false],
  [["run.fail*"], "run.failed", false],
  [[], "run.failed", false],
])("%j asks for %s: %s", (patterns, type, expected) => {
  expect(isWanted(patterns, type)).toBe(expected);
});

test("only rows that hold the beginning or end of a run, or a wait, are taken apart", () => {
  for (const type of ["run_created", "run_started", "run_completed", "run_failed", "run_cancelled", "task_waiting"])
    expect([type, mayTell(`1[{"at":1,"events":[{"type":"${type}"}]}]`)]).toEqual([type, true]);
  expect(mayTell('1[{"at":1,"events":[{"type":"task_completed","node":"run_"}]}]')).toBe(false);
});
