import { inspect } from "node:util";
import { AppError } from "@weftwork/core";
import { afterEach, describe, expect, test } from "vitest";
import { startModelServer, type ModelScript, type ModelServer } from "../../testkit/model-server.ts";
import type { ModelPart, ModelRequest } from "../model.ts";
import { openAiCompatible, type OpenAiCompatibleOptions } from "./openai-compatible.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

async function setUp(
  script: ModelScript,
  options: Partial<OpenAiCompatibleOptions> & { readonly refuses?: readonly string[] } = {},
) {
  const { refuses = [], ...rest } = options;
  const server = await startModelServer({ script, refuses });
  open.push(() => server.close());
  return { server, model: openAiCompatible({ name: "test", endpoint: server.url, ...rest }) };
}

const ask = (content: string, rest: Partial<ModelRequest> = {}): ModelRequest => ({
  messages: [{ role: "user", content }],
  ...rest,
});
const free = { signal: new AbortController().signal };

async function collect(parts: AsyncIterable<ModelPart>): Promise<ModelPart[]> {
  const seen: ModelPart[] = [];
  for await (const part of parts) seen.push(part);
  return seen;
}

async function errorOf(call: Promise<unknown>): Promise<AppError> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw new Error(`no AppError was thrown but ${inspect(error)}`);
}

describe("a chat", () => {
  test("goes to /v1/chat/completions with the key, the messages and the settings, seed in 31 bits", async () => {
    const { server, model } = await setUp(
      { text: "ok" },
      { apiKey: "sk-canary", model: "gpt-x", headers: { "X-Team": "blue" }, params: { temperature: 0.5, top_p: 1 } },
    );
    await model.generate(ask("Hi", { system: "Be brief.", params: { temperature: 0 }, seed: 0xff_ff_ff_ff }), free);
    const [request] = server.requests;
    expect(request).toMatchObject({ method: "POST", path: "/v1/chat/completions" });
    expect(request!.headers).toMatchObject({ authorization: "Bearer sk-canary", "x-team": "blue" });
    expect(request!.body).toEqual({
      model: "gpt-x",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ],
      temperature: 0,
      top_p: 1,
      seed: 0x7f_ff_ff_ff,
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test.each([
    ["", "/v1/chat/completions"],
    ["/", "/v1/chat/completions"],
    ["/api/v3/", "/api/v3/chat/completions"],
    ["/v1/chat/completions", "/v1/chat/completions"],
    ["/openai?api-version=2", "/openai/chat/completions?api-version=2"],
  ])("at an endpoint with the path %j is a POST to %s", async (path, wanted) => {
    const server = await startModelServer({ script: { text: "ok" } });
    open.push(() => server.close());
    await openAiCompatible({ name: "m", endpoint: server.url + path }).generate(ask("Hi"), free);
    expect(server.requests[0]!.path).toBe(wanted);
  });

  test("streams parts in the order of the port", async () => {
    const { model } = await setUp({
      text: ["Hel", "lo"],
      reasoning: "hm",
      usage: { input_tokens: 3, output_tokens: 2 },
    });
    expect(await collect(model.stream(ask("Hi"), free))).toEqual([
      { type: "reasoning_delta", text: "hm" },
      { type: "text_start" },
      { type: "text_delta", text: "Hel" },
      { type: "text_delta", text: "lo" },
      { type: "text_end" },
      {
        type: "finish",
        usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 },
        finishReason: "stop",
        fingerprint: "scripted",
      },
    ]);
  });

  test("says the same streamed and whole", async () => {
    const toolCalls = [{ name: "look", arguments: { q: "你好" } }];
    const script: ModelScript = { text: "Hello 世界, this is it.", reasoning: "thinking", toolCalls };
    const { server, model } = await setUp(script);
    const whole = openAiCompatible({ name: "test", endpoint: server.url, stream: false });
    const [streamed, once] = [await model.generate(ask("Hi"), free), await whole.generate(ask("Hi"), free)];
    expect(once).toEqual(streamed);
    expect(streamed).toMatchObject({
      text: "Hello 世界, this is it.",
      reasoning: "thinking",
      finishReason: "tool_calls",
    });
    expect(server.requests.map(({ body }) => body["stream"])).toEqual([true, false]);
    const joined = (await collect(model.stream(ask("Hi"), free))).map((part) =>
      part.type === "text_delta" ? part.text : "",
    );
    expect(joined.join("")).toBe(streamed.text);
  });

  test("gives each delta while the rest is still to come", async () => {
    const gate = Promise.withResolvers<void>();
    const { model } = await setUp({ text: ["first", gate.promise, " second"] });
    const seen: string[] = [];
    for await (const part of model.stream(ask("Hi"), free)) {
      if (part.type !== "text_delta") continue;
      seen.push(part.text);
      gate.resolve();
    }
    expect(seen).toEqual(["first", " second"]);
  });

  test("without reported usage has it estimated", async () => {
    const { model } = await setUp({ text: "abcdefgh", usage: null });
    const { usage } = await model.generate(ask("你好吗"), free);
    expect(usage).toEqual({ input_tokens: 3, output_tokens: 2, total_tokens: 5 });
  });

  test("uses its connection again", async () => {
    const { server, model } = await setUp({ text: "ok" });
    for (let count = 0; count < 5; count++) await model.generate(ask("Hi"), free);
    expect(server.connectionCount).toBe(1);
  });

  test("carries images, files, tool calls and their results", async () => {
    const { server, model } = await setUp({ text: "ok" });
    const messages: ModelRequest["messages"] = [
      {
        role: "user",
        content: [
          { type: "text", text: "See" },
          { type: "image", url: "data:image/png;base64,AA==" },
          { type: "file", url: "data:application/pdf;base64,AA==", mediaType: "application/pdf", name: "a.pdf" },
        ],
      },
      { role: "assistant", content: [{ type: "tool_call", id: "c1", name: "look", arguments: { q: 1 } }] },
      { role: "tool", content: [{ type: "tool_result", id: "c1", output: { found: true } }] },
    ];
    await model.generate({ messages }, free);
    expect(server.requests[0]!.body["messages"]).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "See" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } },
          { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AA==" } },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '{"q":1}' } }],
      },
      { role: "tool", tool_call_id: "c1", content: '{"found":true}' },
    ]);
  });
});

