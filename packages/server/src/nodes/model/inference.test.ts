import { AppError, type JsonObject } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import type { ModelPart } from "../../gateway/model.ts";
import { modelInference, modelRequestOf } from "../model-inference.ts";
import { testTask } from "../test-task.ts";
import { asked, outputOf, saying, USAGE } from "./asked.testing.ts";

const thought = (text: string): ModelPart => ({ type: "reasoning_delta", text });

describe("context and history", () => {
  test("a context is told above the question, a list in lines", async () => {
    const model = saying(["ok"]);
    const context = ["One.", { content: "Two.", summary: "S", metadata: { score: 1 } }];
    await asked(modelInference, model, { prompt: "p", system: "Be brief.", context });
    expect(model.requests[0]!.system).toBe("Be brief.\n\n<context>\nOne.\nS\nTwo.\n</context>");
    expect(model.requests[0]!.messages).toEqual([{ role: "user", content: "p" }]);
  });

  test("a context that is no text and no chunk fails the step", async () => {
    const { outcome } = await asked(modelInference, saying(["ok"]), { prompt: "p", context: [{ title: "x" }] });
    expect(outcome).toMatchObject({ failure: { code: "STEP_FAILED", message: expect.stringContaining("context") } });
  });

  test("earlier messages stand behind the system's and before the question; a window takes the newest, from a question on", async () => {
    const model = saying(["ok"]);
    const history = [1, 2, 3].flatMap((at) => [
      { role: "user", content: `q${at}` },
      { role: "assistant", content: `a${at}` },
    ]);
    const messages = [
      { role: "system", content: "s" },
      { role: "user", content: "now" },
    ];
    await asked(modelInference, model, { messages, history });
    await asked(modelInference, model, { messages, history: { messages: history, window: 3 } });
    await asked(modelInference, model, { prompt: "now", history: { messages: history, window: 0 } });
    const said = model.requests.map((request) => request.messages.map(({ content }) => content));
    expect(said).toEqual([["s", "q1", "a1", "q2", "a2", "q3", "a3", "now"], ["s", "q3", "a3", "now"], ["now"]]);
  });

  test("a provider beside the name picks the model of that provider, by its last part too", async () => {
    const model = { ...saying(["ok"]), id: "acme/m" };
    expect(outputOf(await asked(modelInference, model, { prompt: "p", model: "m", provider: "x/y/acme" }))).toBe("ok");
    const { outcome } = await asked(modelInference, model, { prompt: "p", model: "m", provider: "other" });
    expect(outcome).toMatchObject({ failure: { code: "MODEL_NOT_FOUND" } });
  });
});

describe("reasoning", () => {
  const pieces = ["<thi", "nk>\nLet me", " see.</th", "ink>\n\nThe ans", "wer."];

  test("separated: thoughts stream apart and are no part of the text, though tags are cut", async () => {
    const done = await asked(modelInference, saying([pieces]), { prompt: "p", reasoning: "separated", output: "full" });
    expect(outputOf(done)).toEqual({
      text: "The answer.",
      reasoning: "Let me see.",
      usage: USAGE,
      finish_reason: "stop",
      structured: null,
      tool_calls: [],
    });
    const told = (type: string) =>
      done.task.emitted.flatMap((part) => (part.type === type && "text" in part ? [part.text] : []));
    expect(told("text_delta").join("")).toBe("The answer.");
    expect(told("reasoning_delta").join("").trim()).toBe("Let me see.");
  });

  test("as it is: tags in the text stay, thoughts of the provider stay out", async () => {
    const done = await asked(modelInference, saying([[thought("hm"), ...pieces]]), { prompt: "p", output: "full" });
    expect(outputOf(done)).toMatchObject({ text: pieces.join(""), reasoning: "hm" });
  });

  test("tagged: thoughts of the provider come into the text, before and between", async () => {
    const model = saying([[thought("a"), thought("b"), "c", thought("d")]]);
    const done = await asked(modelInference, model, { prompt: "p", reasoning: "tagged" });
    expect(outputOf(done)).toBe("<think>\nab\n</think>\nc<think>\nd\n</think>\n");
    expect(done.task.emitted.every(({ type }) => type === "text_delta")).toBe(true);
  });
});

