import { expect, test } from "vitest";
import type { RunHead } from "../journal/journal.ts";
import type { HotRun } from "./hot-run.ts";
import { Probation } from "./probation.ts";

function suspects(...counts: readonly number[]): RunHead[] {
  return counts.map((crashCount, index) => ({ runKey: index, crashCount }) as RunHead);
}

function bench() {
  let now = 0;
  const probation = new Probation({ monotonic: () => now });
  const admitted = (heads: readonly RunHead[]): readonly RunHead[] => {
    const held = probation.heldBack(heads);
    return heads.filter((head) => !held.has(head));
  };
  const begin = (head: RunHead): HotRun => {
    const run = { nextSeq: 2, gone: false } as HotRun;
    probation.begins(run, head);
    return run;
  };
  return { probation, admitted, begin, pass: (ms: number) => void (now += ms) };
}

test("suspects are taken on alone, then by fours, then by sixteens; those with the fewest crashes first", () => {
  const { admitted, begin, pass } = bench();
  const heads = suspects(4, 2, 3, 2, ...Array.from({ length: 30 }, () => 3));
  expect(admitted(heads)).toEqual([heads[1]]);
  begin(heads[1]!);
  expect(admitted(heads)).toEqual([]);
  pass(1000);
  const four = admitted(heads);
  expect(four).toHaveLength(4);
  expect(four).not.toContain(heads[0]);
  for (const head of four) begin(head);
  pass(1000);
  expect(admitted(heads)).toHaveLength(16);
});

test.each([
  ["ends", (run: HotRun) => void (run.gone = true)],
  ["comes on", (run: HotRun) => void (run.nextSeq += 1)],
])("a suspect that %s has stood the test at once", (_, act) => {
  const { admitted, begin } = bench();
  const heads = suspects(2, 2, 2, 2, 2);
  const run = begin(heads[0]!);
  expect(admitted(heads)).toEqual([]);
  act(run);
  expect(admitted(heads)).toHaveLength(4);
});

test("after a while without suspects the next one is alone again; who is none is not watched", () => {
  const { admitted, begin, pass } = bench();
  const heads = suspects(2, 2, 2);
  begin(heads[0]!);
  pass(1000);
  expect(admitted(heads)).toHaveLength(3);
  pass(60_000);
  expect(admitted(heads)).toHaveLength(1);
  begin(suspects(1)[0]!);
  expect(admitted(heads)).toHaveLength(1);
});
