import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import { exportDify } from "../dify/export.ts";
import { importDify } from "../dify/import.ts";
import { countSupport } from "../dify/report.ts";
import { compile } from "../plan/compile.ts";
import { told } from "./dify.testing.ts";
import { difyStatus, exceptionsCount } from "./dify-view.ts";
import { digest, done, fails, runs, World, type Call, type WorldOptions } from "./run.testing.ts";

/** A folder with `dify-dsl/fixtures` and `dify-dsl/community`: files that the repository does not hold. */
const FOLDER = process.env["WEFT_SHARED"] === undefined ? null : join(process.env["WEFT_SHARED"], "dify-dsl");
const skip = FOLDER === null || !existsSync(FOLDER) ? "WEFT_SHARED names no folder with dify-dsl" : null;
if (skip !== null) process.stdout.write(`skipped: the files of dify-dsl (${skip})\n`);

const read = (name: string): string => readFileSync(join(FOLDER!, `${name}.yml`), "utf8");
const fixture = (name: string, options: WorldOptions = {}): World => runs(read(`fixtures/${name}`), options);
const query = (text: string): JsonObject => ({ "sys.query": text });
const says = (text: string): ((call: Call) => ReturnType<typeof done>) => {
  return () => done({ text, usage: {} });
};
const gives = (result: Json): ReturnType<typeof done> => done({ result });

interface Case {
  readonly file: string;
  readonly inputs?: JsonObject;
  readonly does?: WorldOptions["does"];
  readonly output: Json;
  readonly partial?: true;
}

const answered = (answer: string): Json => ({ answer, files: [] });

const CASES: readonly Case[] = [
  ...["x", "", "中文 é", "y".repeat(5000)].map((text): Case => ({
    file: "simple_passthrough_workflow",
    inputs: { query: text },
    output: { query: text },
  })),
  { file: "answer_end_with_text", inputs: query("Hello, AI!"), output: answered("prefixHello, AI!suffix") },
  {
    file: "basic_chatflow",
    inputs: query("hi"),
    does: { llm: says("mocked llm response") },
    output: answered("mocked llm response"),
  },
  {
    file: "basic_llm_chat_workflow",
    inputs: { query: "q" },
    does: { llm_node: says("T") },
    output: { answer: "T" },
  },
  {
    file: "array_iteration_formatting_workflow",
    does: { "1754683442688": gives([1, 2, 3]) },
    output: { output: ["output: 1", "output: 2", "output: 3"] },
  },
  {
    file: "iteration_flatten_output_disabled_workflow",
    does: {
      code_node: gives([1, 2, 3]),
      code_inner_node: ({ config }) => {
        const x = (config["inputs"] as JsonObject)["arg1"] as number;
        return gives([x, 2 * x]);
      },
    },
    output: {
      output: [
        [1, 2],
        [2, 4],
        [3, 6],
      ],
    },
  },
  { file: "iteration_contains_answer", inputs: query("go"), output: answered("apple\nbanana\ndone") },
  ...["hello world", "say hello to everyone", "hello", "hellohello", "hello123", "hello!@#", " hello "].map(
    (text): Case => ({
      file: "conditional_hello_branching_workflow",
      inputs: { query: text },
      output: { true: text },
    }),
  ),
  ...["goodbye world", "hi there", "", "Hello world", "HELLO", "helllo", "helo"].map((text): Case => ({
    file: "conditional_hello_branching_workflow",
    inputs: { query: text },
    output: { false: text },
  })),
  ...[1, 2, 0].map((at): Case => ({
    file: "conditional_parallel_code_execution_workflow",
    inputs: { switch: at },
    does: {
      "1754230738434": gives("Code 1"),
      "17542307611100": gives("Code 2"),
      "17542307643480": gives("Code 3"),
    },
    output: { "1": at === 1 ? "Code 1" : null, "2": "Code 2", "3": at === 1 ? null : "Code 3" },
  })),
  ...[1, 2].map((blocking): Case => ({
    file: "conditional_streaming_vs_template_workflow",
    inputs: { query: "Hello, how are you?", blocking },
    does: { "1754239044238": says("I am fine."), "17542969329740": says("I am fine.") },
    output: { query: "Hello, how are you?", text: "I am fine." },
  })),
  ...[0, 1].flatMap((first) =>
    [0, 1].map((second): Case => ({
      file: "dual_switch_variable_aggregator_workflow",
      inputs: { switch1: first, switch2: second },
      output: { group1: `switch 1 ${first ? "on" : "off"}`, group2: `switch 2 ${second ? "on" : "off"}` },
    })),
  ),
  {
    file: "http_request_with_json_tool_workflow",
    inputs: { url: "https://api.example.com/data" },
    does: {
      http_node: ({ config }) =>
        done({ status_code: 200, body: '{"key": "value", "number": 42}', headers: {}, asked: config["url"]! }),
      tool_node: ({ config }) =>
        done({ result: JSON.parse(String((config["parameters"] as JsonObject)["json_string"])) as Json }),
    },
    output: { status_code: 200, parsed_data: { key: "value", number: 42 } },
  },
  { file: "increment_loop_with_break_condition_workflow", output: { num: 5 } },
  { file: "loop_contains_answer", inputs: query("1"), output: answered("1\n2\n1 + 2") },
  {
    file: "multilingual_parallel_llm_streaming_workflow",
    inputs: query("hi"),
    does: { "1754339725656": says("你好，我是AI助手。"), "1754339718571": says("Hello, I am an AI assistant.") },
    output: answered("你好，我是AI助手。Hello, I am an AI assistant."),
  },
  { file: "test_streaming_conversation_variables", inputs: query("Q"), output: answered("Q") },
  { file: "builder-scalar", inputs: { text: "x" }, output: { out: "x" } },
  {
    file: "builder-http_default_output",
    inputs: { path: "x" },
    does: { http: fails("REQUEST_BLOCKED") },
    output: { status: 599, text: "denied default" },
    partial: true,
  },
  {
    file: "builder-code_increment",
    inputs: { n: 41 },
    does: { code: ({ config }) => gives(((config["inputs"] as JsonObject)["n"] as number) + 1) },
    output: { out: 42 },
  },
  {
    file: "e2e-echo-workflow",
    inputs: { x: "hello", num: 1, enum_var: "A", paragraph: "p" },
    output: { x: "hello" },
  },
  { file: "e2e-echo-chat", inputs: query("q"), output: answered("echo:q") },
  {
    file: "e2e-file-chat",
    inputs: { ...query("q"), file_input: { dify_model_identity: "__dify__file__", type: "document" } },
    output: answered("ok"),
  },
  {
    file: "e2e-reasoning-chat",
    inputs: query("q"),
    does: { llm: ({ config }) => done({ text: `${String(config["reasoning_format"])}!`, reasoning_content: "why" }) },
    output: answered("separated!"),
  },
];

