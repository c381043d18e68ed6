import { expect, test } from "vitest";
import type { Json } from "../base/json.ts";
import { contextOf } from "./context.ts";

const chunk = { content: "C", metadata: { score: 1 } };

test.each<[Json, string, number]>([
  ["as it is ", "as it is ", 0],
  [null, "", 0],
  [[], "", 0],
  [["a", "b"], "a\nb", 0],
  [[chunk, { ...chunk, summary: "S" }], "C\nS\nC", 2],
])("the context of %j is %j", (value, text, citations) => {
  const context = contextOf(value);
  expect([context.text, context.citations.length]).toEqual([text, citations]);
});

test("an element without content is refused", () => {
  expect(() => contextOf([{ title: "x" }])).toThrow("Invalid context structure");
});
