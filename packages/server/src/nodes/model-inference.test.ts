import { AppError, type JsonObject } from "@weftwork/core";
import { describe, expect, test } from "vitest";
import { builtinModels } from "../gateway/builtin/index.ts";
import { modelCatalog } from "../gateway/catalog.ts";
import type { Model, ModelPart, ModelRequest } from "../gateway/model.ts";
import { modelInference } from "./model-inference.ts";
import type { Outcome } from "./node.ts";
import { testTask, type TestTaskOptions } from "./test-task.ts";

const usage = { input_tokens: 3, output_tokens: 2, total_tokens: 5 };
const finish: ModelPart = { type: "finish", usage, finishReason: "stop", fingerprint: "test" };

function text(...deltas: string[]): ModelPart[] {
  const parts = deltas.map((delta): ModelPart => ({ type: "text_delta", text: delta }));
  return [{ type: "text_start" }, ...parts, { type: "text_end" }];
}

/** A model that says what it is told to, and keeps what it was asked. */
function recording(parts: readonly ModelPart[]): Model & { readonly requests: ModelRequest[]; signal?: AbortSignal } {
  const model = {
    id: "test/model",
    provider: "test",
    requests: [] as ModelRequest[],
    signal: undefined as unknown as AbortSignal,
    generate: () => Promise.reject(new Error("the node streams")),
    async *stream(request: ModelRequest, context: { signal: AbortSignal }) {
      model.requests.push(request);
      model.signal = context.signal;
      yield* parts;
    },
  };
  return model;
}

function failing(error: AppError): Model {
  return {
    ...recording([]),
    stream: () => {
      throw error;
    },
  };
}

function run(model: Model, config: JsonObject, options: TestTaskOptions = {}) {
  const catalog = modelCatalog([model], { default: model.id, aliases: { text_generation: model.id } });
  const task = testTask(config, options);
  return { task, outcome: Promise.resolve(modelInference({ catalog }).execute(task)) };
}

async function asked(config: JsonObject, options: TestTaskOptions = {}): Promise<ModelRequest> {
  const model = recording([...text("ok"), finish]);
  const outcome = await run(model, config, options).outcome;
  expect(outcome).toMatchObject({ type: "completed" });
  return model.requests[0]!;
}

const said = (request: ModelRequest) => request.messages.map(({ content }) => content);

describe("what the model is asked", () => {
  test("the input, when there is nothing else", async () => {
    expect((await asked({}, { input: "Hello" })).messages).toEqual([{ role: "user", content: "Hello" }]);
  });

  test("input that is no text as JSON text", async () => {
    expect(said(await asked({}, { input: { title: "A", pages: [1] } }))).toEqual(['{"title":"A","pages":[1]}']);
  });

  test("prompt, blank line, input", async () => {
    expect(said(await asked({ prompt: "Summarise:", input: "A text." }, { input: "A text." }))).toEqual([
      "Summarise:\n\nA text.",
    ]);
  });

  test("the prompt alone when the step names no input", async () => {
    expect(said(await asked({ prompt: "Say hi" }, { input: { big: "document" } }))).toEqual(["Say hi"]);
  });

  test("messages win over prompt and input, as they are", async () => {
    const messages = [
      { role: "user", content: "a" },
      { role: "assistant", content: [{ type: "text", text: "b" }] },
      { role: "user", content: [{ type: "image", url: "data:image/png;base64,AA==" }] },
    ];
    expect((await asked({ messages, prompt: "no" }, { input: "no" })).messages).toEqual(messages);
  });

  test("system, params, schema-less tools and the seed of the task", async () => {
    const request = await asked({
      prompt: "p",
      system: "Be brief.",
      params: { temperature: 0.2 },
      tools: [{ name: "look" }, { name: "find", description: "Finds", parameters: { type: "object", properties: {} } }],
    });
    expect(request).toMatchObject({ system: "Be brief.", params: { temperature: 0.2 }, seed: 7 });
    expect(request.tools).toEqual([
      { name: "look", parameters: { type: "object" } },
      { name: "find", description: "Finds", parameters: { type: "object", properties: {} } },
    ]);
  });

  test("a seed among the params is the author's choice", async () => {
    expect((await asked({ prompt: "p", params: { seed: 42 } })).seed).toBe(42);
  });

  test("the model by name or alias; an unknown one is a failure that names the known", async () => {
    await asked({ model: "text_generation", prompt: "p" });
    const outcome = await run(recording([]), { model: "gpt-9", prompt: "p" }).outcome;
    expect(outcome).toMatchObject({ failure: { code: "MODEL_NOT_FOUND", retryable: false } });
  });

  test("the signal of the task reaches the model", async () => {
    const { signal } = new AbortController();
    const model = recording([...text("ok"), finish]);
    await run(model, { prompt: "p" }, { signal }).outcome;
    expect(model.signal).toBe(signal);
  });
});

