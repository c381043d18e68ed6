import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../base/json.ts";
import type { Scope } from "../expression/scope.ts";
import type { Assignment } from "../workflow/dify-steps.ts";
import { runAssignments } from "./assign.ts";

const scope = (conversation: JsonObject, env: JsonObject = {}): Scope => ({
  lookup: (name) => (name === "conversation" ? conversation : name === "env" ? env : undefined),
});
const line = (
  operation: string,
  targetType: string,
  constant: Json,
  from: readonly string[] | null = null,
): Assignment => ({
  target: ["conversation", "v"],
  targetType,
  operation,
  from,
  constant,
});

describe("an operation", () => {
  test.each<[string, string, Json, Json, Json]>([
    ["over-write", "string", "a", "b", "b"],
    ["over-write", "array[number]", [1], [2, 3], [2, 3]],
    ["over-write", "object", { a: 1 }, {}, {}],
    ["set", "number", 1, 2.5, 2.5],
    ["set", "object", {}, '{"a": 1}', { a: 1 }],
    ["clear", "string", "a", null, ""],
    ["clear", "number", 5, null, 0],
    ["clear", "boolean", true, null, false],
    ["clear", "object", { a: 1 }, null, {}],
    ["clear", "array[string]", ["a"], null, []],
    ["append", "array[string]", ["a"], "b", ["a", "b"]],
    ["append", "array[object]", [], { a: 1 }, [{ a: 1 }]],
    ["extend", "array[number]", [1], [2, 3], [1, 2, 3]],
    ["remove-first", "array[string]", ["a", "b"], null, ["b"]],
    ["remove-last", "array[string]", ["a", "b"], null, ["a"]],
    ["remove-first", "array[string]", [], null, []],
    ["remove-last", "array[string]", [], null, []],
    ["+=", "number", 1, 2, 3],
    ["-=", "number", 1, 2, -1],
    ["*=", "number", 3, 2, 6],
    ["/=", "number", 3, 2, 1.5],
  ])("%s on %s: %j with %j gives %j", (operation, type, current, input, result) => {
    const changed = runAssignments([line(operation, type, input)], scope({ v: current }));
    expect(changed).toEqual([{ name: "conversation.v", value: result }]);
  });

  test.each<[string, string, Json, Json, string]>([
    ["+=", "string", "a", "b", "Operation += is not supported for type string"],
    ["append", "string", "a", "b", "Operation append is not supported for type string"],
    ["extend", "object", {}, [], "Operation extend is not supported for type object"],
    ["remove-first", "string", "a", null, "Operation remove-first is not supported for type string"],
    ["set", "array[string]", [], ["a"], "Operation set is not supported for type array[string]"],
    ["explode", "string", "a", "b", "Operation explode is not supported for type string"],
    ["/=", "number", 1, 0, "Invalid input value 0"],
    ["+=", "number", 1, "2", "Invalid input value"],
    ["over-write", "number", 1, "2", "Invalid input value"],
    ["over-write", "boolean", true, 1, "Invalid input value"],
    ["append", "array[number]", [1], "2", "Invalid input value"],
    ["extend", "array[number]", [1], [2, "3"], "Invalid input value"],
    ["extend", "array[number]", [1], 2, "Invalid input value"],
    ["set", "object", {}, "no json", "Invalid input value"],
  ])("%s on %s: %j with %j fails with %s", (operation, type, current, input, message) => {
    expect(() => runAssignments([line(operation, type, input)], scope({ v: current }))).toThrow(message);
  });
});

describe("lines", () => {
  test("see what the lines before them did, and a variable is answered once", () => {
    const lines = [
      line("+=", "number", 1),
      line("over-write", "number", null, ["conversation", "v"]),
      line("*=", "number", 10),
    ];
    expect(runAssignments(lines, scope({ v: 1 }))).toEqual([{ name: "conversation.v", value: 20 }]);
  });

  test("with a source that holds null change nothing", () => {
    expect(runAssignments([line("over-write", "string", null, ["env", "k"])], scope({ v: "a" }, { k: null }))).toEqual(
      [],
    );
  });

  test("with a source or a target that is not there fail", () => {
    expect(() => runAssignments([line("over-write", "string", null, ["env", "k"])], scope({ v: "a" }))).toThrow(
      "Variable ['env', 'k'] not found",
    );
    expect(() => runAssignments([line("clear", "string", null)], scope({}))).toThrow(
      "Variable ['conversation', 'v'] not found",
    );
  });

  test("set by value only where the operation knows no variable", () => {
    expect(() => runAssignments([line("set", "string", null, ["env", "k"])], scope({ v: "a" }, { k: "b" }))).toThrow(
      "Input type variable is not supported for operation set",
    );
  });
});
