import { describe, expect, it } from "vitest";
import { compare, lineDiff, valueAt } from "./difference.ts";
import { junit } from "./junit.ts";
import { differenceLines, plain, summaryLine } from "./report.ts";
import type { CaseResult } from "./run-cases.ts";

describe("a comparison", () => {
  it.each([
    ["equal values", { a: [1, { b: "x" }] }, { a: [1, { b: "x" }] }, true, []],
    ["a member that is not named, in part", { a: 1 }, { a: 1, b: 2 }, true, []],
    ["a member that is not named, exactly", { a: 1 }, { a: 1, b: 2 }, false, ["o.b"]],
    ["a member that is missing", { a: 1, "b c": 2 }, { a: 1 }, true, ['o["b c"]']],
    ["a value deep inside", { a: [{ b: 1 }, { b: 2 }] }, { a: [{ b: 1 }, { b: 3 }] }, true, ["o.a[1].b"]],
    ["a list that is longer", { a: [1] }, { a: [1, 2] }, true, ["o.a"]],
    ["null for a map", { a: {} }, { a: null }, true, ["o.a"]],
    ["text for a number", { a: 1 }, { a: "1" }, true, ["o.a"]],
  ])("of %s", (_fact, expected, actual, partial, paths) => {
    expect(compare("o", expected, actual, partial).map(({ path }) => path)).toEqual(paths);
  });

  it("of very different values tells twenty differences", () => {
    const list = Array.from({ length: 100 }, (_, i) => i);
    expect(
      compare(
        "o",
        list,
        list.map((n) => n + 1),
        true,
      ),
    ).toHaveLength(20);
  });
});

describe("a path", () => {
  it.each([
    ["a.b", 1],
    ["list[1].x", "two"],
    ['["odd name"]', true],
    ["a.c", undefined],
    ["list[7].x", undefined],
  ])("%s leads to %j", (path, value) => {
    expect(valueAt({ a: { b: 1 }, list: [0, { x: "two" }], "odd name": true }, path)).toBe(value);
  });
});

describe("a difference of texts", () => {
  it("is told by its lines", () => {
    expect(lineDiff("a\nb\nc", "a\nx\nc").map(({ type, text }) => `${type[0]} ${text}`)).toEqual([
      "s a",
      "e b",
      "a x",
      "s c",
    ]);
  });

  it("shows a few lines around it, and blanks at the end of a line", () => {
    const lines = ["1", "2", "3", "4", "5", "6", "7"];
    const actual = [...lines.slice(0, 5), "6 ", "7"].join("\n");
    const shown = differenceLines({ path: "t", message: null, expected: lines.join("\n"), actual }, plain);
    expect(shown.map((line) => line.trim())).toEqual(["t", "…", "4", "5", "- 6", "+ 6·", "7"]);
  });

  it("of one line is told by both values", () => {
    expect(differenceLines({ path: "t", message: "why", expected: "a", actual: "b" }, plain)).toEqual([
      "t: why",
      '  - expected  "a"',
      '  + actual    "b"',
    ]);
  });
});

describe("a report", () => {
  const failed: CaseResult = {
    name: 'says "<no>"',
    line: 3,
    passed: false,
    differences: [{ path: "status", message: "a & b\u0001", expected: "succeeded", actual: "failed" }],
    durationMs: 12,
    skippedMs: 0,
    run: null,
    calls: {},
  };

  it("of JUnit is XML whatever the texts hold", () => {
    const xml = junit([{ file: "a.test.yaml", cases: [failed], mistake: null }]);
    expect(xml).toContain('<testcase name="says &quot;&lt;no&gt;&quot;" classname="a.test.yaml" time="0.012">');
    expect(xml).toContain('<failure message="status: a &amp; b\ufffd">');
    expect(xml).toContain('tests="1" failures="1" errors="0"');
  });

  it("of JUnit has an error for a file with mistakes", () => {
    expect(junit([{ file: "a", cases: [], mistake: "line 1" }])).toContain(">line 1</error>");
  });

  it("ends with what failed first", () => {
    const totals = { files: 2, passed: 3, failed: 1, broken: 0, leftOut: 2, durationMs: 1500, skippedMs: 7_200_000 };
    expect(summaryLine(totals, plain)).toBe(
      "1 failed, 3 passed, 2 left out in 2 files, 1.5 s, skipped 2h 0m of waiting",
    );
  });
});
