import { describe, expect, it } from "vitest";
import { parseWorkflow } from "./parse.ts";

const HEAD = "name: t\nsteps:\n  - {id: a, type: template, template: x}\n";

function problemsOf(text: string): readonly (readonly [string, number, number, string | null])[] {
  return parseWorkflow(text).problems.map(({ code, place, suggestion }) => [
    code,
    place.line,
    place.column,
    suggestion,
  ]);
}

type Case = readonly [fact: string, text: string, code: string, hint: string];

/** Text below `HEAD`, with `▸` where its one problem stands. Of the suggestion the telling part is looked for. */
const STEP_CASES: readonly Case[] = [
  ["a field that no type has", "  - {id: b, type: answer, ▸dependsOn: a}", "unknown_field", '"depends_on"'],
  ["a misspelt field", "  - id: b\n    type: http\n    url: u\n    ▸methud: GET", "unknown_field", '"method"'],
  ["a misspelt type", "  - id: b\n    type: ▸pyhton_script", "unknown_type", '"python_script"'],
  ["a type of another tool", "  - {id: b, type: ▸if-else, cases: []}", "unknown_type", '"switch"'],
  ["no type", "  - ▸{id: b}", "missing_field", "template"],
  ["no id", "  - ▸{type: answer}", "missing_field", "id:"],
  ["a number as id", "  - {id: ▸7, type: answer}", "invalid_id", '"7"'],
  ["an id with blanks", "  - {id: ▸my step, type: answer}", "invalid_id", "my_step"],
  ["an id that reaches a prototype", "  - {id: ▸__proto__, type: answer}", "invalid_id", ""],
  [
    "an id of 65 characters",
    "  - {id: ▸xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, type: answer}",
    "invalid_id",
    "",
  ],
  ["a needed field left out", "  - ▸{id: b, type: http}", "missing_field", "url"],
  ["a needed field left empty", "  - ▸{id: b, type: http, url: }", "missing_field", "url"],
  ["a needed text of blanks", "  - {id: b, type: http, url: ▸' '}", "invalid_value", ""],
  ["none of a group", "  - ▸{id: b, type: wait}", "missing_field", ""],
  ["two of a group", "  - {id: b, type: wait, for: 5m, ▸signal: go}", "conflicting_fields", "Keep one"],
  ["code and file", "  - {id: b, type: javascript, code: x, ▸file: y}", "conflicting_fields", "Keep one"],
  ["a number as text", "  - {id: b, type: http, url: ▸7}", "wrong_type", 'url: "7"'],
  ["a text as number", "  - {id: b, type: agent, max_iterations: ▸'7'}", "wrong_type", "max_iterations: 7"],
  [
    "a number beyond its range",
    "  - {id: b, type: for_each, items: [], concurrency: ▸5000, steps: [{id: c, type: answer}]}",
    "out_of_range",
    "1000",
  ],
  [
    "a bare name as items",
    "  - {id: b, type: for_each, items: ▸docs, steps: [{id: c, type: answer}]}",
    "wrong_type",
    "{{ docs }}",
  ],
  ["a duration of no unit known", "  - {id: b, type: answer, timeout: ▸5 minutes}", "invalid_value", '"5m"'],
  ["no time at all as timeout", "  - {id: b, type: answer, timeout: ▸0}", "invalid_value", "Leave the field out"],
  ["a time of day that is none", "  - {id: b, type: wait, until: ▸tomorrow}", "invalid_value", "2030"],
  [
    "a template as condition",
    '  - {id: b, type: answer, when: ▸"{{ inputs.n > 3 }}"}',
    "template_in_expression",
    '"inputs.n > 3"',
  ],
  ["a misspelt choice", "  - {id: b, type: answer, join: ▸al}", "invalid_value", '"all"'],
  ["a misspelt on_error", "  - {id: b, type: answer, on_error: ▸continu}", "invalid_value", '"continue"'],
  ["a default without a value", "  - {id: b, type: answer, on_error: ▸default}", "invalid_value", "{default: value}"],
  ["a misspelt field of retry", "  - {id: b, type: answer, retry: {▸attemps: 2}}", "unknown_field", '"attempts"'],
  [
    "a first pause above the longest",
    "  - {id: b, type: answer, retry: {initial: 5s, max: ▸1s}}",
    "invalid_value",
    "Raise max",
  ],
  ["memory of no unit known", "  - {id: b, type: answer, resources: {memory: ▸5 potatoes}}", "invalid_value", "512MB"],
  ["no cases", "  - {id: b, type: switch, cases: ▸[]}", "invalid_value", "name: refund"],
  [
    "two cases of a name",
    "  - {id: b, type: switch, cases: [{name: c, when: x}, {name: ▸c, when: y}]}",
    "duplicate_case",
    "",
  ],
  ["a case named error", "  - {id: b, type: switch, cases: [{name: ▸error, when: x}]}", "invalid_name", ""],
  ["a step twice", "  - {id: ▸a, type: answer}", "duplicate_id", "of its own"],
  [
    "an inner step of an outer name",
    "  - {id: b, type: loop, steps: [{id: ▸a, type: answer}]}",
    "shadowed_step",
    "another id",
  ],
  ["an empty list of steps", "  - {id: b, type: loop, steps: ▸[]}", "no_steps", ""],
  ["steps as a map", "  - {id: b, type: loop, steps: ▸{c: {type: answer}}}", "wrong_type", "dash"],
  ["a step that is no map", "  - ▸b", "wrong_type", "- id: name"],
  [
    "a misspelt dependency",
    "  - {id: abc, type: answer}\n  - {id: b, type: answer, depends_on: [▸abd]}",
    "unknown_step",
    '"abc"',
  ],
  ["a dependency on itself", "  - {id: b, type: answer, depends_on: ▸b}", "cycle", "Remove"],
  ["a dependency given twice", "  - {id: b, type: answer, depends_on: [a, ▸a]}", "duplicate_dependency", "Remove one"],
  ["a handle of a step without any", "  - {id: b, type: answer, depends_on: ▸a.done}", "unknown_handle", "Write a,"],
  [
    "the handle error without a branch",
    "  - {id: b, type: answer, depends_on: ▸a.error}",
    "unknown_handle",
    "on_error: branch",
  ],
  [
    "a misspelt handle",
    "  - {id: q, type: approval}\n  - {id: b, type: answer, depends_on: ▸q.aproved}",
    "unknown_handle",
    '"approved"',
  ],
  [
    "a timeout that never comes",
    "  - {id: q, type: approval}\n  - {id: b, type: answer, depends_on: ▸q.timeout}",
    "unused_handle",
    "Set timeout",
  ],
  [
    "a dependency out of its list",
    "  - {id: l, type: loop, steps: [{id: b, type: answer, depends_on: ▸a}]}",
    "step_outside",
    "depends_on of l",
  ],
  [
    "a dependency into another list",
    "  - {id: l, type: loop, steps: [{id: c, type: answer}]}\n  - {id: b, type: answer, depends_on: ▸c}",
    "step_inside",
    "Depend on l",
  ],
  [
    "a round of two",
    "  - {id: b, type: answer, depends_on: c}\n  - {id: c, type: answer, depends_on: ▸b}",
    "cycle",
    "loop",
  ],
  [
    "an unknown step to aggregate",
    "  - {id: abc, type: answer}\n  - {id: b, type: aggregate, from: ▸[abd]}",
    "unknown_step",
    '"abc"',
  ],
  ["work fields on a rule", "  - {id: b, type: approval, ▸retry: 3}", "unused_field", "Remove"],
  [
    "an unquoted template",
    "  - {id: b, type: answer}\n  - id: c\n    type: answer\n    text: {▸{ steps.b.output }}",
    "unquoted_template",
    '"{{ … }}"',
  ],
  ["a tab", "▸\t- {id: b, type: answer}", "yaml_syntax", "spaces"],
  ["an open quote", '  - {id: b, type: answer}\n  - id: "c▸', "yaml_syntax", "Close the quote"],
  ["an open bracket", "  - {id: b, type: answer▸", "yaml_syntax", "closing }"],
  ["a colon in a text", "  - id: b\n    type: answer\n    text: ▸so: it is", "yaml_syntax", "in quotes"],
  ["a name given twice", "  - {id: b, type: answer, ▸id: c}", "duplicate_key", "Keep one"],
  ["a custom tag", "  - {id: b, type: ▸!ruby/object answer}", "yaml_tag", "Remove the tag"],
  ["a merge key", "  - {id: b, type: answer, ▸<<: {text: x}}", "merge_key", "Write the fields out"],
  ["a forbidden name", "  - {id: b, type: answer, text: {▸prototype: 1}}", "forbidden_key", "another name"],
  ["an infinity", "  - {id: b, type: answer, text: ▸.inf}", "non_finite_number", "finite"],
  ["an unknown alias", "  - {id: &bb b, type: answer, text: ▸*ba}", "unknown_alias", '"bb"'],
  ["a second document", "▸---\nname: u", "several_documents", "of its own"],
];

