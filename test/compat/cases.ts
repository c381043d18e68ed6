import { AppError, type Json, type JsonObject } from "@weftwork/core";
import { answered, type Script } from "./bench.ts";

/** One run of a fixture. */
export interface Case {
  readonly file: string;
  readonly inputs?: JsonObject;
  readonly script?: Script;
  /** Left out: the run does not succeed. */
  readonly output?: Json;
  /** Words of the failure, or of the refusal before the run exists. */
  readonly fails?: string;
  readonly status?: "succeeded" | "partial-succeeded" | "failed" | "paused";
  readonly exceptions?: number;
  /** Pieces of the answer and ends of nodes that stand in this order, others between them. */
  readonly order?: readonly string[];
}

const query = (text: string): JsonObject => ({ "sys.query": text });
const HELLO = ["hello world", "say hello to everyone", "hello", "hellohello", "hello123", "hello!@#", " hello "];
const OTHER = ["goodbye world", "hi there", "", "Hello world", "HELLO", "helllo", "helo"];
const CHINESE = "你好，我是AI助手。";
const ENGLISH = "Hello, I am an AI assistant.";
const FORM = { x: "hello", num: 1, enum_var: "A", paragraph: "p" };

/** The rows of the index of fixtures. */
export const CASES: readonly Case[] = [
  ...["x", "", "中文 é", "y".repeat(5000)].map((text): Case => ({
    file: "simple_passthrough_workflow",
    inputs: { query: text },
    output: { query: text },
  })),
  {
    file: "answer_end_with_text",
    inputs: query("Hello, AI!"),
    output: answered("prefixHello, AI!suffix"),
    order: ["prefix", "Hello, AI!", "suffix", "+answer"],
  },
  {
    file: "basic_chatflow",
    inputs: query("hi"),
    script: { says: { llm: "mocked llm response" } },
    output: answered("mocked llm response"),
    order: ["mocked ", "llm ", "response", "+llm", "+answer"],
  },
  {
    file: "basic_llm_chat_workflow",
    inputs: { query: "q" },
    script: { says: { llm_node: "T" } },
    output: { answer: "T" },
  },
  {
    file: "basic_llm_chat_workflow",
    inputs: { query: "q" },
    script: { says: { llm_node: new AppError("MODEL_NOT_FOUND", { model: "mock llm failure", known: "none" }) } },
    status: "failed",
    fails: "mock llm failure",
  },
  { file: "array_iteration_formatting_workflow", output: { output: ["output: 1", "output: 2", "output: 3"] } },
  {
    file: "iteration_flatten_output_disabled_workflow",
    output: {
      output: [
        [1, 2],
        [2, 4],
        [3, 6],
      ],
    },
  },
  {
    file: "iteration_contains_answer",
    inputs: query("go"),
    output: answered("apple\nbanana\ndone"),
  },
  ...HELLO.map((text): Case => ({
    file: "conditional_hello_branching_workflow",
    inputs: { query: text },
    output: { true: text },
  })),
  ...OTHER.map((text): Case => ({
    file: "conditional_hello_branching_workflow",
    inputs: { query: text },
    output: { false: text },
  })),
  ...[1, 2, 0].map((at): Case => ({
    file: "conditional_parallel_code_execution_workflow",
    inputs: { switch: at },
    output: { "1": at === 1 ? "Code 1" : null, "2": "Code 2", "3": at === 1 ? null : "Code 3" },
  })),
  ...[1, 2].map((blocking): Case => ({
    file: "conditional_streaming_vs_template_workflow",
    inputs: { query: "Hello, how are you?", blocking },
    script: { says: { "1754239044238": "I am fine.", "17542969329740": "I am fine." } },
    output: { query: "Hello, how are you?", text: "I am fine." },
    order: ["Hello, how are you?", "\n"],
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
    script: {
      gives: {
        http_node: { status_code: 200, body: '{"key": "value", "number": 42}', headers: {}, files: [] },
        tool_node: ({ config }) => ({
          result: JSON.parse(String((config["parameters"] as JsonObject)["json_string"])) as Json,
        }),
      },
    },
    output: { status_code: 200, parsed_data: { key: "value", number: 42 } },
  },
  { file: "increment_loop_with_break_condition_workflow", output: { num: 5 } },
  {
    file: "loop_contains_answer",
    inputs: query("1"),
    output: answered("1\n2\n1 + 2"),
    order: ["1", "\n", "2", "\n", "1", " + ", "2"],
  },
  {
    file: "multilingual_parallel_llm_streaming_workflow",
    inputs: query("hi"),
    script: { says: { "1754339725656": CHINESE, "1754339718571": ENGLISH } },
    output: answered(CHINESE + ENGLISH),
    order: [CHINESE, "Hello, ", "assistant."],
  },
  {
    file: "test_streaming_conversation_variables",
    inputs: query("Q"),
    output: answered("Q"),
  },
  { file: "builder-scalar", inputs: { text: "x" }, output: { out: "x" } },
  {
    file: "builder-http_default_output",
    inputs: { path: "x" },
    script: { gives: { http: new AppError("REQUEST_BLOCKED", { target: "x", reason: "it is denied" }) } },
    output: { status: 599, text: "denied default" },
    status: "partial-succeeded",
    exceptions: 1,
  },
  { file: "builder-code_increment", inputs: { n: 41 }, output: { out: 42 } },
  { file: "minimal_not_an_app", fails: "no app section" },
  { file: "e2e-echo-workflow", inputs: FORM, output: { x: "hello" } },
  { file: "e2e-echo-workflow", inputs: { ...FORM, x: null }, fails: "x is required in input form" },
  {
    file: "e2e-echo-workflow",
    inputs: { ...FORM, paragraph: "p".repeat(101) },
    fails: "must be less than 100 characters",
  },
  { file: "e2e-echo-workflow", inputs: { ...FORM, num: "abc" }, fails: "must be a valid number" },
  {
    file: "e2e-echo-workflow",
    inputs: { ...FORM, enum_var: "D" },
    fails: "must be one of the following: ['A', 'B', 'C']",
  },
  { file: "e2e-echo-chat", inputs: query("q"), output: answered("echo:q") },
  {
    file: "e2e-file-chat",
    inputs: {
      ...query("q"),
      file_input: { type: "document", transfer_method: "remote_url", url: "https://files.example.com/a.txt" },
    },
    output: answered("ok"),
  },
  { file: "e2e-file-chat", inputs: query("q"), fails: "file_input is required in input form" },
  { file: "e2e-hitl-main", status: "paused" },
  { file: "e2e-hitl-external", status: "paused" },
  {
    file: "e2e-reasoning-chat",
    inputs: query("q"),
    script: { says: { llm: "<think>why</think>because" } },
    output: answered("because"),
  },
];
