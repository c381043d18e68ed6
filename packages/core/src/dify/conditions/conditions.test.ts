import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../base/json.ts";
import type { Scope } from "../../expression/scope.ts";
import type { DifyCondition, DifyTest } from "../../workflow/dify-steps.ts";
import { FILE_MARK } from "../selector.ts";
import { compare, testHolds } from "./evaluate.ts";
import { OPERATORS, UNARY } from "./operators.ts";
import { selectorsOfTest } from "./selectors.ts";

const file = (more: JsonObject): JsonObject => ({ dify_model_identity: FILE_MARK, ...more });

type Row = readonly [operator: string, left: Json, expected: Json, holds: boolean | "fails"];

const ROWS: readonly Row[] = [
  ["contains", "hello world", "hello", true],
  ["contains", "Hello world", "hello", false],
  ["contains", " hello ", "hello", true],
  ["contains", ["a", "b"], "b", true],
  ["contains", [1, 2], 2, true],
  ["contains", "", "", false],
  ["contains", null, "x", false],
  ["contains", [], "x", false],
  ["contains", 5, "5", "fails"],
  ["contains", { a: 1 }, "a", "fails"],
  ["contains", "a", null, "fails"],
  ["not contains", "hello", "x", true],
  ["not contains", "hello", "ell", false],
  ["not contains", null, "x", true],
  ["not contains", "", "", true],
  ["not contains", 5, "5", "fails"],
  ["start with", "hello", "he", true],
  ["start with", "hello", "lo", false],
  ["start with", null, "he", false],
  ["start with", ["he"], "he", "fails"],
  ["end with", "hello", "lo", true],
  ["end with", "", "lo", false],
  ["end with", 10, "0", "fails"],
  ["is", "a", "a", true],
  ["is", "a", "A", false],
  ["is", " a", "a", false],
  ["is", null, "a", false],
  ["is", null, null, false],
  ["is", true, "true", true],
  ["is", false, "0", true],
  ["is", true, "maybe", "fails"],
  ["is", 1, "1", "fails"],
  ["is", ["a"], "a", "fails"],
  ["is", {}, "a", "fails"],
  ["is not", "a", "b", true],
  ["is not", "a", "a", false],
  ["is not", null, "a", false],
  ["is not", true, false, true],
  ["is not", 1, "2", "fails"],
  ["empty", "", null, true],
  ["empty", [], null, true],
  ["empty", {}, null, true],
  ["empty", 0, null, true],
  ["empty", false, null, true],
  ["empty", null, null, true],
  ["empty", " ", null, false],
  ["empty", [0], null, false],
  ["not empty", "x", null, true],
  ["not empty", 0, null, false],
  ["not empty", null, null, false],
  ["in", "a", ["a", "b"], true],
  ["in", "c", ["a", "b"], false],
  ["in", null, ["a"], false],
  ["in", "", [""], false],
  ["in", "a", "abc", "fails"],
  ["not in", "c", ["a", "b"], true],
  ["not in", "a", ["a", "b"], false],
  ["not in", null, ["a"], true],
  ["not in", "a", "abc", "fails"],
  ["all of", ["a", "b", "c"], ["a", "c"], true],
  ["all of", ["a"], ["a", "c"], false],
  ["all of", "abc", ["a", "c"], true],
  ["all of", null, ["a"], false],
  ["all of", ["a"], "a", "fails"],
  ["all of", ["a"], ["a", true], "fails"],
  ["all of", 5, ["a"], "fails"],
  ["=", 5, "5", true],
  ["=", 5, "6", false],
  ["=", 5, " 5 ", true],
  ["=", 5, "5.0", "fails"],
  ["=", 5.5, "5.5", true],
  ["=", 5, "abc", "fails"],
  ["=", 5, "", "fails"],
  ["=", null, "5", false],
  ["=", "5", "5", "fails"],
  ["=", true, "true", true],
  ["=", true, "1", true],
  ["=", false, "true", false],
  ["=", [5], "5", "fails"],
  ["≠", 5, "6", true],
  ["≠", 5, "5", false],
  ["≠", null, "5", false],
  ["≠", "5", "5", "fails"],
  [">", 5, "4.5", true],
  [">", 5, "5.0", false],
  [">", null, "1", false],
  [">", "5", "1", "fails"],
  [">", 5, "x", "fails"],
  ["<", 4, "4.5", true],
  ["<", 5, "5", false],
  ["≥", 5, "5.0", true],
  ["≥", 4.9, "5", false],
  ["≤", 5, "5", true],
  ["≤", 6, "5", false],
  ["≤", null, "5", false],
  ["null", null, null, true],
  ["null", "", null, false],
  ["not null", null, null, false],
  ["not null", 0, null, true],
  ["exists", null, null, false],
  ["exists", "", null, true],
  ["not exists", null, null, true],
  ["not exists", [], null, false],
  ["is empty", "", "", "fails"],
  ["==", 1, "1", "fails"],
  ["constructor", 1, "1", "fails"],
];

const outcome = (work: () => boolean): boolean | "fails" => {
  try {
    return work();
  } catch {
    return "fails";
  }
};

describe("an operator", () => {
  test.each(ROWS)("%s of %j and %j: %s", (operator, left, expected, holds) => {
    expect(outcome(() => compare(operator, left, expected))).toBe(holds);
  });

  test("stands in the table of tests, each of them", () => {
    const tested = new Set(ROWS.map(([operator]) => operator));
    for (const operator of Object.keys(OPERATORS)) expect(tested).toContain(operator);
  });

  test("that does not fit fails the step with its reason", () => {
    expect(() => compare("is", 1, "1")).toThrow("The operator is needs a text or a boolean, and the value is int");
  });
});

