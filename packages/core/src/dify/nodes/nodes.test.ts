import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../base/json.ts";
import type { WorkStep } from "../../workflow/workflow.ts";
import { configOf, file, stepOf } from "../file.testing.ts";
import { importDify } from "../import.ts";
import { MAPPERS } from "./index.ts";

describe("old spellings", () => {
  test("conditions at the node itself are the case true", () => {
    const step = stepOf(
      "{type: if-else, logical_operator: or, conditions: [{variable_selector: [s, x], comparison_operator: empty}]}",
    );
    expect(step).toMatchObject({
      kind: "switch",
      default: "false",
      cases: [{ name: "true", when: { logical: "or", conditions: [{ operator: "empty" }] } }],
    });
  });

  test("case ids that lost their quotes are texts", () => {
    expect(stepOf("{type: if-else, cases: [{case_id: true, conditions: []}]}")).toMatchObject({
      cases: [{ name: "true" }],
    });
  });

  test("variable-assigner is an aggregator", () => {
    expect(stepOf("{type: variable-assigner, variables: [[s, x]]}")).toMatchObject({
      kind: "aggregate",
      value: { output: { $first: [["s", "x"]] } },
    });
  });

  test("the first version of the assigner has one line", () => {
    const variables = "conversation_variables: [{name: v, value: a, value_type: string}]";
    const data =
      "{type: assigner, assigned_variable_selector: [conversation, v], input_variable_selector: [s, x], write_mode: over-write}";
    expect(stepOf(data, {}, variables)).toMatchObject({
      dify: [{ target: ["conversation", "v"], targetType: "string", operation: "over-write", from: ["s", "x"] }],
    });
  });

  test("ids that lost their quotes are found all the same", () => {
    const text = file("{type: end, outputs: [{variable: o, value_selector: [1718, x]}]}")
      .replaceAll("id: s", "id: 1718")
      .replace("source: s", "source: 1718");
    const { workflow } = importDify(text);
    expect(workflow!.steps.map(({ id }) => id)).toEqual(["1718", "n", "e"]);
    expect(workflow!.steps[1]).toMatchObject({
      dependsOn: [{ step: "1718" }],
      value: { o: { $select: ["1718", "x"] } },
    });
  });

  test("ids that cannot name a scope have another here, wherever they are read", () => {
    const text = file("{type: code, variables: [{variable: v, value_selector: [a/b, x]}]}")
      .replace("id: s", "id: a/b")
      .replace("source: s", "source: a/b");
    expect((importDify(text).workflow!.steps[1] as WorkStep).config["inputs"]).toEqual({
      v: { $select: ["node_a_b", "x"], missing: "null" },
    });
  });

  test("what may be null is left out", () => {
    for (const kind of Object.keys(MAPPERS)) {
      const { problems } = importDify(
        file(
          `{type: ${kind}, title: null, desc: null, variables: null, outputs: null, classes: null, conditions: null, cases: null, model: null, items: null}`,
        ),
      );
      expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
    }
  });

  test("an end without outputs gives nothing", () => {
    expect(stepOf("{type: end}")).toMatchObject({ kind: "end", gives: "outputs", value: {} });
  });

  test("the type string of a form is text", () => {
    const { workflow } = importDify(
      file("{type: code}").replace("variables: []", "variables: [{variable: q, type: string, required: true}]"),
    );
    expect(workflow!.inputs).toEqual({ type: "object", properties: { q: { type: ["string"] } }, required: ["q"] });
  });
});

