import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json } from "../base/json.ts";
import { checkCodeOutputs, DIFY_CODE_LIMITS } from "./code-outputs.ts";

const check = (result: Json, type: string, children: Json = null): Json => {
  try {
    return checkCodeOutputs({ x: result }, { x: { type, children } }, DIFY_CODE_LIMITS)["x"]!;
  } catch (error) {
    return `! ${(error as Error).message.replace("The step failed: ", "")}`;
  }
};

describe("an output", () => {
  test.each<[Json, string, Json]>([
    ["a", "string", "a"],
    ["a\u0000b", "string", "ab"],
    [null, "string", null],
    [5, "string", "! Output variable `x` must be a string, got int instead."],
    ["y".repeat(400_001), "string", "! The length of output variable `x` must be less than 400000 characters"],
    [5, "number", 5],
    [true, "number", 1],
    [null, "number", null],
    ["1e-5", "number", 1e-5],
    ["5", "number", "! Output variable `x` must be a number, got str instead."],
    [1e30, "number", "! Output variable `x` is out of range."],
    [true, "boolean", true],
    ["anything", "boolean", "anything"],
    [{ a: 1 }, "object", { a: 1 }],
    [null, "object", null],
    [[1], "object", "! Output variable `x` must be an object, got list instead."],
    [["a", null], "array[string]", ["a", null]],
    [["a", 1], "array[string]", "! Output variable `x[1]` must be a string, got int instead."],
    ["a", "array[string]", "! Output variable `x` must be an array, got str instead."],
    [null, "array[string]", null],
    [
      Array.from({ length: 31 }, () => "a"),
      "array[string]",
      "! The length of output variable `x` must be less than 30 elements.",
    ],
    [[1, true, 2.5], "array[number]", [1, 1, 2.5]],
    [[{ a: 1 }, null], "array[object]", [{ a: 1 }, null]],
    [["a"], "array[object]", "! Output variable `x[0]` must be an object, got str instead."],
    [[true, null], "array[boolean]", [true, null]],
    [[1], "array[boolean]", "! Output variable `x[0]` must be a boolean, got int instead."],
    ["a", "file", "! Output type file is not supported."],
  ])("%j as %s is %j", (value, type, expected) => {
    expect(check(value, type)).toEqual(expected);
  });

  test("may have children, which are checked in turn", () => {
    const children = { a: { type: "string" }, b: { type: "object", children: { c: { type: "number" } } } };
    expect(check({ a: "t", b: { c: 1 } }, "object", children)).toEqual({ a: "t", b: { c: 1 } });
    expect(check({ a: "t", b: {} }, "object", children)).toBe("! Output x.b.c is missing.");
  });

  test("of 5 levels is the deepest that Dify takes", () => {
    const nested = (levels: number): Json => (levels === 0 ? 1 : { a: nested(levels - 1) });
    expect(check(nested(3), "object")).toEqual(nested(3));
    expect(check(nested(6), "object")).toBe("! Depth limit 5 reached, object too deep.");
  });
});

describe("a result", () => {
  const declared = { a: { type: "string" } };

  test.each<[Json, string]>([
    [[1], "Result must be a dict, got list"],
    [null, "Result must be a dict, got NoneType"],
    ["x", "Result must be a dict, got str"],
    [{}, "Output a is missing."],
    [{ a: "x", b: 1 }, "Not all output parameters are validated."],
  ])("%j fails with %s", (result, message) => {
    expect(() => checkCodeOutputs(result, declared)).toThrow(message);
  });

  test.each([[null], [{}]])("without declared outputs (%j) is any map with lists of one kind", (outputs) => {
    expect(checkCodeOutputs({ a: [1, null, 2], b: { c: "x" } }, outputs)).toEqual({ a: [1, null, 2], b: { c: "x" } });
    expect(() => checkCodeOutputs({ a: [1, "x"] }, outputs)).toThrow("Output a must be a list of one kind.");
  });

  test("may hold longer lists here than in Dify", () => {
    const long = { a: Array.from({ length: 5000 }, () => "x") };
    expect(checkCodeOutputs(long, { a: { type: "array[string]" } })).toEqual(long);
  });

  test("is checked or refused, whatever it is", () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom(
          "string",
          "number",
          "boolean",
          "object",
          "array[string]",
          "array[number]",
          "array[object]",
          "?",
        ),
        (value, type) => {
          try {
            expect(Object.keys(checkCodeOutputs({ x: value as Json }, { x: { type } }))).toEqual(["x"]);
          } catch (error) {
            expect(error).toMatchObject({ code: "STEP_FAILED" });
          }
        },
      ),
    );
  });
});
