import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lenientJson } from "./lenient-json.ts";

describe("the JSON in what a model says", () => {
  test.each([
    ["bare", '{"a": 1}', { a: 1 }],
    ["a value that is no object", '"x"', "x"],
    ["in a code block", '```json\n{"a": 1}\n```', { a: 1 }],
    ["in a code block among words", 'Here it is:\n```\n{"a": 1}\n```\nDone.', { a: 1 }],
    ["among words", 'The answer is {"a": {"b": [1, 2]}} as asked.', { a: { b: [1, 2] } }],
    ["behind a brace that opens nothing", 'In {this case: {"a": 1}', { a: 1 }],
    ["behind thoughts", '<think>{"a": 0}</think>{"a": 1}', { a: 1 }],
    ["with commas too many", '{"a": [1, 2,], "b": 2,}', { a: [1, 2], b: 2 }],
    ["with single quotes and bare names", "{a: 'it\\'s', b_c: \"x\"}", { a: "it's", b_c: "x" }],
    ["with words of Python", "{'a': True, 'b': None, 'c': False}", { a: true, b: null, c: false }],
    ["with comments", '{"a": 1, // one\n "b": /* two */ 2}', { a: 1, b: 2 }],
    ["with line breaks in a text", '{"a": "x\ny\\u0041\\n"}', { a: "x\nyA\n" }],
    ["numbers of all kinds", "{'a': -1.5e3, 'b': .5, 'c': +2}", { a: -1500, b: 0.5, c: 2 }],
  ])("%s", (_fact, said, value) => expect(lenientJson(said)).toEqual(value));

  test.each([
    ["words", "Sure! Here it is"],
    ["nothing", ""],
    ["an object that does not end", '{"a": 1, "b": [1, 2'],
    ["a text that does not end", '{"a": "x'],
    ["a word that is no value", "{a: maybe}"],
    ["two values without a comma", '{"a": 1 "b": 2}'],
    ["far too many lists inside each other", "[".repeat(5000)],
  ])("%s is none", (_fact, said) => expect(lenientJson(said)).toBeUndefined());

  test.each([
    ["digits", "{a: " + "1".repeat(1_000_000) + "x}"],
    ["comments", "{" + "// x\n".repeat(300_000)],
    ["comments that do not end", "{a: " + "/*".repeat(500_000)],
    ["braces", "{".repeat(1_000_000)],
    ["thoughts that do not end", "<think>".repeat(200_000)],
    ["code blocks", "```\n".repeat(300_000)],
  ])("a long text of nothing but %s is none, and takes no long time to say so", (_fact, said) =>
    expect(lenientJson(said)).toBeUndefined(),
  );

  test("every JSON value is read as it is, with words around it or without", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        const value: unknown = JSON.parse(text);
        if (text.includes("__proto__") || text.includes("think")) return;
        expect(lenientJson(text)).toEqual(value);
        if (typeof value === "object" && value !== null) expect(lenientJson(`It is so: ${text} .`)).toEqual(value);
      }),
    );
  });
});