describe("what executors are given", () => {
  test("code: its source as it stands, its variables, its declared outputs", () => {
    const data =
      "{type: code, code_language: javascript, code: 'x {{ y }}', variables: [{variable: a, value_selector: [s, x]}], outputs: {r: {type: string}}}";
    expect(stepOf(data)).toMatchObject({ kind: "work", type: "javascript" });
    expect(configOf(data)).toEqual({
      dialect: "dify",
      code: "x {{ y }}",
      inputs: { a: { $select: ["s", "x"], missing: "null" } },
      outputs: { $literal: { r: { type: "string" } } },
    });
    expect(configOf(data, { limits: "dify" })["limits"]).toBe("dify");
  });

  test("a model: name, provider, messages whose references must be there, context and files", () => {
    const config =
      configOf(`{type: llm, model: {provider: openai, name: m, mode: chat, completion_params: {temperature: 0.5, stop: [x], seed: "{{#s.n#}}"}},
      prompt_template: [{role: system, text: "Hi {{#s.x#}}"}, {role: user, edition_type: jinja2, jinja2_text: "{{ q }}"}],
      prompt_config: {jinja2_variables: [{variable: q, value_selector: [s, q]}]},
      context: {enabled: true, variable_selector: [s, c]}, vision: {enabled: true, configs: {detail: low}}, structured_output_enabled: true, structured_output: {schema: {type: object}}}`);
    expect(config).toMatchObject({
      model: "m",
      provider: "openai",
      mode: "chat",
      params: { temperature: 0.5, stop: { $literal: ["x"] }, seed: { $text: "{{#s.n#}}", missing: "name" } },
      messages: [
        { role: "system", content: { $text: "Hi {{#s.x#}}", missing: "fail" }, files: { $files: [["s", "x"]] } },
        {
          role: "user",
          content: { $jinja: "{{ q }}", variables: { q: { $select: ["s", "q"], missing: "fail" } } },
          files: [],
        },
      ],
      context: { $select: ["s", "c"], missing: "fail" },
      vision: { detail: "low", files: { $select: ["sys", "files"], missing: "null" } },
      schema: { type: "object" },
      reasoning_format: "tagged",
    });
    expect(config["memory"]).toBeUndefined();
  });

  test("a completion prompt is one text, and a disabled context without a variable is none", () => {
    const config = configOf(
      "{type: llm, model: {name: m, mode: completion}, prompt_template: {text: 'Say'}, context: {enabled: false, variable_selector: []}}",
    );
    expect([config["prompt"], config["messages"], config["context"]]).toEqual(["Say", undefined, undefined]);
  });

  test("a request: parameters in pairs, headers as one text, old bodies as one item", () => {
    const config = configOf(
      `{type: http-request, method: POST, url: "https://h/{{#s.x#}}", headers: "A:1\\nB:2", params: "a:1\\nb\\nc:x:y", authorization: {type: api-key, config: {type: bearer, api_key: k}}, body: {type: json, data: '{"a": 1}'}, timeout: {connect: 5}}`,
    );
    expect(config).toMatchObject({
      method: "post",
      url: { $text: "https://h/{{#s.x#}}", missing: "name" },
      headers: "A:1\nB:2",
      params: [
        ["a", "1"],
        ["b", ""],
        ["c", "x:y"],
      ],
      authorization: { type: "api-key", config: { type: "bearer", api_key: "k", header: "" } },
      body: { type: "json", data: [{ key: "", type: "text", value: '{"a": 1}', file: null }] },
      timeout: { connect: 5, read: null, write: null },
      ssl_verify: true,
      fail_on_status: false,
    });
    expect(configOf("{type: http-request, error_strategy: default-value}")["fail_on_status"]).toBe(true);
    expect(
      configOf("{type: http-request, retry_config: {retry_enabled: true, max_retries: 2}}")["fail_on_status"],
    ).toBe(true);
  });

  test("a tool: settings and parameters in any of their shapes, without those that are null", () => {
    const config =
      configOf(`{type: tool, provider_id: time, provider_type: builtin, provider_name: time, tool_name: current_time, paramSchemas: [{name: must, required: true}],
      tool_configurations: {tz: UTC, none: null, shaped: {type: constant, value: v}},
      tool_parameters: {plain: "{{#s.x#}}", mixed: {type: mixed, value: "a {{#s.x#}}"}, must: {type: variable, value: [s, x]}, may: {type: variable, value: [s, y]}, gone: {type: constant, value: null}}}`);
    expect(config).toMatchObject({
      provider_type: "builtin",
      provider: "time",
      tool: "current_time",
      settings: { tz: "UTC", shaped: "v" },
      parameters: {
        plain: { $text: "{{#s.x#}}" },
        mixed: { $text: "a {{#s.x#}}" },
        must: { $select: ["s", "x"], missing: "fail" },
        may: { $select: ["s", "y"], missing: "omit" },
      },
    });
    expect(Object.keys(config["settings"] as JsonObject)).toEqual(["tz", "shaped"]);
  });

  test("a classifier: its classes, and the member that names the way on", () => {
    const step = stepOf(
      "{type: question-classifier, query_variable_selector: [s, q], model: {name: m}, classes: [{id: 1, name: one}, {id: '2', name: two, label: L}], instructions: I}",
    );
    expect(step).toMatchObject({
      type: "classify",
      handleFrom: "class_id",
      config: {
        classes: [
          { id: "1", name: "one", label: "CLASS 1" },
          { id: "2", name: "two", label: "L" },
        ],
        instruction: "I",
      },
    });
  });

  test("an extractor, a list, a document, a retrieval and an agent: under names of their own", () => {
    expect(
      configOf(
        "{type: parameter-extractor, query: [s, q], model: {name: m}, parameters: [{name: p, type: string}], reasoning_mode: null}",
      ),
    ).toMatchObject({
      query: { $select: ["s", "q"], missing: "fail" },
      parameters: { $literal: [{ name: "p", type: "string" }] },
      reasoning_mode: "function_call",
    });
    expect(
      configOf(
        "{type: list-operator, variable: [sys, files], filter_by: {enabled: true, conditions: [{key: type, comparison_operator: in, value: [image]}]}, limit: {enabled: true, size: 2}}",
      ),
    ).toMatchObject({
      items: { $select: ["sys", "files"], missing: "fail" },
      filter_by: { enabled: true, conditions: [{ key: "type", operator: "in", value: { $literal: ["image"] } }] },
      extract_by: { enabled: false },
      order_by: { enabled: false },
      slice: { enabled: true, size: 2 },
    });
    expect(stepOf("{type: document-extractor, variable_selector: [s, f], is_array_file: true}")).toMatchObject({
      type: "document",
      resultAs: "text",
      config: { is_array_file: true },
    });
    expect(
      configOf(
        "{type: knowledge-retrieval, query_variable_selector: [s, q], dataset_ids: [a, b], multiple_retrieval_config: {top_k: 3}}",
      ),
    ).toMatchObject({ datasets: ["a", "b"], multiple_retrieval_config: { $literal: { top_k: 3 } } });
    expect(
      configOf(
        "{type: agent, agent_strategy_name: ReAct, agent_parameters: {model: {type: constant, value: {model: m, provider: p}}, query: {type: constant, value: '{{#s.q#}}'}, tools: {type: constant, value: []}}}",
      ),
    ).toMatchObject({ strategy: "ReAct", model: "m", parameters: { query: { $text: "{{#s.q#}}" } } });
  });

  test("retries are counted from the first attempt, and there is one attempt without them", () => {
    expect(
      stepOf("{type: code, retry_config: {retry_enabled: true, max_retries: 3, retry_interval: 1080}}"),
    ).toMatchObject({ retry: { attempts: 4, backoff: "fixed", initialMs: 1080, on: ["*"] } });
    expect(stepOf("{type: code}")).toMatchObject({ retry: { attempts: 1 } });
  });

  test("time to answer is 36 hours unless the node says otherwise", () => {
    expect(stepOf("{type: human-input, user_actions: [{id: ok, title: OK}]}").timeoutMs).toBe(36 * 3_600_000);
    expect(stepOf("{type: human-input, timeout: 3, timeout_unit: day}").timeoutMs).toBe(72 * 3_600_000);
  });
});
