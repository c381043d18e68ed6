import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Model, ModelPart, ModelRequest } from "../model.ts";
import { chunks } from "./chunks.ts";
import { builtinModels } from "./index.ts";
import { HOMETOWN, README } from "./passages.fixture.ts";
import { estimateTokens } from "../tokens.ts";

const models = builtinModels();
const echo = models.find((model) => model.id === "builtin/echo")!;
const open = { signal: new AbortController().signal };
const say = (content: string, rest: Partial<ModelRequest> = {}): ModelRequest => ({
  messages: [{ role: "user", content }],
  ...rest,
});

async function parts(model: Model, request: ModelRequest): Promise<ModelPart[]> {
  const all: ModelPart[] = [];
  for await (const part of model.stream(request, open)) all.push(part);
  return all;
}

describe.each(models.map((model) => [model.id, model] as const))("%s", (_, model) => {
  const schema = { type: "object", required: ["title"], properties: { title: { type: "string" } } };
  test.each([
    ["English", say(README)],
    ["Chinese", say(`请总结：\n\n${HOMETOWN}`)],
    ["a schema", say('{"title":"A"}', { schema })],
    ["a limit of tokens", say(README, { params: { max_tokens: 20 } })],
  ])("streams what it generates: %s", async (_name, request) => {
    const result = await model.generate(request, open);
    const all = await parts(model, request);
    const deltas = all.filter((part) => part.type === "text_delta");
    expect(deltas.map((part) => part.text).join("")).toBe(result.text);
    expect(all.map((part) => part.type)).toEqual([
      "text_start",
      ...deltas.map(() => "text_delta"),
      "text_end",
      "finish",
    ]);
    const { text: _text, ...rest } = result;
    expect(all.at(-1)).toEqual({ type: "finish", ...rest });
    expect(result.fingerprint).toBe("builtin");
    if (request.schema) expect(JSON.parse(result.text)).toEqual(result.object);
  });

  test("answers the same request the same way, and counts tokens", async () => {
    const request = say(README);
    const [one, other] = [await model.generate(request, open), await model.generate(structuredClone(request), open)];
    expect(one).toEqual(other);
    expect(one.usage.input_tokens).toBe(estimateTokens(README));
    expect(one.usage.total_tokens).toBe(one.usage.input_tokens + one.usage.output_tokens);
  });

  test("does not begin under a signal that has fired", async () => {
    const context = { signal: AbortSignal.abort(new Error("stopped")) };
    await expect(model.generate(say("x"), context)).rejects.toThrow("stopped");
    await expect(model.stream(say("x"), context)[Symbol.asyncIterator]().next()).rejects.toThrow("stopped");
  });
});

describe("echo", () => {
  test("answers with the last user message", async () => {
    const messages = [
      { role: "user", content: "first" },
      { role: "assistant", content: "no" },
      { role: "user", content: "second" },
    ] as const;
    expect((await echo.generate({ messages }, open)).text).toBe("second");
  });

  test("with a schema refuses a message that is no JSON or does not fit", async () => {
    const schema = { type: "object" };
    await expect(echo.generate(say("no json", { schema }), open)).rejects.toMatchObject({
      code: "MODEL_OUTPUT_INVALID",
    });
    await expect(echo.generate(say("[1]", { schema }), open)).rejects.toMatchObject({ code: "MODEL_OUTPUT_INVALID" });
  });

  test("stops at max_tokens and says so", async () => {
    const result = await echo.generate(say("one two three four five six seven", { params: { max_tokens: 3 } }), open);
    expect(result).toMatchObject({ text: "one two", finishReason: "length" });
  });
});

async function readHastily(): Promise<void> {
  for await (const _ of echo.stream(say("word ".repeat(2_000_000)), { signal: AbortSignal.timeout(1) }));
}