describe("tools", () => {
  const tools = [{ name: "look", description: "Looks", parameters: { type: "object" } }];

  test("are offered, and their calls come whole, in order", async () => {
    const { server, model } = await setUp({
      toolCalls: [
        { name: "look", arguments: { q: "a" } },
        { name: "look", arguments: {}, id: "own" },
      ],
    });
    const result = await model.generate(ask("Hi", { tools }), free);
    expect(result).toMatchObject({
      text: "",
      finishReason: "tool_calls",
      toolCalls: [
        { type: "tool_call", id: "call_1", name: "look", arguments: { q: "a" } },
        { type: "tool_call", id: "own", name: "look", arguments: {} },
      ],
    });
    expect(server.requests[0]!.body["tools"]).toEqual([
      { type: "function", function: { name: "look", description: "Looks", parameters: { type: "object" } } },
    ]);
  });
});

describe("JSON of a schema", () => {
  const schema = {
    type: "object",
    properties: { title: { type: "string" } },
    required: ["title"],
    additionalProperties: false,
  };

  test("is asked for by json_schema, strictly where the schema allows", async () => {
    const { server, model } = await setUp({ json: { title: "A" } });
    expect(await model.generate(ask("Hi", { schema }), free)).toMatchObject({
      object: { title: "A" },
      text: '{"title":"A"}',
    });
    await model.generate(ask("Hi", { schema: { ...schema, required: [] } }), free);
    expect(server.requests.map(({ body }) => body["response_format"])).toEqual([
      { type: "json_schema", json_schema: { name: "answer", schema, strict: true } },
      { type: "json_schema", json_schema: { name: "answer", schema: { ...schema, required: [] } } },
    ]);
  });

  test("is asked for by json_object and words where json_schema is refused, at once in later calls", async () => {
    const { server, model } = await setUp({ json: { title: "A" } }, { refuses: ["json_schema"] });
    for (let count = 0; count < 2; count++) {
      expect(await model.generate(ask("Hi", { schema }), free)).toMatchObject({ object: { title: "A" } });
    }
    const formats = server.requests.map(({ body }) => body["response_format"]);
    expect(formats).toEqual([
      expect.objectContaining({ type: "json_schema" }),
      { type: "json_object" },
      { type: "json_object" },
    ]);
    expect(JSON.stringify(server.requests[1]!.body["messages"])).toContain("JSON Schema");
  });

  test("is asked for by words alone where nothing else is taken; other calls stay as they are", async () => {
    const { server, model } = await setUp({ text: '```json\n{"title":"A"}\n```' }, { refuses: ["response_format"] });
    expect(await model.generate(ask("Hi", { schema }), free)).toMatchObject({ object: { title: "A" } });
    expect(server.requests).toHaveLength(3);
    expect(server.requests[2]!.body).not.toHaveProperty("response_format");
  });

  test("a refusal that has nothing to do with it is reported as it was, and nothing is unlearnt", async () => {
    const { server, model } = await setUp([
      { nth: 4, answer: { json: {} } },
      { answer: { status: 400, message: "No such model" } },
    ]);
    const error = await errorOf(model.generate(ask("Hi", { schema }), free));
    expect(error).toMatchObject({ code: "MODEL_REQUEST_INVALID", retryable: false });
    expect(error.message).toContain("No such model");
    await model.generate(ask("Hi", { schema }), free);
    expect(server.requests.at(-1)!.body["response_format"]).toMatchObject({ type: "json_schema" });
  });
});