describe("what the step gives", () => {
  test("the text, its deltas seen on the way, and the usage", async () => {
    const { outcome, task } = run(recording([...text("Hel", "lo"), finish]), { prompt: "p" });
    expect(await outcome).toMatchObject({ type: "completed", output: "Hello", usage });
    expect(task.emitted).toEqual([
      { type: "text_delta", text: "Hel" },
      { type: "text_delta", text: "lo" },
    ]);
  });

  test("with tools always text and calls", async () => {
    const call: ModelPart = { type: "tool_call", id: "c1", name: "look", arguments: { q: 1 } };
    const tools = [{ name: "look" }];
    expect(await run(recording([call, finish]), { prompt: "p", tools }).outcome).toMatchObject({
      output: { text: "", tool_calls: [{ id: "c1", name: "look", arguments: { q: 1 } }] },
    });
    expect(await run(recording([...text("no"), finish]), { prompt: "p", tools }).outcome).toMatchObject({
      output: { text: "no", tool_calls: [] },
    });
  });

  test("a stream without an end is a failure that may be tried again, never half a text", async () => {
    expect(await run(recording(text("half")), { prompt: "p" }).outcome).toMatchObject({
      type: "failed",
      failure: { code: "MODEL_STREAM_CUT", retryable: true },
    });
  });

  test("an answer that was cut for its length is told to those who watch", async () => {
    const { outcome, task } = run(recording([...text("a"), { ...finish, finishReason: "length" }]), { prompt: "p" });
    expect(await outcome).toMatchObject({ output: "a" });
    expect(task.emitted.at(-1)).toMatchObject({ type: "log", level: "warn" });
  });

  test("what the model throws is the failure", async () => {
    const broken = failing(new AppError("MODEL_AUTHENTICATION", { model: "test/model", status: 401 }));
    const outcome = await run(broken, { prompt: "p" }).outcome;
    expect(outcome).toMatchObject({ failure: { code: "MODEL_AUTHENTICATION", retryable: false } });
    expect(outcome).not.toHaveProperty("retryAfterMs");
  });

  test("a provider's Retry-After is the outcome's", async () => {
    const broken = failing(new AppError("MODEL_OVERLOADED", { model: "test/model", status: 429, retryAfterMs: 7000 }));
    expect(await run(broken, { prompt: "p" }).outcome).toMatchObject({
      type: "failed",
      failure: { code: "MODEL_OVERLOADED", retryable: true },
      retryAfterMs: 7000,
    });
  });
});

describe("with a schema", () => {
  const schema = {
    type: "object",
    properties: { title: { type: "string" }, pages: { type: "integer", minimum: 1 } },
    required: ["title", "pages"],
    additionalProperties: false,
  };
  const answer = (reply: string, object?: JsonObject): Promise<Outcome> =>
    run(recording([...text(reply), object ? { ...finish, object } : finish]), { prompt: "p", schema }).outcome;

  test("the step gives the object, be it sent apart, as text or within a code block", async () => {
    const object = { title: "A", pages: 2 };
    const plain = JSON.stringify(object);
    expect(await answer(plain, object)).toMatchObject({ output: object, usage });
    expect(await answer(plain)).toMatchObject({ output: object });
    expect(await answer("```json\n" + plain + "\n```")).toMatchObject({ output: object });
  });

  test.each([
    ["text that is no JSON", "Sure! Here it is", "it is not JSON"],
    ["a value out of range", '{"title":"A","pages":0}', "#/pages"],
    ["a member missing", '{"title":"A"}', "pages"],
    ["a member too many", '{"title":"A","pages":1,"x":1}', "x"],
    ["another kind of value", "[]", "object"],
  ])("%s is MODEL_OUTPUT_INVALID and may be tried again", async (_what, reply, reason) => {
    const outcome = await answer(reply);
    expect(outcome).toMatchObject({ failure: { code: "MODEL_OUTPUT_INVALID", retryable: true } });
    expect(JSON.stringify(outcome)).toContain(reason);
  });

  test("a schema that leads nowhere fails the step and is not the model's fault", async () => {
    const outcome = await run(recording([...text("{}"), finish]), { prompt: "p", schema: { $ref: "#/$defs/gone" } })
      .outcome;
    expect(outcome).toMatchObject({ failure: { code: "STEP_FAILED", retryable: false } });
  });

  test("every builtin model that fills schemas passes the check", async () => {
    const catalog = modelCatalog(builtinModels());
    const task = testTask({ model: "builtin/template", prompt: "A book", schema });
    const outcome = await modelInference({ catalog }).execute(task);
    expect(outcome).toMatchObject({ type: "completed", output: { title: expect.any(String) } });
  });
});

test("a step of the builtin models runs from its input to text with usage", async () => {
  const catalog = modelCatalog(builtinModels(), { default: "builtin/echo" });
  const task = testTask({}, { input: "Hello there" });
  const outcome = await modelInference({ catalog }).execute(task);
  expect(outcome).toMatchObject({ type: "completed", output: "Hello there" });
  const streamed = task.emitted.map((part) => (part.type === "text_delta" ? part.text : "")).join("");
  expect(streamed).toBe("Hello there");
});