/** Whole texts, marked the same way. */
const WHOLE_CASES: readonly Case[] = [
  ["nothing", "▸", "empty", "workflow:"],
  ["a list", "▸- a", "wrong_type", "workflow:"],
  ["no steps", "▸name: t", "missing_field", "steps"],
  ["a directive", "▸%YAML 1.1\n---\nname: t", "yaml_directive", "Remove"],
  ["a name with blanks", "name: ▸my flow\nsteps: [{id: a, type: answer}]", "invalid_name", "my_flow"],
  ["a short version", "name: t\nversion: ▸1.5\nsteps: [{id: a, type: answer}]", "invalid_version", '"1.5.0"'],
  [
    "a version of the wrong form",
    "name: t\nversion: ▸v2\nsteps: [{id: a, type: answer}]",
    "invalid_version",
    '"2.0.0"',
  ],
  [
    "an input of no type known",
    "name: t\ninputs: {q: ▸text}\nsteps: [{id: a, type: answer}]",
    "invalid_value",
    '"string"',
  ],
  [
    "a field beside workflow",
    "workflow: {name: t, steps: [{id: a, type: answer}]}\n▸version: 1.0.0",
    "unknown_field",
    "below workflow",
  ],
  ["nodes instead of steps", "name: t\nsteps: [{id: a, type: answer}]\n▸nodes: []", "unknown_field", '"steps"'],
  [
    "a Dify file",
    "▸app: {mode: workflow}\nkind: app\nworkflow:\n  graph: {nodes: [], edges: []}\n",
    "dify_file",
    "weft import",
  ],
  ["a Dify graph", "▸nodes: []\nedges: []\n", "dify_file", "weft import"],
];

