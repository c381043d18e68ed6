import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { columnsOf, cut, duration, lastLines, tail } from "./terminal.ts";

describe("columns of a terminal", () => {
  test.each([
    ["abc", 3],
    ["步骤", 4],
    ["ｗｅ", 4],
    ["한글", 4],
    ["e\u0301", 1],
    ["🙂", 2],
    ["𠀀", 2],
    ["─│✓", 3],
    ["", 0],
  ])("%j takes %i", (text, columns) => {
    expect(columnsOf(text)).toBe(columns);
  });

  test("what is cut, or is the end of a text, fits and holds no control character", () => {
    const text = fc.string({ unit: "grapheme" });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), (one, columns) => {
        expect(columnsOf(cut(one, columns))).toBeLessThanOrEqual(columns);
        expect(columnsOf(tail(one, columns))).toBeLessThanOrEqual(columns);
        for (const line of lastLines(one, columns, 3)) expect(columnsOf(line)).toBeLessThanOrEqual(columns);
        expect(cut(`\u001b[2J${one}`, columns)).not.toContain("\u001b");
      }),
    );
  });

  test("a text that fits is not cut, and a cut one ends with an ellipsis", () => {
    expect(cut("abcd", 4)).toBe("abcd");
    expect(cut("abcde", 4)).toBe("abc…");
    expect(cut("步骤步骤", 6)).toBe("步骤…");
  });

  test("the last lines are broken at the width and leave out empty ones", () => {
    expect(lastLines("one\n\ntwo three\n", 5, 2)).toEqual(["two t", "hree"]);
    expect(lastLines("步骤步骤", 4, 5)).toEqual(["步骤", "步骤"]);
    expect(lastLines("text", 1, 5)).toEqual([]);
  });

  test.each([
    [38, "38 ms"],
    [2400, "2.4 s"],
    [185_000, "3 min 05 s"],
    [7_800_000, "2 h 10 min"],
  ])("%i ms read %s", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});
