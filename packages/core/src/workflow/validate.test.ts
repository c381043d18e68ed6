import { describe, expect, it } from "vitest";
import { parseWorkflow } from "./parse.ts";
import { editDistance, Suggester } from "./suggest.ts";
import { validateWorkflow } from "./validate.ts";
import type { Workflow } from "./workflow.ts";

const workflow = parseWorkflow(`name: t
steps:
  - {id: a, type: answer}
  - {id: b, type: loop, steps: [{id: c, type: answer}], depends_on: a}`).workflow!;

describe("a workflow that did not come from text", () => {
  it("has no problems when it has none", () => {
    expect(validateWorkflow(workflow)).toEqual([]);
  });

  it("is checked by the same rules, with the places that its steps carry", () => {
    const [a, b] = workflow.steps;
    const place = { line: 40, column: 2 };
    const broken: Workflow = {
      ...workflow,
      steps: [
        { ...a!, dependsOn: [{ step: "bb", handle: null, place }] },
        { ...b!, id: "a" },
      ],
    };
    expect(validateWorkflow(broken).map(({ code, pointer, place: { line } }) => [code, pointer, line])).toEqual([
      ["duplicate_id", "/steps/1/id", 4],
      ["cycle", "/steps/1/depends_on/0", 4],
      ["unknown_step", "/steps/0/depends_on/0", 40],
    ]);
  });
});

describe("a suggestion", () => {
  it("measures insertions, deletions, replacements and swaps", () => {
    expect([
      editDistance("abc", "abc"),
      editDistance("abc", "acb"),
      editDistance("", "abc"),
      editDistance("kitten", "sitting"),
    ]).toEqual([0, 1, 3, 3]);
  });

  it("is the nearest name, whatever its spelling style, and none when nothing is near", () => {
    const suggester = new Suggester();
    expect(suggester.nearest("dependsOn", ["id", "depends_on"])).toBe("depends_on");
    expect(suggester.nearest("needs", ["id", "depends_on"])).toBe("depends_on");
    expect(suggester.nearest("zzz", ["id", "depends_on"])).toBeNull();
    expect(suggester.nearest("x".repeat(1_000_000), ["x"])).toBeNull();
  });
});