describe("one problem, with its place and a remedy, for", () => {
  const cases = [...STEP_CASES.map(([fact, text, ...rest]) => [fact, HEAD + text, ...rest] as const), ...WHOLE_CASES];
  for (const [fact, marked, code, hint] of cases) {
    it(fact, () => {
      const before = marked.slice(0, marked.indexOf("▸")).split("\n");
      const found = problemsOf(marked.replace("▸", "")).filter(([one]) => one !== "missing_name");
      expect(found.map((problem) => problem.slice(0, 3))).toEqual([[code, before.length, before.at(-1)!.length + 1]]);
      expect(found[0]![3] ?? "").toContain(hint);
    });
  }
});

describe("the list of problems", () => {
  it("names every mistake of a bad file, in the order of the text", () => {
    const bad = `workflow:
  name: bad file
  version: 2
  timeout: soon
  priority: urgent
  retention: {kep: 3d}
  inputs: {q: text}
  steps:
    - id: route
      type: swich
    - id: 9lives!
      type: answer
    - id: ask
      type: llm
      modle: gpt
      when: "{{ inputs.q }}"
      depends_on: [rout, ask.error, ask]
    - id: each
      type: for_each
      items: docs
      concurrency: 0
      steps:
        - {id: ask, type: http}
        - {id: in, type: answer, depends_on: route, text: 1, text: 2}
    - id: ask
      type: template
    - id: after
      type: answer
      depends_on: [in, each.done]
`;
    expect(problemsOf(bad).map(([code, line, column]) => `${line}:${column} ${code}`)).toEqual([
      "2:9 invalid_name",
      "3:12 invalid_version",
      "4:12 invalid_value",
      "5:13 invalid_value",
      "6:14 missing_field",
      "6:15 unknown_field",
      "7:15 invalid_value",
      "10:13 unknown_type",
      "11:11 invalid_id",
      "15:7 unknown_field",
      "16:13 template_in_expression",
      "17:20 unknown_step",
      "17:26 cycle",
      "17:37 cycle",
      "20:14 wrong_type",
      "21:20 out_of_range",
      "23:11 missing_field",
      "23:16 shadowed_step",
      "24:46 step_outside",
      "24:62 duplicate_key",
      "25:7 missing_field",
      "25:11 duplicate_id",
      "29:20 step_inside",
      "29:24 unknown_handle",
    ]);
    expect(parseWorkflow(bad).workflow).toBeNull();
  });

  it("holds nothing about the handles of a step whose type is not known", () => {
    const text = "  - {id: b, type: swich, cases: []}\n  - {id: c, type: answer, depends_on: b.refund}";
    expect(problemsOf(HEAD + text).map(([code]) => code)).toEqual(["unknown_type"]);
  });

  it("says which steps wait for each other", () => {
    const ring = ["b", "c", "d"]
      .map((id, i, all) => `  - {id: ${id}, type: answer, depends_on: ${all[(i + 1) % 3]}}`)
      .join("\n");
    expect(parseWorkflow(HEAD + ring).problems.map(({ message }) => message)).toEqual([
      "These steps wait for each other: b → c → d → b.",
    ]);
  });

  it("ends at two hundred, and counts the rest", () => {
    const many = Array.from({ length: 350 }, (_, i) => `  - {id: s${i}, type: nothing_like_it}`).join("\n");
    const { problems } = parseWorkflow(HEAD + many);
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)).toMatchObject({ severity: "error", code: "more_problems", message: "and 150 more." });
  });
});