describe("an answer that does not fit its schema", () => {
  const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };

  test("is asked for once more with what was wrong; tokens of both calls count, and the second is not told", async () => {
    const model = saying(['{"n": "x"}', '{"n": 2}']);
    const done = await asked(modelInference, model, { prompt: "p", system: "s", schema });
    expect(done.outcome).toMatchObject({
      output: { n: 2 },
      usage: { input_tokens: 6, output_tokens: 4, total_tokens: 10 },
    });
    expect(model.requests[1]!.messages).toEqual(model.requests[0]!.messages);
    expect(model.requests[1]!.system).toMatch(/^s\n\n.*#\/n.*\{"n": "x"\}/s);
    expect(done.task.emitted).toEqual([
      { type: "text_delta", text: '{"n": "x"}' },
      { type: "log", level: "info", message: expect.stringContaining("once more") },
    ]);
  });

  test("fails after that, with the reason", async () => {
    const model = saying(["no", "neither"]);
    const { outcome } = await asked(modelInference, model, { prompt: "p", schema });
    expect(outcome).toMatchObject({ failure: { code: "MODEL_OUTPUT_INVALID", retryable: true } });
    expect(model.requests).toHaveLength(2);
  });

  test.each([
    ["the step does not want it", { repair: false }, ["no"]],
    [
      "it was cut for its length",
      {},
      [["{", { type: "finish", usage: USAGE, finishReason: "length", fingerprint: "" }]],
    ],
  ] as const)("is not asked for again when %s", async (_fact, fields, answers) => {
    const model = saying(answers);
    const { outcome } = await asked(modelInference, model, { prompt: "p", schema, ...fields });
    expect(outcome).toMatchObject({ failure: { code: "MODEL_OUTPUT_INVALID" } });
    expect(model.requests).toHaveLength(1);
  });

  test("is read leniently first: words around it and single quotes cost no second call", async () => {
    const model = saying(["<think>1?</think>Sure: {'n': 3,}"]);
    const done = await asked(modelInference, model, { prompt: "p", schema, output: "full" });
    expect(outputOf(done)).toMatchObject({ structured: { n: 3 } });
    expect(model.requests).toHaveLength(1);
  });

  test("is not missed where the model asks for a tool first, for those who take the whole answer", async () => {
    const call: ModelPart = { type: "tool_call", id: "c", name: "look", arguments: {} };
    const done = await asked(modelInference, saying([[call]]), {
      prompt: "p",
      schema,
      tools: [{ name: "look" }],
      output: "full",
    });
    expect(outputOf(done)).toMatchObject({
      structured: null,
      finish_reason: "tool_calls",
      tool_calls: [{ name: "look" }],
    });
  });
});

