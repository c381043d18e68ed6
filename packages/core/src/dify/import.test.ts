import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exportDify } from "./export.ts";
import { file } from "./file.testing.ts";
import { importDify } from "./import.ts";
import { MAPPERS } from "./nodes/index.ts";
import { NODE_SUPPORT, supportOf } from "./support.ts";

describe("a file", () => {
  test("is read as YAML and as JSON alike", () => {
    const yaml = importDify(file("{type: code, code_language: python3, code: x}"));
    const json = importDify(JSON.stringify(yaml.document));
    const bare = (one: typeof yaml): unknown =>
      JSON.parse(JSON.stringify(one.workflow, (key, value) => (key === "place" ? 0 : (value as unknown))));
    expect(bare(json)).toEqual(bare(yaml));
  });

  test("keeps its name for people, and has a plain one for machines", () => {
    const { workflow, report } = importDify(file("{type: code}"));
    expect([report!.name, workflow!.name]).toEqual(["Über app 7", "ber-app-7"]);
    expect(importDify(file("{type: code}"), { name: "mine" }).workflow!.name).toBe("mine");
    expect(importDify(file("{type: code}").replace("Über app 7", "工作流")).workflow!.name).toBe("dify-app");
  });

  test.each([
    ["version: 0.1.0", "0.1.0", 0],
    ["version: 0.7.0", "0.7.0", 0],
    ["version: 0.6", "0.6", 1],
    ["", "0.1.0", 0],
  ])("with %j is of version %s", (written, version, warnings) => {
    const { workflow, report, problems } = importDify(file("{type: code}").replace("version: 0.6.0", written));
    expect(workflow).not.toBeNull();
    expect([report!.version, problems.length]).toEqual([version, warnings]);
  });

  test.each<[string, string, string, string]>([
    ["an empty text", "", "empty", "1:1"],
    ["a list", "[]", "wrong_type", "1:1"],
    ["text without an app", "nodes:\n  - {id: a, type: start}\nedges: []", "not_an_app", "1:1"],
    ["a chat assistant", "app: {mode: chat}\nmodel_config: {}", "no_graph", "1:6"],
    ["an agent", "app: {mode: agent-chat}\nmodel_config: {}", "no_graph", "1:6"],
    ["an app without a graph", "app: {mode: workflow}\nworkflow: {}", "no_graph", "1:1"],
    ["broken YAML", "app: {mode: workflow\n", "yaml_syntax", "2:1"],
    [
      "a graph without a start",
      "app: {}\nworkflow: {graph: {nodes: [{id: a, data: {type: end}}]}}",
      "no_start",
      "2:28",
    ],
  ])("that is %s is refused where it goes wrong", (_, text, code, place) => {
    const { workflow, problems } = importDify(text);
    expect(workflow).toBeNull();
    const error = problems.find(({ severity }) => severity === "error")!;
    expect(error.code).toBe(code);
    expect(`${error.place.line}:${error.place.column}`).toBe(place);
    expect(error.suggestion ?? "").not.toBe("");
  });

  test("comes back from an export with its unknown keys and odd ids", () => {
    const text = file("{type: code, code: 'x', some_future_key: {deep: [1, '0123', null, 'yes']}, selected: false}");
    const { document } = importDify(text);
    expect(importDify(exportDify(document)).document).toEqual(document);
  });

  test("of any kind is answered, and nothing is thrown", () => {
    fc.assert(fc.property(fc.string(), (text) => importDify(text).problems.length >= 0));
    const node = fc.record({
      id: fc.oneof(fc.constantFrom("a", "b", "c", "root", "x/y", "__proto__"), fc.jsonValue()),
      parentId: fc.constantFrom(null, "a", "b", "c"),
      type: fc.constantFrom("custom", "custom-note", "custom-loop-start", null),
      data: fc.oneof(
        fc.jsonValue(),
        fc
          .tuple(
            fc.constantFrom(...Object.keys(MAPPERS), "else"),
            fc.dictionary(
              fc.constantFrom(
                "variables",
                "cases",
                "items",
                "outputs",
                "model",
                "start_node_id",
                "prompt_template",
                "body",
              ),
              fc.jsonValue(),
            ),
          )
          .map(([type, rest]) => ({ ...rest, type })),
      ),
    });
    const ends = fc.constantFrom("a", "b", "c", "root", "nobody");
    const graph = fc.record({
      nodes: fc.array(node, { maxLength: 6 }),
      edges: fc.array(fc.record({ source: ends, target: ends, sourceHandle: fc.jsonValue() }), { maxLength: 8 }),
    });
    fc.assert(
      fc.property(graph, (one) => {
        const result = importDify(JSON.stringify({ app: { mode: "workflow" }, workflow: { graph: one } }));
        expect(result.workflow !== null || result.problems.some(({ severity }) => severity === "error")).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("the report", () => {
  test("says of each node what it is, whether it runs, and where it stands", () => {
    const { report } = importDify(
      file("{type: llm, title: Ask, model: {name: gpt-4o, provider: openai}, prompt_template: []}"),
    );
    expect(report!.nodes).toMatchObject([
      { id: "s", title: "Start", kind: "start", step: "start", support: "runs", place: { line: 9 } },
      {
        id: "n",
        title: "Ask",
        kind: "llm",
        step: "model_inference",
        support: "needs_configuration",
        needs: [{ what: "model", name: "openai/gpt-4o" }],
        place: { line: 12, column: 9 },
      },
      { id: "e", support: "runs" },
    ]);
  });

  test("lists the secrets that an export left empty, and not those that are given", () => {
    const more = `environment_variables: [{name: KEY, value: "", value_type: secret}, {name: n, value: "5", value_type: number}]`;
    const { report, workflow } = importDify(file("{type: code}", more));
    expect(report!.needs).toEqual([{ what: "secret", name: "KEY" }]);
    expect([workflow!.env, workflow!.dify!.secrets]).toEqual([{ KEY: "", n: 5 }, ["KEY"]]);
    expect(importDify(file("{type: code}", more), { env: { KEY: "k" } }).report!.needs).toEqual([]);
  });

  test("lists plugins, and installs none", () => {
    const dependencies =
      "dependencies: [{type: marketplace, value: {marketplace_plugin_unique_identifier: 'org/p:1@x'}}]\n";
    expect(importDify(dependencies + file("{type: code}")).report!.plugins).toEqual(["org/p:1@x"]);
  });

  test("says of a node that nothing leads to that it never runs", () => {
    const { report, problems, workflow } = importDify(
      file("{type: code}").replace("      - {source: s, target: n}\n", ""),
    );
    expect(report!.nodes.map(({ about }) => about !== "")).toEqual([false, true, true]);
    expect(problems.map(({ code }) => code)).toEqual(["never_runs", "never_runs"]);
    expect(workflow!.steps.map(({ id }) => id)).toEqual(["s"]);
  });

  test("says of a kind that nobody knows that it cannot run, and the file is imported", () => {
    const { report, workflow } = importDify(file("{type: knowledge-retrieval-v2}"));
    expect(report!.nodes[1]).toMatchObject({ support: "not_supported", kind: "knowledge-retrieval-v2" });
    expect(workflow!.steps[1]).toMatchObject({ kind: "refuse", what: "knowledge-retrieval-v2" });
  });

  test("has a row for every kind that is mapped, and for no kind twice", () => {
    const kinds = NODE_SUPPORT.map(({ kind }) => kind);
    expect(new Set(kinds).size).toBe(kinds.length);
    for (const kind of Object.keys(MAPPERS)) expect(kinds).toContain(kind);
    for (const { kind, step, support } of NODE_SUPPORT)
      expect(step === "" || Object.hasOwn(MAPPERS, kind) || support === "not_supported").toBe(true);
    expect(supportOf("").support).toBe("not_supported");
  });
});

describe("problems of a graph", () => {
  test.each<[string, string, string]>([
    ["an edge to nothing", "{source: n, target: e}|{source: n, target: ghost}", "20:9 unknown_node"],
    ["an edge from nothing", "{source: n, target: e}|{source: ghost, target: e}", "20:9 unknown_node"],
    ["two nodes of one id", "- id: e|- id: n", "15:13 duplicate_id, 20:9 unknown_node"],
    [
      "an operator that does not exist",
      "type: code|type: if-else, cases: [{case_id: a, conditions: [{variable_selector: [s, x], comparison_operator: '=='}]}]",
      "14:114 unknown_operator",
    ],
    [
      "an assigner without its variable",
      "type: code|type: assigner, items: [{variable_selector: [conversation, x], operation: clear}]",
      "14:60 unknown_variable",
    ],
  ])("%s stops the file from running, with its place", (_, change, expected) => {
    const [from, to] = change.split("|") as [string, string];
    const { workflow, report, problems } = importDify(file("{type: code}").replace(from, to));
    expect([workflow, report === null]).toEqual([null, false]);
    const errors = problems.filter(({ severity }) => severity === "error");
    expect(errors.map(({ code, place }) => `${place.line}:${place.column} ${code}`).join(", ")).toBe(expected);
  });

  test("containers that stand in each other without end are refused", () => {
    const nodes = Array.from({ length: 60 }, (_, i) => ({
      id: `l${i}`,
      parentId: i === 0 ? undefined : `l${i - 1}`,
      data: { type: "loop", start_node_id: `l${i + 1}` },
    }));
    const graph = { nodes: [{ id: "s", data: { type: "start" } }, ...nodes], edges: [{ source: "s", target: "l0" }] };
    const { workflow, problems } = importDify(JSON.stringify({ app: {}, workflow: { graph } }));
    expect(workflow).toBeNull();
    expect(problems.map(({ code }) => code)).toContain("too_deep");
  });
});
