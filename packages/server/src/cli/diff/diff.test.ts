import type { JsonObject } from "@weftwork/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareWorkflows } from "./compare.ts";
import { diffLines, withContext } from "./lines.ts";
import { differenceLines } from "./report.ts";

const flow = (...steps: readonly JsonObject[]): JsonObject => ({ name: "flow", version: "1.0.0", steps });
const A = { id: "a", type: "template", template: "one" };
const B = { id: "b", type: "llm", prompt: "You are kind.\nAnswer in German.\nBe short.\n", retry: { attempts: 2 } };

describe("two workflows", () => {
  test("that differ in their version alone are the same, whatever the order of fields", () => {
    const other = { version: "2.0.0", steps: [{ template: "one", type: "template", id: "a" }], name: "flow" };
    expect(compareWorkflows(flow(A), other)).toEqual({ same: true, workflow: [], steps: [], reordered: false });
  });

  test.each([
    ["a step that is new", [A], [A, B], [{ step: "b", change: "added" }]],
    ["a step that is gone", [A, B], [B], [{ step: "a", change: "removed" }]],
    [
      "a renamed step",
      [A],
      [{ ...A, id: "z" }],
      [
        { step: "z", change: "added" },
        { step: "a", change: "removed" },
      ],
    ],
    [
      "a field inside a field",
      [B],
      [{ ...B, retry: { attempts: 3 } }],
      [{ step: "b", change: "changed", fields: [{ field: "retry.attempts", before: 2, after: 3 }] }],
    ],
    [
      "a step inside a container, and not the container",
      [{ id: "each", type: "for_each", steps: [A] }],
      [{ id: "each", type: "for_each", steps: [{ ...A, template: "two" }] }],
      [{ step: "each/a", change: "changed", fields: [{ field: "template", before: "one", after: "two" }] }],
    ],
  ] as const)("tell of %s", (_fact, before, after, steps) => {
    const difference = compareWorkflows(
      flow(...(before as readonly JsonObject[])),
      flow(...(after as readonly JsonObject[])),
    );
    expect(difference.same).toBe(false);
    expect(difference.steps).toMatchObject(steps);
    expect(difference.steps).toHaveLength(steps.length);
  });

  test("tell of another order and of fields of the workflow", () => {
    expect(compareWorkflows(flow(A, B), flow(B, A))).toMatchObject({ same: false, reordered: true, steps: [] });
    expect(compareWorkflows(flow(A), { ...flow(A), timeout: 5 }).workflow).toEqual([
      { field: "timeout", before: undefined, after: 5 },
    ]);
  });

  test("show a prompt line by line, with what stands around", () => {
    const after = { ...B, prompt: B.prompt.replace("German", "French") };
    expect(differenceLines(compareWorkflows(flow(B), flow(after)))).toEqual([
      "step b is changed",
      "  prompt:",
      "    You are kind.",
      "  - Answer in German.",
      "  + Answer in French.",
      "    Be short.",
      "    ",
    ]);
  });
});

describe("the lines of two texts", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", ""), { maxLength: 12 }).map((lines) => lines.join("\n"));

  test("give back both, and name no line twice that they share", () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const lines = diffLines(before, after);
        const without = (kind: string): string =>
          lines
            .filter((line) => line.kind !== kind)
            .map((line) => line.text)
            .join("\n");
        expect(without("added")).toBe(before);
        expect(without("removed")).toBe(after);
        if (before === after) expect(lines.every(({ kind }) => kind === "same")).toBe(true);
      }),
    );
  });

  test("far from a difference are one gap", () => {
    const before = ["1", "2", "3", "4", "5", "6", "7"];
    const lines = withContext(diffLines(before.join("\n"), [...before, "8"].join("\n")), 1);
    expect(lines.map((line) => line.text)).toEqual(["…", "7", "8"]);
  });
});
