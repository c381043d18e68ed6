import { expect, test } from "vitest";
import { templateNode } from "./template.ts";
import { testTask } from "./test-task.ts";

test("a template gives its rendered text; a value that is no text keeps its type", () => {
  const node = templateNode();
  expect(node.effect).toBe("pure");
  for (const template of ["Hello Ada", "", 3, null, { a: [1] }]) {
    expect(node.execute(testTask({ template }))).toEqual({ type: "completed", output: template });
  }
});

test("text that holds braces is not rendered again", () => {
  expect(templateNode().execute(testTask({ template: "{{ secrets.key }}" }))).toMatchObject({
    output: "{{ secrets.key }}",
  });
});