describe.skipIf(skip !== null)("the fixtures of Dify's own tests", () => {
  test.each(CASES)("$file gives $output", ({ file, inputs = {}, does, output, partial }) => {
    const world = fixture(file, { inputs, ...(does ? { does } : {}) });
    expect(world.state.failure).toBeNull();
    expect(world.output).toEqual(output);
    expect(difyStatus(world.state)).toBe(partial ? "partial-succeeded" : "succeeded");
    expect(exceptionsCount(world.state)).toBe(partial ? 1 : 0);
  });

  test("a model's error fails the run with it", () => {
    const world = fixture("basic_llm_chat_workflow", {
      inputs: { query: "q" },
      does: { llm_node: fails("MODEL_UNAVAILABLE") },
    });
    expect(difyStatus(world.state)).toBe("failed");
    expect(world.state.failure?.code).toBe("MODEL_UNAVAILABLE");
  });

  test.each([
    [{ num: 1, enum_var: "A", paragraph: "p" }, "x is required in input form"],
    [{ x: "h", num: 1, enum_var: "A", paragraph: "p".repeat(101) }, "must be less than 100 characters"],
    [{ x: "h", num: "abc", enum_var: "A", paragraph: "p" }, "must be a valid number"],
    [{ x: "h", num: 1, enum_var: "D", paragraph: "p" }, "must be one of the following: ['A', 'B', 'C']"],
  ])("e2e-echo-workflow refuses %o", (inputs, message) => {
    expect(fixture("e2e-echo-workflow", { inputs }).state.failure?.message).toContain(message);
  });

  test.each(["action_2", "action_3", "action_1"])("a question waits, and %s is where it goes on", (action) => {
    const world = new World(read("fixtures/e2e-hitl-main")).start();
    expect(difyStatus(world.state)).toBe("paused");
    const waiting = world.state.waiting.values().next().value as { scope: string; node: string };
    const { scope, node } = waiting;
    world.input({ type: "approval_decided", id: "1", scope, node, approved: true, by: null, form: {}, action });
    expect(difyStatus(world.run().state)).toBe("succeeded");
    expect(world.output).toEqual(action === "action_1" ? {} : { x: action });
  });

  test("a question that nobody answers goes on by its timeout", () => {
    const world = new World(read("fixtures/e2e-hitl-main")).start();
    world.fire(world.nextTimer()!.id);
    expect(world.run().output).toEqual({ x: null });
  });

  /** The pieces of text that leave until a node has ended, and which ended before. */
  const tells = (
    name: string,
    options: WorldOptions,
    streams: Readonly<Record<string, readonly string[]>> = {},
  ): string[] => told(read(`fixtures/${name}`), options, streams);

  test("text goes out in the order that Dify's own tests ask for", () => {
    expect(tells("answer_end_with_text", { inputs: query("Hello, AI!") })).toEqual([
      "prefix",
      "Hello, AI!",
      "suffix",
      "+1755077165531",
      "+answer",
    ]);
    const loop = tells("loop_contains_answer", { inputs: query("1") }).filter((line) => !line.startsWith("+"));
    expect(loop).toEqual(["1", "\n", "2", "\n", "1", " + ", "2"]);
    const model = { "1754239044238": says("fine"), "17542969329740": says("fine") };
    const [first, ...rest] = tells("conditional_streaming_vs_template_workflow", {
      inputs: { query: "Hello", blocking: 1 },
      does: model,
    }).filter((line) => !line.startsWith("+17542390") || line === "+1754239044238");
    expect([first, ...rest.slice(0, 4)]).toEqual(["Hello", "\n", "+1754296900311", "+1754239044238", "fine"]);
    const streams = {
      "1754339725656": ["你好，", "我是AI助手。"],
      "1754339718571": ["Hello, ", "I am an AI assistant."],
    };
    const both = tells(
      "multilingual_parallel_llm_streaming_workflow",
      {
        inputs: query("hi"),
        does: { "1754339725656": says("你好，我是AI助手。"), "1754339718571": says("Hello, I am an AI assistant.") },
      },
      streams,
    );
    expect(both.filter((line) => !line.startsWith("+")).join("|")).toBe(
      "你好，|我是AI助手。|Hello, I am an AI assistant.",
    );
  });

  test("a sketch without an app is refused", () => {
    const { workflow, report, problems } = importDify(read("fixtures/minimal_not_an_app"));
    expect([workflow, report]).toEqual([null, null]);
    expect(problems).toMatchObject([{ code: "not_an_app", severity: "error", place: { line: 1 } }]);
  });

  test("every fixture comes back from an export as it was", () => {
    for (const file of readdirSync(join(FOLDER!, "fixtures"))) {
      const { document } = importDify(readFileSync(join(FOLDER!, "fixtures", file), "utf8"));
      expect(importDify(exportDify(document)).document).toEqual(document);
    }
  });
});