describe("properties", () => {
  const json = fc.jsonValue() as fc.Arbitrary<Json>;
  const opposites = [
    ["contains", "not contains"],
    ["in", "not in"],
    ["empty", "not empty"],
    ["null", "not null"],
    ["exists", "not exists"],
  ] as const;

  test.each(opposites)("%s is the opposite of %s, for whatever values fit", (operator, opposite) => {
    fc.assert(
      fc.property(json, fc.oneof(json, fc.array(fc.string())), (left, expected) => {
        const [yes, no] = [operator, opposite].map((one) => outcome(() => compare(one, left, expected)));
        expect(no).toBe(yes === "fails" ? "fails" : !yes);
      }),
    );
  });

  test.each([
    ["is", "is not"],
    ["=", "≠"],
  ])("of null neither %s nor %s holds", (operator, opposite) => {
    fc.assert(
      fc.property(json, (expected) => {
        expect([compare(operator, null, expected), compare(opposite, null, expected)]).toEqual([false, false]);
      }),
    );
  });

  test("numbers are ordered in one way", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (a, b) => {
        const holding = [">", "<", "="].filter((operator) => compare(operator, a, String(b)));
        expect(holding).toHaveLength(1);
        expect(compare("≥", a, String(b))).toBe(!compare("<", a, String(b)));
        expect(compare("≤", a, String(b))).toBe(!compare(">", a, String(b)));
      }),
    );
  });

  test("no values make an operator do anything but hold, not hold, or fail its step", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(OPERATORS)), json, json, (operator, left, expected) => {
        try {
          expect(typeof compare(operator, left, expected)).toBe("boolean");
        } catch (error) {
          expect(error).toMatchObject({ code: "STEP_FAILED" });
        }
      }),
    );
  });
});

const scope = (values: JsonObject): Scope => ({ lookup: (name) => (name === "env" ? values : undefined) });
const condition = (
  name: string,
  operator: string,
  value: Json,
  files: DifyCondition["files"] = null,
): DifyCondition => ({
  selector: ["env", name],
  operator,
  value,
  files,
});
const holds = (logical: DifyTest["logical"], conditions: readonly DifyCondition[], values: JsonObject): boolean =>
  testHolds({ logical, conditions }, scope(values));

describe("a case", () => {
  const values = { yes: "y", no: "n", n: 3, list: ["a"] };

  test("with and stops at the first that is false, with or at the first that is true", () => {
    const missing = condition("missing", "is", "x");
    expect(holds("and", [condition("no", "is", "y"), missing], values)).toBe(false);
    expect(holds("or", [condition("yes", "is", "y"), missing], values)).toBe(true);
    expect(() => holds("and", [condition("yes", "is", "y"), missing], values)).toThrow(
      "Variable ['env', 'missing'] not found",
    );
    expect(() => holds("or", [missing, condition("yes", "is", "y")], values)).toThrow("not found");
  });

  test("compares with a text after its references are put in", () => {
    expect(holds("and", [condition("yes", "is", "{{#env.yes#}}")], values)).toBe(true);
    expect(holds("and", [condition("n", "=", "{{#env.n#}}")], values)).toBe(true);
    expect(holds("and", [condition("yes", "is", "{{#env.nothing#}}")], { yes: "env.nothing" })).toBe(true);
  });

  test("does not look at the right side where the operator has none", () => {
    for (const operator of UNARY)
      expect(() => holds("and", [condition("yes", operator, "{{#env.missing#}}")], values)).not.toThrow();
  });

  test("reads what stands on both sides", () => {
    const asked = condition("a", "is", "{{#b.c#}}", {
      logical: "and",
      conditions: [{ key: "name", operator: "is", value: "{{#d.e#}}" }],
    });
    expect(selectorsOfTest({ logical: "and", conditions: [asked] })).toEqual([
      ["env", "a"],
      ["b", "c"],
      ["d", "e"],
    ]);
  });
});

describe("a list of files", () => {
  const files = [
    file({ type: "image", filename: "a.png", extension: ".png", size: 10 }),
    file({ type: "document", filename: "b.pdf", extension: ".pdf", size: 2000 }),
  ];
  const asks = (operator: string, key: string, own: string, value: Json): boolean =>
    holds(
      "and",
      [condition("files", operator, null, { logical: "and", conditions: [{ key, operator: own, value }] })],
      { files },
    );

  test.each([
    ["contains", "type", "in", ["image"], true],
    ["contains", "type", "in", ["audio"], false],
    ["contains", "extension", "is", "png", true],
    ["contains", "extension", "is", ".png", true],
    ["contains", "extension", "in", ["pdf"], true],
    ["contains", "size", ">", "1000", true],
    ["contains", "size", ">", "5000", false],
    ["contains", "name", "contains", "b.", true],
    ["all of", "type", "in", ["image", "document"], true],
    ["contains", "type", "not in", ["image"], false],
    ["not contains", "type", "not in", ["audio"], true],
  ] as const)("%s %s %s %j: %s", (operator, key, own, value, expected) => {
    expect(asks(operator, key, own, value as Json)).toBe(expected);
  });

  test("needs to be told what to ask of each", () => {
    expect(() => holds("and", [condition("files", "contains", "x")], { files })).toThrow("Sub variable is required");
  });

  test("has no other attributes than files have", () => {
    expect(() => asks("contains", "colour", "is", "x")).toThrow("no attribute colour");
  });
});
