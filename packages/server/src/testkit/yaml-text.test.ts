import { readYaml, type Json } from "@weftwork/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { yamlText } from "./yaml-text.ts";

const plainOf = (value: Json | undefined): unknown => JSON.parse(JSON.stringify(value ?? null));
const names = fc
  .string({ maxLength: 8 })
  .filter((name) => !["<<", "__proto__", "constructor", "prototype"].includes(name));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>(
      null,
      true,
      1.5,
      -0.25,
      "no",
      "null",
      "1",
      "- a",
      "a: b",
      "# x",
      "two\nlines",
      "end\n\n",
      " x\ny",
      "a \nb",
    ),
    fc.string({ unit: "grapheme", maxLength: 12 }),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(names, tie("value"), { maxKeys: 3 }),
  ),
}));

describe("a value as YAML", () => {
  it("is the same value when it is read back", () => {
    fc.assert(
      fc.property(value, (given) => {
        const text = yamlText(given as Json, 0);
        const { data, problems } = readYaml(text);
        expect(problems.toArray(), text).toEqual([]);
        expect(plainOf(data), text).toEqual(plainOf(given as Json));
      }),
      { numRuns: 500 },
    );
  });

  it("is written as people write it", () => {
    const given = { name: "a case", list: [{ id: 1, text: "one\ntwo\n" }, []], none: null, odd: "yes" };
    expect(yamlText(given, 0)).toBe(
      [
        "name: a case",
        "list:",
        "  - id: 1",
        "    text: |",
        "      one",
        "      two",
        "  - []",
        "none: null",
        'odd: "yes"',
      ].join("\n"),
    );
  });
});
