import type { Json, JsonObject } from "@weftwork/core";
import { expect, test } from "vitest";
import { fits, readFilter } from "./filter.ts";

const metadata: JsonObject = {
  lang: "zh",
  year: 2021,
  tags: ["hr", "law"],
  title: "Leave rules",
  at: "2024-05-01",
  none: "",
};

function holds(filter: JsonObject): boolean {
  return fits(readFilter(filter)!, metadata);
}

test.each<[JsonObject, boolean]>([
  [{ lang: "zh" }, true],
  [{ lang: "en" }, false],
  [{ lang: ["en", "zh"] }, true],
  [{ lang: "zh", year: 2020 }, false],
  [{ year: "2021" }, true],
  [{ year: { ">": 2020, "<=": 2021 } }, true],
  [{ year: { ">": 2021 } }, false],
  [{ year: { "≥": "2021" } }, true],
  [{ year: { "!=": 2021 } }, false],
  [{ year: { ">": "soon" } }, false],
  [{ tags: "law" }, true],
  [{ tags: { "not in": ["tax"] } }, true],
  [{ tags: { not_in: "tax, law" } }, false],
  [{ title: { contains: "rule" } }, true],
  [{ title: { "not contains": "rule" } }, false],
  [{ title: { start_with: "Leave" } }, true],
  [{ title: { "end with": "Leave" } }, false],
  [{ at: { before: "2024-05-02" } }, true],
  [{ at: { after: "2024-05-01T00:00:01Z" } }, false],
  [{ none: { empty: null } }, true],
  [{ lang: { "not empty": null } }, true],
  [{ missing: { empty: null } }, true],
  [{ missing: { "is not": 1 } }, false],
  [{ missing: "x" }, false],
  [{ ["__proto__"]: { empty: null } }, true],
])("%j holds: %s", (filter, expected) => {
  expect(holds(filter)).toBe(expected);
});

test("conditions as Dify writes them are read, joined by and or or", () => {
  const conditions: Json = [
    { name: "lang", comparison_operator: "is", value: "en" },
    { name: "year", comparison_operator: "=", value: "2021" },
  ];
  expect(holds({ logical_operator: "or", conditions })).toBe(true);
  expect(holds({ logical_operator: "and", conditions })).toBe(false);
  expect(readFilter({ logical_operator: "and", conditions: [] })).toBeNull();
});

test.each<[Json, RegExp]>([
  ["x", /not a map/],
  [{ year: { "~": 1 } }, /no operator ~; known are is/],
  [{ conditions: [{ comparison_operator: "is" }] }, /names no metadata/],
  [{ conditions: [{ name: "a" }] }, /has no operator/],
])("%j is refused with the reason", (filter, message) => {
  expect(() => readFilter(filter)).toThrow(message);
});