describe("steps of imported files", () => {
  const llm = (config: JsonObject): JsonObject => ({ dialect: "dify", params: {}, messages: [], ...config });
  const user = (content: string, files: JsonObject[] = []): JsonObject => ({ role: "user", content, files });

  test("give their outputs under the names of the file", async () => {
    const done = await asked(modelInference, saying(["<think>x</think>Hi"]), llm({ messages: [user("q")] }));
    expect(outputOf(done)).toMatchObject({
      text: "<think>x</think>Hi",
      reasoning_content: "",
      finish_reason: "stop",
      files: [],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, total_price: "0", latency: expect.any(Number) },
    });
    expect(outputOf(done)).not.toHaveProperty("structured_output");
    const separated = llm({ messages: [user("q")], reasoning_format: "separated" });
    expect(
      outputOf(await asked(modelInference, saying(["<think>x</think>\nHi\n\n\nthere "]), separated)),
    ).toMatchObject({
      text: "Hi\n\nthere",
      reasoning_content: "x",
    });
  });

  test("put the context where it is named, the conversation behind the prompt, the question last", async () => {
    const model = saying(["ok"]);
    const memory = {
      window: { enabled: true, size: 2 },
      query: "now?",
      history: [user("old"), user("q"), { role: "assistant", content: "a" }],
    };
    await asked(
      modelInference,
      model,
      llm({ messages: [{ role: "system", content: "Use {{#context#}}!" }, user("  ")], context: "C$&", memory }),
    );
    expect(model.requests[0]!.messages.map(({ role, content }) => [role, content])).toEqual([
      ["system", "Use C$&!"],
      ["user", "q"],
      ["assistant", "a"],
      ["user", "now?"],
    ]);
  });

  test("a completion prompt has the conversation where it is named, or in front", async () => {
    const model = saying(["ok"]);
    const memory = { role_prefix: { user: "U" }, query: "", history: [user("q"), { role: "assistant", content: "a" }] };
    await asked(modelInference, model, llm({ prompt: "[{{#histories#}}] say", memory }));
    await asked(modelInference, model, llm({ prompt: "say", memory }));
    await asked(modelInference, model, llm({ prompt: "{{#histories#}}say" }));
    expect(model.requests.map(({ messages }) => messages[0]!.content)).toEqual([
      "[U: q\nAssistant: a] say",
      "U: q\nAssistant: a\nsay",
      "say",
    ]);
  });

  test("without a message they fail in the words of the file's readers", async () => {
    for (const config of [llm({ messages: [user(" ")] }), llm({ prompt: "" })]) {
      const { outcome } = await asked(modelInference, saying(["ok"]), config);
      expect(outcome).toMatchObject({
        failure: { message: expect.stringContaining("No prompt found"), details: { error_type: "NoPromptFoundError" } },
      });
      expect(modelRequestOf(testTask(config))).toBeNull();
    }
  });

  test("a schema's object is an output, and there is no second call", async () => {
    const schema = { type: "object", required: ["a"] };
    const model = saying(['{"a": 1}', "no"]);
    const config = llm({ messages: [user("q")], schema });
    expect(outputOf(await asked(modelInference, model, config))).toMatchObject({
      text: '{"a": 1}',
      structured_output: { a: 1 },
    });
    const { outcome } = await asked(modelInference, model, config);
    expect(outcome).toMatchObject({ failure: { code: "MODEL_OUTPUT_INVALID" } });
    expect(model.requests).toHaveLength(2);
  });

  test.each([
    [
      { response_format: "json_object", temperature: 0 },
      { response_format: { type: "json_object" }, temperature: 0 },
    ],
    [{ response_format: "text" }, {}],
    [
      { response_format: "json_schema", json_schema: '{"name": "x"}' },
      { response_format: { type: "json_schema", json_schema: { name: "x" } } },
    ],
    [{ top_k: 3 }, { top_k: 3 }],
  ])("settings %j are those of the protocol", async (params, sent) => {
    const model = saying(["ok"]);
    await asked(modelInference, model, llm({ messages: [user("q")], params }));
    expect(model.requests[0]!.params).toEqual(sent);
  });
});

test("a step that is refused for fields says which, and no model is asked", async () => {
  const model = saying(["ok"]);
  const { outcome } = await asked(modelInference, model, {
    prompt: "p",
    reasoning: "loud",
    vision: { detail: "huge" },
  });
  expect(outcome).toMatchObject({ failure: { code: "STEP_FAILED" } });
  expect(JSON.stringify(outcome)).toMatch(/reasoning.*vision\.detail|vision\.detail.*reasoning/);
  expect(model.requests).toHaveLength(0);
  expect(new AppError("MODEL_OUTPUT_INVALID", { reason: "" }).retryable).toBe(true);
});
