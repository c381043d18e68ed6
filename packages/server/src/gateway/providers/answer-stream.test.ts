import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "@weftwork/core";
import { afterEach, describe, expect, test } from "vitest";
import type { ModelRequest } from "../model.ts";
import { AnswerReader } from "./openai-answer.ts";
import { openAiCompatible, type OpenAiCompatibleOptions } from "./openai-compatible.ts";

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** A model behind a server that sends what it likes. */
async function modelOf(serve: (response: ServerResponse) => void, options: Partial<OpenAiCompatibleOptions> = {}) {
  const server = createServer((_, response) => serve(response));
  server.listen(0, "127.0.0.1");
  open.push(() => server.close().closeAllConnections());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  return openAiCompatible({ name: "m", endpoint: `http://127.0.0.1:${port}`, ...options });
}

const request: ModelRequest = { messages: [{ role: "user", content: "Hi" }] };
const free = { signal: new AbortController().signal };
const delta = (content: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;
const sse = { "content-type": "text/event-stream" };

describe("servers with manners of their own", () => {
  test("characters cut between pieces of the network come whole", async () => {
    const bytes = Buffer.from(delta("你好，世界 🎉", "stop"));
    const model = await modelOf((response) => {
      response.writeHead(200, sse);
      for (const byte of bytes) response.write(Buffer.of(byte));
      response.end();
    });
    expect((await model.generate(request, free)).text).toBe("你好，世界 🎉");
  });

  test("a stream without [DONE] is whole when the model has said that it ended", async () => {
    const model = await modelOf((response) => response.writeHead(200, sse).end(delta("a") + delta("b", "length")));
    expect(await model.generate(request, free)).toMatchObject({ text: "ab", finishReason: "length" });
  });

  test("a stream with [DONE] is whole without a reason", async () => {
    const model = await modelOf((response) => response.writeHead(200, sse).end(`${delta("a")}data: [DONE]`));
    expect(await model.generate(request, free)).toMatchObject({ text: "a", finishReason: "other" });
  });

  test("a response that stays open after [DONE] keeps nobody waiting", async () => {
    const model = await modelOf((response) => void response.writeHead(200, sse).write(`${delta("a")}data: [DONE]\n\n`));
    expect(await model.generate(request, free)).toMatchObject({ text: "a" });
  });

  test("[DONE] alone is no answer", async () => {
    const model = await modelOf((response) => response.writeHead(200, sse).end("data: [DONE]\n\n"));
    await expect(model.generate(request, free)).rejects.toMatchObject({ code: "MODEL_ANSWER_INVALID" });
  });

  test("an event cut in two by the end of the response is a cut stream", async () => {
    const model = await modelOf((response) => response.writeHead(200, sse).end(delta("a") + delta("b").slice(0, 20)));
    await expect(model.generate(request, free)).rejects.toMatchObject({ code: "MODEL_STREAM_CUT" });
  });

  test("a whole completion in answer to a stream is taken", async () => {
    const body = JSON.stringify({ choices: [{ message: { content: "all" }, finish_reason: "stop" }] });
    const model = await modelOf((response) =>
      response.writeHead(200, { "content-type": "application/json" }).end(body),
    );
    expect(await model.generate(request, free)).toMatchObject({ text: "all", finishReason: "stop" });
  });

  test("a stream that calls itself plain text is taken", async () => {
    const model = await modelOf((response) =>
      response.writeHead(200, { "content-type": "text/plain" }).end(`: hello\n\n${delta("a", "stop")}data: [DONE]\n\n`),
    );
    expect((await model.generate(request, free)).text).toBe("a");
  });

  test("comments and roles are no tokens and gain no time", async () => {
    const model = await modelOf(
      (response) => {
        response.writeHead(200, sse);
        const more = setInterval(
          () => response.write(': wait\n\ndata: {"choices":[{"delta":{"role":"assistant"}}]}\n\n'),
          5,
        );
        response.on("close", () => clearInterval(more));
      },
      { timeouts: { firstTokenMs: 60 } },
    );
    await expect(model.generate(request, free)).rejects.toMatchObject({
      code: "MODEL_TIMEOUT",
      details: { what: "first token" },
    });
  });

  test.each([
    [{ error: { message: "Overloaded", type: "overloaded_error" } }, "MODEL_OVERLOADED"],
    [{ error: { message: "slow", code: 429 } }, "MODEL_OVERLOADED"],
    [{ object: "error", message: "context too long", code: 400 }, "MODEL_REQUEST_INVALID"],
    [{ error: "it broke" }, "MODEL_UNAVAILABLE"],
  ])("the error %j with status 200 is %s", async (error, code) => {
    const streamed = await modelOf((response) =>
      response.writeHead(200, sse).end(`data: ${JSON.stringify(error)}\n\n`),
    );
    await expect(streamed.generate(request, free)).rejects.toMatchObject({ code });
    const whole = await modelOf((response) => response.writeHead(200).end(JSON.stringify(error)));
    await expect(whole.generate(request, free)).rejects.toMatchObject({ code });
  });

  test.each(["the text of a proxy", '{"detail":[{"loc":["body"],"msg":"field required"}]}', '{"message":"no"}', ""])(
    "a refusal of the shape %j has words",
    async (body) => {
      const model = await modelOf((response) => response.writeHead(418).end(body));
      await expect(model.generate(request, free)).rejects.toThrow(/The model m does not take the request: \S.*\.$/);
    },
  );
});

describe("pieces of tool calls", () => {
  const callsOf = (...pieces: JsonObject[]): unknown => {
    const reader = new AnswerReader("m", request);
    for (const piece of pieces) reader.push({ choices: [{ delta: { tool_calls: [piece] } }] });
    reader.push({ choices: [{ delta: {}, finish_reason: "tool_calls" }] });
    return reader.end().flatMap((part) => (part.type === "tool_call" ? [[part.id, part.name, part.arguments]] : []));
  };
  const called = (name: string, args: string | JsonObject): JsonObject => ({ name, arguments: args });

  test("belong together by index", () => {
    const pieces = [
      { index: 0, id: "a", function: called("f", '{"x"') },
      { index: 1, id: "b", function: called("g", "") },
      { index: 0, function: { arguments: ":1}" } },
    ];
    expect(callsOf(...pieces)).toEqual([
      ["a", "f", { x: 1 }],
      ["b", "g", {}],
    ]);
  });

  test("are told apart by id where all have one index, or none", () => {
    const [a, b] = [
      { id: "a", function: called("f", "{}") },
      { id: "b", function: called("g", { y: 2 }) },
    ];
    const wanted = [
      ["a", "f", {}],
      ["b", "g", { y: 2 }],
    ];
    expect(callsOf({ index: 0, ...a }, { index: 0, ...b })).toEqual(wanted);
    expect(callsOf(a, b)).toEqual(wanted);
  });

  test("without ids get some", () => {
    expect(callsOf({ index: 0, function: called("f", "{}") }, { index: 1, function: called("f", "{}") })).toEqual([
      ["call_1", "f", {}],
      ["call_2", "f", {}],
    ]);
  });

  test("whose arguments are not JSON are an answer that may be asked for again", () => {
    expect(() => callsOf({ index: 0, id: "a", function: called("f", '{"x":') })).toThrow(
      expect.objectContaining({ code: "MODEL_OUTPUT_INVALID", retryable: true }) as Error,
    );
  });
});
