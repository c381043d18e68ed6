import { afterEach, expect, test } from "vitest";
import { request } from "undici";
import { startModelServer, type ModelScript } from "./model-server.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

async function chatWith(script: ModelScript) {
  const server = await startModelServer({ script, models: ["a", "b"] });
  open.push(() => server.close());
  const chat = async (content: string, rest: object = {}) => {
    const body = JSON.stringify({ model: "a", messages: [{ role: "user", content }], ...rest });
    const response = await request(`${server.url}/v1/chat/completions`, { method: "POST", body });
    return { status: response.statusCode, headers: response.headers, text: await response.body.text() };
  };
  const said = async (content: string, rest?: object): Promise<unknown> => {
    const { text } = await chat(content, rest);
    return (JSON.parse(text) as { choices?: { message: { content: string } }[] }).choices?.[0]?.message.content;
  };
  return { server, chat, said };
}

test("the first rule that fits answers: by model, by words, by pattern, by number", async () => {
  const { said, chat } = await chatWith([
    { model: "b", answer: { text: "I am b" } },
    { when: "退款", nth: 1, answer: { text: "first refund" } },
    { when: "退款", nth: 2, answer: { text: "second refund" } },
    { when: /^count \d+$/, answer: (body) => ({ text: `seen ${JSON.stringify(body["messages"]).length > 0}` }) },
    { when: (last) => last.length > 50, answer: { json: { long: true } } },
  ]);
  expect(await said("Hello", { model: "b" })).toBe("I am b");
  expect(await said("我要退款")).toBe("first refund");
  expect(await said("count 3")).toBe("seen true");
  expect(await said("退款!")).toBe("second refund");
  expect(await said("x".repeat(51))).toBe('{"long":true}');
  const unexpected = await chat("退款");
  expect(unexpected.status).toBe(400);
  expect(unexpected.text).toContain("No rule of the script fits this call; its last message is: 退款");
});

test("the models are listed, and what is asked is recorded", async () => {
  const { server, chat } = await chatWith({ text: "ok" });
  const list = await request(`${server.url}/v1/models`);
  expect(await list.body.json()).toMatchObject({ data: [{ id: "a" }, { id: "b" }] });
  await chat("Hi");
  const recorded = await server.request(1);
  await recorded.ended;
  expect(server.requests).toHaveLength(1);
  expect(recorded).toMatchObject({ method: "POST", body: { model: "a" }, closedEarly: false });
  expect(recorded.endedAt).toBeGreaterThanOrEqual(recorded.startedAt);
  expect((await request(`${server.url}/elsewhere`)).statusCode).toBe(404);
});

test("a refusal has its status, its words and Retry-After", async () => {
  const { chat } = await chatWith({ status: 429, message: "slow down", code: "rate_limit_exceeded", retryAfter: 3 });
  const { status, headers, text } = await chat("Hi");
  expect([status, headers["retry-after"]]).toEqual([429, "3"]);
  expect(JSON.parse(text)).toEqual({ error: { message: "slow down", type: null, code: "rate_limit_exceeded" } });
});

test("a stream ends with its usage, when that is asked for, and [DONE]", async () => {
  const { chat } = await chatWith({ text: "one two" });
  const { text } = await chat("Hi there", { stream: true, stream_options: { include_usage: true } });
  const events = text.trim().split("\n\n");
  expect(events.at(-1)).toBe("data: [DONE]");
  expect(events.at(-2)).toContain('"usage":{"prompt_tokens":2,"completion_tokens":2,"total_tokens":4}');
  expect((await chat("Hi", { stream: true })).text).not.toContain("usage");
});