describe("abort", () => {
  test("ends a wait within a tick", async () => {
    const stop = new AbortController();
    const call = echo.generate(say("x", { params: { fault: { latency_ms: 60_000 } } }), { signal: stop.signal });
    const start = performance.now();
    setTimeout(() => stop.abort(new Error("stopped")), 5);
    await expect(call).rejects.toThrow("stopped");
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test("ends a stream at the next part", async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const read = async (): Promise<void> => {
      for await (const part of echo.stream(say("a b c d e f"), { signal: stop.signal })) {
        seen.push(part.type);
        if (seen.length === 3) stop.abort(new Error("stopped"));
      }
    };
    await expect(read()).rejects.toThrow("stopped");
    expect(seen).toHaveLength(3);
  });

  test("by a timer reaches a reader that never pauses", async () => {
    await expect(readHastily()).rejects.toMatchObject({ name: "TimeoutError" });
  });
});

const fault = (asked: object): ModelRequest => say("a b c d e", { params: { fault: { ...asked } } });

describe("faults on request", () => {
  test.each([
    [429, "MODEL_OVERLOADED"],
    [500, "MODEL_UNAVAILABLE"],
  ])("status %i fails both ways as %s", async (status, code) => {
    const wanted = { code, retryable: true, details: { model: "builtin/echo", status } };
    await expect(echo.generate(fault({ status }), open)).rejects.toMatchObject(wanted);
    await expect(parts(echo, fault({ status }))).rejects.toMatchObject(wanted);
  });

  test("a cut stream has its first deltas and no finish", async () => {
    const seen: ModelPart[] = [];
    const read = async (): Promise<void> => {
      for await (const part of echo.stream(fault({ cut_after: 2 }), open)) seen.push(part);
    };
    await expect(read()).rejects.toMatchObject({ code: "MODEL_STREAM_CUT" });
    expect(seen.map((part) => part.type)).toEqual(["text_start", "text_delta", "text_delta"]);
    await expect(echo.generate(fault({ cut_after: 2 }), open)).rejects.toMatchObject({ code: "MODEL_STREAM_CUT" });
  });

  test("bad JSON begins like JSON and is none", async () => {
    const { text, object } = await echo.generate(fault({ bad_json: true }), open);
    expect(text.startsWith("{")).toBe(true);
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
    expect(object).toBeUndefined();
  });
});

test("chunks joined are the text, whatever it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect([...chunks(text)].join("")).toBe(text);
    }),
  );
  expect([...chunks("Hello world 我冒了严寒回到故乡去")]).toEqual([
    "Hello ",
    "world ",
    "我冒",
    "了严寒",
    "回到故乡",
    "去",
  ]);
});

test.each([
  ["", 0],
  ["four", 1],
  ["fives", 2],
  ["故乡", 2],
  ["故乡 home", 4],
])("%j has about so many tokens", (text, tokens) => expect(estimateTokens(text)).toBe(tokens));

describe("time", () => {
  const english = Array.from(
    { length: 900 },
    (_, n) =>
      `Sentence ${n} tells how the ${["ferry", "harbour", "captain"][n % 3]!} number ${n * 7} met ${n % 13} storms on its way to port ${n % 29}.`,
  );
  const chinese = Array.from(
    { length: 2500 },
    (_, n) => `第${n}天，船长带着${n % 17}名水手经过了${["北方", "南方", "东方"][n % 3]!}的港口，遇到了风暴。`,
  );
  test.each([
    ["100 KB of English", english.join(" ").slice(0, 100_000), 600],
    ["100 KB of Chinese", chinese.join("").slice(0, 100_000), 600],
    ["10 MB of English", english.join("\n\n").repeat(120).slice(0, 10_000_000), 2000],
    ["10 MB without a stop", "word ".repeat(2_000_000), 2000],
  ])("%s is answered within a bound", async (_, text, most) => {
    const extract = models[0]!;
    for (const ask of ["Summarize:\n\n", "List 5 keywords:\n\n", "Question: Which port did the captain reach?\n\n"]) {
      // Time of this thread: what others do on the machine must not count.
      const start = process.threadCpuUsage();
      await extract.generate(say(ask + text), open);
      const { user, system } = process.threadCpuUsage(start);
      expect((user + system) / 1000).toBeLessThan(most);
    }
  });
});