test.each(["stream_options", "seed"])("a server that refuses %s is not asked for it again", async (part) => {
  const { server, model } = await setUp({ text: "ok" }, { refuses: [part] });
  for (let count = 0; count < 2; count++) await model.generate(ask("Hi", { seed: 7 }), free);
  expect(server.requests.map(({ body }) => part in body)).toEqual([true, false, false]);
});

test("a server that wants max_completion_tokens gets max_tokens under that name", async () => {
  const message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.";
  const { server, model } = await setUp([
    { when: (_, body) => body["max_tokens"] !== undefined, answer: { status: 400, message } },
    { answer: { text: "ok" } },
  ]);
  await model.generate(ask("Hi", { params: { max_tokens: 5 } }), free);
  expect(server.requests[1]!.body).toMatchObject({ max_completion_tokens: 5 });
});

describe("an abort", () => {
  async function aborted(server: ModelServer, act: () => void, call: Promise<unknown>): Promise<number> {
    const outcome = call.catch((error: unknown) => error);
    const request = await server.request(1);
    const start = performance.now();
    act();
    await request.ended;
    const took = performance.now() - start;
    expect(request.closedEarly).toBe(true);
    expect(await outcome).toMatchObject({ message: "the run was cancelled" });
    return took;
  }

  test("before the answer begins closes the connection within two seconds", async () => {
    const { server, model } = await setUp({ fault: "hang" });
    const stop = new AbortController();
    const call = model.generate(ask("Hi"), { signal: stop.signal });
    expect(await aborted(server, () => stop.abort(new Error("the run was cancelled")), call)).toBeLessThan(2000);
  });

  test("amid the answer closes the connection within two seconds", async () => {
    const { server, model } = await setUp({ text: ["one", Promise.withResolvers().promise] });
    const stop = new AbortController();
    const begun = Promise.withResolvers<void>();
    const read = async (): Promise<void> => {
      for await (const part of model.stream(ask("Hi"), { signal: stop.signal })) {
        if (part.type === "text_delta") begun.resolve();
      }
    };
    const call = read();
    await begun.promise;
    expect(await aborted(server, () => stop.abort(new Error("the run was cancelled")), call)).toBeLessThan(2000);
  });

  test("before the call sends nothing", async () => {
    const { server, model } = await setUp({ text: "ok" });
    const signal = AbortSignal.abort(new Error("too late"));
    await expect(model.generate(ask("Hi"), { signal })).rejects.toThrow("too late");
    expect(server.requests).toHaveLength(0);
  });

  test("a reader that leaves closes the connection too", async () => {
    const { server, model } = await setUp({ text: ["one", Promise.withResolvers().promise] });
    const parts = model.stream(ask("Hi"), free)[Symbol.asyncIterator]();
    await parts.next();
    await parts.return?.();
    const request = await server.request(1);
    await request.ended;
    expect(request.closedEarly).toBe(true);
  });
});