describe.skipIf(skip !== null)("the files of the community", () => {
  const files = skip === null ? readdirSync(join(FOLDER!, "community")).toSorted() : [];
  const imported = files.map((file) => ({
    file,
    ...importDify(readFileSync(join(FOLDER!, "community", file), "utf8")),
  }));

  test("all are read, and at least 95 of 100 of their nodes run or need configuration", () => {
    let [all, good] = [0, 0];
    for (const { file, workflow, report } of imported) {
      expect(report, file).not.toBeNull();
      const counts = countSupport(report!);
      const able = counts.runs + counts.needs_configuration;
      all += report!.nodes.length;
      good += able;
      process.stdout.write(
        `${file}: ${workflow ? "imported" : "cannot run"}, ${able}/${report!.nodes.length} nodes supported\n`,
      );
    }
    process.stdout.write(`${imported.length} files, ${good} of ${all} nodes run or need configuration\n`);
    expect(good / all).toBeGreaterThanOrEqual(0.95);
  });

  test("all compile but the one whose form has doubled names, which says where", () => {
    const refused = imported.filter(({ workflow }) => workflow === null);
    expect(refused.map(({ file }) => file)).toEqual(["lazeyliu-broken-human-input-dup.yml"]);
    expect(refused[0]!.problems.map(({ place }) => place.line)).toEqual([38, 42]);
    for (const { file, workflow } of imported) {
      if (workflow === null) continue;
      const compiled = compile(workflow, { version: "1.0.0", hash: file, digest });
      expect(compiled.problems, file).toEqual([]);
    }
  });

  test("a branch that leads nowhere is told, and the run ends there", () => {
    const text = read("community/lazeyliu-broken-if-else-no-false");
    expect(importDify(text).problems).toMatchObject([{ severity: "warning", code: "open_branch" }]);
    expect(runs(text, { inputs: { query: "bye" } }).output).toEqual({});
  });

  test("a loop-end ends its loop after the first round", () => {
    expect(runs(read("community/lazeyliu-loop-assigner")).output).toEqual({ num: 2 });
  });

  test("all come back from an export as they were", () => {
    for (const { document } of imported) {
      expect(isJsonObject(document)).toBe(true);
      expect(importDify(exportDify(document)).document).toEqual(document);
    }
  });
});
