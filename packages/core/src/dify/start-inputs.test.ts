import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json } from "../base/json.ts";
import type { StartField } from "../workflow/dify-steps.ts";
import { startValues } from "./start-inputs.ts";

const field = (type: string, more: Partial<StartField> = {}): StartField => ({
  name: "x",
  type,
  required: false,
  default: null,
  maxLength: null,
  options: [],
  schema: null,
  ...more,
});
const check = (one: StartField, value?: Json): Json => {
  const result = startValues([one], value === undefined ? {} : { x: value });
  return result.ok ? (result.values["x"] ?? null) : `! ${result.message}`;
};
const file = { dify_model_identity: "__dify__file__", type: "image" };

const SCHEMA_MESSAGE = "! x in input form does not fit its schema: /a must be of type string, and is 1";

describe("a field", () => {
  test.each<[StartField, Json | undefined, Json]>([
    [field("text-input"), "a", "a"],
    [field("text-input"), "a\u0000b", "ab"],
    [field("text-input"), 5, "! (type 'text-input') x in input form must be a string"],
    [field("paragraph"), true, "! (type 'paragraph') x in input form must be a string"],
    [field("text-input", { maxLength: 3 }), "abc", "abc"],
    [field("text-input", { maxLength: 3 }), "😀😀😀", "😀😀😀"],
    [field("text-input", { maxLength: 3 }), "abcd", "! x in input form must be less than 3 characters"],
    [field("select", { options: ["A", "B"] }), "A", "A"],
    [field("select", { options: ["A", "B"] }), "C", "! x in input form must be one of the following: ['A', 'B']"],
    [field("number"), 5, 5],
    [field("number"), "5.5", 5.5],
    [field("number"), "", null],
    [field("number"), "abc", "! x in input form must be a valid number"],
    [field("number"), true, "! x in input form must be a valid number"],
    [field("checkbox"), "yes", true],
    [field("checkbox"), 0, false],
    [field("checkbox"), "OFF", false],
    [field("checkbox"), "maybe", "maybe"],
    [field("file"), file, file],
    [field("file"), "a", "! x in input form must be a file"],
    [field("file"), "", null],
    [field("file", { required: true }), "", "! x is required in input form"],
    [field("file-list"), [file], [file]],
    [field("file-list"), [file, "a"], "! x in input form must be a list of files"],
    [field("file-list", { maxLength: 1 }), [file, file], "! x in input form must be less than 1 files"],
    [field("json_object"), { a: 1 }, { a: 1 }],
    [field("json_object"), "a", "! x in input form must be a dict"],
    [field("json_object", { schema: { required: ["a"] } }), { a: 1 }, { a: 1 }],
    [field("json_object", { schema: { properties: { a: { type: "string" } } } }), { a: 1 }, SCHEMA_MESSAGE],
    [field("text-input"), { a: 1 }, "! Invalid input type for ['x']"],
    [field("text-input"), [{ a: 1 }], "! Invalid input type for ['x']"],
    [field("text-input", { required: true }), undefined, "! x is required in input form"],
    [field("text-input", { required: true }), null, "! x is required in input form"],
    [field("text-input", { required: true }), "", ""],
    [field("text-input", { default: "d" }), undefined, "d"],
    [field("text-input", { default: "d" }), null, "d"],
    [field("text-input"), undefined, null],
    [field("any"), [1], [1]],
  ])("%j takes %j as %j", (one, value, expected) => {
    expect(check(one, value)).toEqual(expected);
  });

  test("that the form does not have is dropped", () => {
    expect(startValues([field("text-input")], { x: "a", y: "b" })).toEqual({ ok: true, values: { x: "a" } });
  });

  test("never holds anything but what was given, its default, or a reading of it", () => {
    const types = ["text-input", "paragraph", "select", "number", "checkbox", "file", "file-list", "json_object", "?"];
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.jsonValue(), fc.boolean(), (type, value, required) => {
        const result = startValues([field(type, { required, default: "d" })], { x: value as Json });
        expect(result.ok ? Object.keys(result.values) : result.message.includes("x")).toEqual(result.ok ? ["x"] : true);
      }),
    );
  });
});