describe("a refusal", () => {
  test.each([
    [400, "MODEL_REQUEST_INVALID", false],
    [404, "MODEL_REQUEST_INVALID", false],
    [422, "MODEL_REQUEST_INVALID", false],
    [301, "MODEL_REQUEST_INVALID", false],
    [401, "MODEL_AUTHENTICATION", false],
    [403, "MODEL_AUTHENTICATION", false],
    [402, "MODEL_QUOTA_EXHAUSTED", false],
    [413, "MODEL_INPUT_TOO_LONG", false],
    [429, "MODEL_OVERLOADED", true],
    [503, "MODEL_OVERLOADED", true],
    [529, "MODEL_OVERLOADED", true],
    [500, "MODEL_UNAVAILABLE", true],
    [502, "MODEL_UNAVAILABLE", true],
    [408, "MODEL_UNAVAILABLE", true],
  ])("with status %i is %s", async (status, code, retryable) => {
    const { server, model } = await setUp({ status, message: "what the provider says" });
    const error = await errorOf(model.generate(ask("Hi"), free));
    expect(error).toMatchObject({ code, retryable, details: { model: "test", status } });
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ["context_length_exceeded", 400, "MODEL_INPUT_TOO_LONG"],
    ["insufficient_quota", 429, "MODEL_QUOTA_EXHAUSTED"],
    ["content_filter", 400, "MODEL_CONTENT_FILTERED"],
  ])("with the code %s is told apart from others of status %i", async (code, status, wanted) => {
    const { model } = await setUp({ status, code, message: "no" });
    expect(await errorOf(model.generate(ask("Hi"), free))).toMatchObject({ code: wanted, retryable: false });
  });

  test("carries the provider's words", async () => {
    const { model } = await setUp({ status: 404, message: "The model `gpt-9` does not exist" });
    expect((await errorOf(model.generate(ask("Hi"), free))).message).toContain("The model `gpt-9` does not exist.");
  });

  test.each([
    ["7", 7000],
    [0, 0],
    [86_400, 86_400_000],
    ["Wed, 21 Oct 2015 07:28:00 GMT", 0],
    ["soon", undefined],
  ])("with Retry-After %s says when to come again", async (retryAfter, ms) => {
    const { model } = await setUp({ status: 429, retryAfter });
    expect((await errorOf(model.generate(ask("Hi"), free))).details["retryAfterMs"]).toBe(ms);
  });

  test("a date in Retry-After is counted from now", async () => {
    const { model } = await setUp({ status: 503, retryAfter: new Date(Date.now() + 60_000).toUTCString() });
    const ms = Number((await errorOf(model.generate(ask("Hi"), free))).details["retryAfterMs"]);
    expect(ms).toBeGreaterThan(50_000);
    expect(ms).toBeLessThanOrEqual(60_000);
  });
});

