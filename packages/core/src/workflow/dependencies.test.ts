import { expect, test } from "vitest";
import { parseWorkflow } from "./parse.ts";

/** What is said about an edge that leaves the classifier of these classes by this handle. */
function said(classes: string, handle: string, more = ""): readonly string[] {
  const { problems } = parseWorkflow(`
workflow:
  name: w
  steps:
    - {id: c, type: classify, query: q, classes: ${classes}${more}}
    - {id: n, type: template, template: x, depends_on: [c.${handle}]}`);
  return problems.map(({ code, message }) => `${code}: ${message}`);
}

test("an edge leaves a classifier by the id of a class, or by its name where it has none", () => {
  const classes = "[billing, {id: 7, name: Seven}, {name: Other things}, {id: tech, name: Technical}]";
  for (const handle of ["billing", "7", "Other things", "tech"]) expect(said(classes, handle)).toEqual([]);
  expect(said(classes, "techs")).toEqual([expect.stringMatching(/^unknown_handle: .*"techs"; it has .*billing.*tech/)]);
});

test("classes that are worked out have no handles yet, and error is that of failures", () => {
  expect(said('"{{ inputs.x }}"', "a")).toEqual([expect.stringMatching(/^unknown_handle: .*no handles/)]);
  expect(said("[error]", "error")).toEqual([expect.stringMatching(/^unknown_handle: .*on_error: branch/)]);
  expect(said("[a]", "error", ", on_error: branch")).toEqual([]);
});
