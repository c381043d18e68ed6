import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../base/json.ts";
import { operateOnList } from "./list-operator.ts";
import { FILE_MARK } from "./selector.ts";

const filter = (operator: string, value: Json, key = ""): JsonObject => ({
  filter_by: { enabled: true, conditions: [{ key, operator, value }] },
});
const result = (items: Json, more: JsonObject = {}): Json => {
  try {
    return operateOnList({ items, ...more })["result"]!;
  } catch (error) {
    return `! ${(error as Error).message}`;
  }
};
const image = {
  dify_model_identity: FILE_MARK,
  type: "image",
  filename: "b.png",
  extension: ".png",
  size: 10,
  mime_type: "image/png",
};
const pdf = {
  dify_model_identity: FILE_MARK,
  type: "document",
  filename: "a.pdf",
  extension: ".pdf",
  size: 2000,
  mime_type: "application/pdf",
};

describe("a list", () => {
  test.each<[Json, JsonObject, Json]>([
    [["b", "a"], {}, ["b", "a"]],
    [["ab", "b", "c"], filter("contains", "b"), ["ab", "b"]],
    [["ab", "b"], filter("not contains", "a"), ["b"]],
    [["ab", "b"], filter("start with", "a"), ["ab"]],
    [["ab", "b"], filter("end with", "b"), ["ab", "b"]],
    [["ab", "b"], filter("is", "b"), ["b"]],
    [["ab", "b"], filter("is not", "b"), ["ab"]],
    [["ab", "c"], filter("in", "xaby"), ["ab"]],
    [["ab", "c"], filter("not in", "xaby"), ["c"]],
    [["", "c"], filter("empty", null), [""]],
    [["", "c"], filter("not empty", null), ["c"]],
    [[1, 2, 3], filter(">", "1"), [2, 3]],
    [[1, 2, 3], filter("≤", "2"), [1, 2]],
    [[1, 2, 3], filter("=", "2"), [2]],
    [[1, 2, 3], filter("≠", "2"), [1, 3]],
    [[true, false], filter("is", true), [true]],
    [[true, false], filter("is not", true), [false]],
    [[image, pdf], filter("in", ["image"], "type"), [image]],
    [[image, pdf], filter("not in", ["image"], "type"), [pdf]],
    [[image, pdf], filter(">", "100", "size"), [pdf]],
    [[image, pdf], filter("is", "png", "extension"), [image]],
    [[image, pdf], filter("contains", "a.", "name"), [pdf]],
    [["b", "a", "ä"], { order_by: { enabled: true, value: "asc" } }, ["a", "b", "ä"]],
    [[3, 10, 2], { order_by: { enabled: true, value: "desc" } }, [10, 3, 2]],
    [[image, pdf], { order_by: { enabled: true, key: "name", value: "asc" } }, [pdf, image]],
    [["a", "b", "c"], { slice: { enabled: true, size: 2 } }, ["a", "b"]],
    [["a", "b", "c"], { slice: { enabled: false, size: 2 } }, ["a", "b", "c"]],
    [["a", "b", "c"], { extract_by: { enabled: true, serial: "2" } }, ["b"]],
    [
      ["a"],
      { extract_by: { enabled: true, serial: "0" } },
      "! The step failed: Invalid serial index: must be >= 1, got 0",
    ],
    [
      ["a"],
      { extract_by: { enabled: true, serial: "2" } },
      "! The step failed: Invalid serial index: must be <= 1, got 2",
    ],
    [
      ["a", "b", "ab"],
      { ...filter("contains", "b"), order_by: { enabled: true, value: "desc" }, slice: { enabled: true, size: 1 } },
      ["b"],
    ],
    [null, {}, []],
    [[], {}, []],
  ])("%j with %j gives %j", (items, more, expected) => {
    expect(result(items, more)).toEqual(expected);
  });

  test.each<[Json, JsonObject, string]>([
    [[{ a: 1 }], {}, "is not an array type"],
    ["text", {}, "is not an array type"],
    [["a"], filter("=", "a"), "Invalid operator"],
    [[1], filter("contains", "1"), "Invalid operator"],
    [[image], filter("contains", "x", "size"), "Invalid operator"],
    [[image], filter("is", "x", "colour"), "no attribute colour"],
  ])("%j with %j fails", (items, more, message) => {
    expect(result(items, more)).toContain(message);
  });

  test("shows its first and last, or null when there is none", () => {
    expect(operateOnList({ items: ["a", "b"] })).toEqual({ result: ["a", "b"], first_record: "a", last_record: "b" });
    expect(operateOnList({ items: [] })).toEqual({ result: [], first_record: null, last_record: null });
  });

  test("ordered both ways has the same elements", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (items) => {
        const up = result(items, { order_by: { enabled: true, value: "asc" } }) as readonly string[];
        expect(up.toSorted()).toEqual(items.toSorted());
        expect(result(up, { order_by: { enabled: true, value: "asc" } })).toEqual(up);
      }),
    );
  });
});