describe("what is no answer", () => {
  test.each([
    ["cut", "MODEL_STREAM_CUT"],
    ["end", "MODEL_STREAM_CUT"],
    ["error_event", "MODEL_UNAVAILABLE"],
    ["invalid_json", "MODEL_ANSWER_INVALID"],
    ["html", "MODEL_ANSWER_INVALID"],
    ["empty", "MODEL_ANSWER_INVALID"],
  ] as const)("%s is %s and may be tried again", async (fault, code) => {
    const { model } = await setUp({ fault });
    expect(await errorOf(model.generate(ask("Hi"), free))).toMatchObject({ code, retryable: true });
    const whole = openAiCompatible({ name: "test", endpoint: (await setUp({ fault })).server.url, stream: false });
    await errorOf(whole.generate(ask("Hi"), free));
  });

  test("what had come of a cut stream was given, without a finish", async () => {
    const { model } = await setUp({ fault: "cut", text: "abcdef" });
    const seen: ModelPart[] = [];
    const read = async (): Promise<void> => {
      for await (const part of model.stream(ask("Hi"), free)) seen.push(part);
    };
    await errorOf(read());
    expect(seen).toEqual([{ type: "text_start" }, { type: "text_delta", text: "abc" }]);
  });

  test("a server that is not there is unavailable", async () => {
    const server = await startModelServer({ script: { text: "ok" } });
    await server.close();
    const model = openAiCompatible({ name: "test", endpoint: server.url });
    expect(await errorOf(model.generate(ask("Hi"), free))).toMatchObject({
      code: "MODEL_UNAVAILABLE",
      retryable: true,
    });
  });
});

describe("time", () => {
  test.each([
    ["without headers", { fault: "hang" }, { firstTokenMs: 300 }, "first token"],
    ["after the headers", { fault: "stall" }, { firstTokenMs: 300 }, "first token"],
    ["between tokens", { text: ["a", Promise.withResolvers().promise] }, { betweenTokensMs: 300 }, "further token"],
    ["in all", { fault: "hang" }, { totalMs: 300 }, "whole answer"],
  ] as const)("runs out %s and closes the connection", async (_, script, timeouts, what) => {
    const { server, model } = await setUp(script, { timeouts });
    expect(await errorOf(model.generate(ask("Hi"), free))).toMatchObject({
      code: "MODEL_TIMEOUT",
      retryable: true,
      details: { what, timeoutMs: 300 },
    });
    const request = await server.request(1);
    await request.ended;
    expect(request.closedEarly).toBe(true);
  });

  test("between tokens does not run while the reader works", async () => {
    const { model } = await setUp({ text: ["a", "b"] }, { timeouts: { betweenTokensMs: 400 } });
    const seen: string[] = [];
    for await (const part of model.stream(ask("Hi"), free)) {
      seen.push(part.type);
      if (seen.length !== 2) continue;
      // Busy past the limit, as a reader may be; then a turn, in which a timer that runs would fire.
      const until = performance.now() + 500;
      while (performance.now() < until);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen.at(-1)).toBe("finish");
  });
});

describe("the key", () => {
  const key = "sk-canary/0123456789+abc";

  test.each([400, 401, 403, 404, 429, 500])(
    "stands in no error when the provider answers %i with it",
    async (status) => {
      const message = `Incorrect key ${key}, ${encodeURIComponent(key)}, ${Buffer.from(key).toString("base64")}`;
      const { model } = await setUp({ status, message }, { apiKey: key, headers: { "api-key": `${key}2` } });
      const error = await errorOf(model.generate(ask("Hi"), free));
      const seen = inspect({ error, model, json: JSON.stringify(error), details: error.details }, { depth: 10 });
      for (const form of [key, encodeURIComponent(key), Buffer.from(key).toString("base64")])
        expect(seen).not.toContain(form);
    },
  );

  test("goes to no other host when the endpoint redirects", async () => {
    const other = await startModelServer({ script: { text: "stolen" } });
    open.push(() => other.close());
    const { model } = await setUp(
      { status: 307, headers: { location: `${other.url}/v1/chat/completions` } },
      { apiKey: key },
    );
    expect(await errorOf(model.generate(ask("Hi"), free))).toMatchObject({ code: "MODEL_REQUEST_INVALID" });
    expect(other.requests).toHaveLength(0);
  });
});
