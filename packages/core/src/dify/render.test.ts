import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json } from "../base/json.ts";
import { pythonJson, pythonRepr, renderValue } from "./render.ts";
import { FILE_MARK } from "./selector.ts";

const image = { dify_model_identity: FILE_MARK, type: "image", filename: "a.png", url: "https://x/a" };
const pdf = {
  dify_model_identity: FILE_MARK,
  type: "document",
  filename: "b.pdf",
  url: null,
  remote_url: "https://x/b",
};

describe("a value in a text", () => {
  test.each<[Json, string, string]>([
    ["plain", "plain", "plain"],
    ["", "", ""],
    [3, "3", "3"],
    [3.5, "3.5", "3.5"],
    [1e20, "1e+20", "1e+20"],
    [-0.00001, "-1e-05", "-1e-05"],
    [true, "True", "True"],
    [false, "False", "False"],
    [null, "", ""],
    [
      { a: 1, b: ["é", null, true] },
      '{"a": 1, "b": ["é", null, true]}',
      '{\n  "a": 1,\n  "b": [\n    "é",\n    null,\n    true\n  ]\n}',
    ],
    [{}, "{}", "{}"],
    [[], "", ""],
    [["a", "b"], '["a", "b"]', "- a\n- b"],
    [[1, 2], "[1, 2]", "- 1\n- 2"],
    [[{ a: 1 }], "[{'a': 1}]", '- {"a": 1}'],
    [[true, null, "it's"], '[True, None, "it\'s"]', "- True\n- \n- it's"],
    [[["x"], []], "[['x'], []]", '- ["x"]\n- '],
    [image, "", "![a.png](https://x/a)"],
    [pdf, "", "[b.pdf](https://x/b)"],
    [[image, pdf], "", "![a.png](https://x/a)\n[b.pdf](https://x/b)"],
  ])("%j is %j, and in markdown %j", (value, text, markdown) => {
    expect(renderValue(value)).toBe(text);
    expect(renderValue(value, "markdown")).toBe(markdown);
  });

  test("of any kind becomes text, and never the text of the host", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const form of ["text", "markdown"] as const)
          expect(renderValue(value as Json, form)).not.toMatch(/undefined|\[object /);
      }),
    );
  });

  test("that is an object reads back as it was", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as Json;
        for (const indent of [null, 2]) expect(JSON.parse(pythonJson(plain, indent))).toEqual(plain);
      }),
    );
  });

  test("as Python prints it keeps quotes apart", () => {
    expect(pythonRepr(["a'b", 'a"b', "a'\"b", "a\nb\\"])).toBe(`["a'b", 'a"b', 'a\\'"b', 'a\\nb\\\\']`);
  });
});
