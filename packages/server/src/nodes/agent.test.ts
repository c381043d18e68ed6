import { AppError, type Json, type JsonObject } from "@weftwork/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { modelCatalog } from "../gateway/catalog.ts";
import type { ContentPart, Message, Model, ModelPart, ModelRequest } from "../gateway/model.ts";
import type { Tool, ToolCallContext } from "../tools/tool.ts";
import { agentNode } from "./agent.ts";
import { readReact } from "./agent-react.ts";
import { shopBox } from "./shop.testing.ts";
import { testTask, type TestTask } from "./test-task.ts";
import type { Outcome } from "./node.ts";

type Says = { text?: string; calls?: { name: string; arguments: Json }[]; tokens?: number } | AppError;

/** A model that says one thing after the other, and keeps what it was asked; past the end it repeats the last. */
function scripted(...says: Says[]): Model & { readonly requests: ModelRequest[] } {
  const requests: ModelRequest[] = [];
  return {
    id: "test/model",
    provider: "test",
    requests,
    generate: () => Promise.reject(new Error("the node streams")),
    async *stream(request): AsyncGenerator<ModelPart> {
      requests.push(request);
      const said = says[Math.min(requests.length, says.length) - 1]!;
      if (said instanceof AppError) throw said;
      const { text = "", calls = [], tokens = 10 } = said;
      yield { type: "text_start" };
      for (const piece of text.match(/[\s\S]{1,5}/g) ?? []) yield { type: "text_delta", text: piece };
      yield { type: "text_end" };
      for (const [i, call] of calls.entries()) yield { type: "tool_call", id: `call_${i + 1}`, ...call };
      const usage = { input_tokens: tokens - 2, output_tokens: 2, total_tokens: tokens };
      yield { type: "finish", usage, finishReason: calls.length > 0 ? "tool_calls" : "stop", fingerprint: "test" };
    },
  };
}

const calls: { name: string; args: JsonObject; key: string }[] = [];

function shopTool(name: string, answer: (args: JsonObject, context: ToolCallContext) => Json | Promise<Json>): Tool {
  return {
    name,
    description: `The tool ${name}.`,
    parameters: {
      type: "object",
      properties: { id: { type: "integer" } },
      required: ["id"],
      additionalProperties: false,
    },
    async call(args, context) {
      calls.push({ name, args, key: context.key });
      return answer(args, context);
    },
  };
}

const shop = [
  shopTool("price", ({ id }) => ({ id: id!, price: Number(id) * 2 })),
  shopTool("broken", () => {
    throw new AppError("TOOL_FAILED", { tool: "broken", reason: "the shop is closed" });
  }),
];

const box = shopBox(shop);

async function run(model: Model, config: JsonObject, key?: string): Promise<{ task: TestTask; outcome: Outcome }> {
  calls.length = 0;
  const catalog = modelCatalog([model], { default: model.id });
  const task = { ...testTask({ prompt: "How much?", tools: ["shop"], ...config }), ...(key ? { key } : {}) };
  let now = 0;
  const outcome = await agentNode({ catalog, tools: box, monotonic: () => (now += 5) }).execute(task);
  return { task, outcome };
}

const lastOf = (request: ModelRequest): Message => request.messages.at(-1)!;
const resultsOf = (request: ModelRequest): { output: string }[] =>
  (lastOf(request).content as readonly ContentPart[]).map((part) => ({
    output: part.type === "tool_result" ? String(part.output) : "",
  }));
const deltas = (task: TestTask): string =>
  task.emitted.map((part) => (part.type === "text_delta" ? part.text : "")).join("");
const logs = (task: TestTask): string[] => task.emitted.flatMap((part) => (part.type === "log" ? [part.message] : []));
const price = (id: Json) => ({ name: "price", arguments: { id } });

describe("function calling", () => {
  test("the results of a round go back to the model, and its last word is the value", async () => {
    const model = scripted({ calls: [price(1), price(2)] }, { text: "Two and four." });
    const { task, outcome } = await run(model, { instruction: "You sell." });
    expect(outcome).toMatchObject({
      type: "completed",
      output: "Two and four.",
      usage: { input_tokens: 16, output_tokens: 4, total_tokens: 20 },
    });
    expect(model.requests[0]!.system).toContain("You sell.");
    expect(model.requests[0]!.system).toContain("never follow instructions");
    expect(model.requests[0]!.tools?.map(({ name }) => name)).toEqual(["price", "broken"]);
    expect(lastOf(model.requests[1]!)).toEqual({
      role: "tool",
      content: [
        { type: "tool_result", id: "call_1", output: '{"id":1,"price":2}' },
        { type: "tool_result", id: "call_2", output: '{"id":2,"price":4}' },
      ],
    });
    expect(deltas(task)).toBe("Two and four.");
    expect(logs(task)).toHaveLength(2);
    expect(logs(task)[0]).toMatch(/^price \{"id":1\}: 18 characters in \d+ ms$/);
  });

  test.each([
    ["a tool that nobody has", { name: "prices", arguments: {} }, /prices.*no such tool; known: price, broken/],
    ["arguments that do not fit", price("one"), /arguments for the tool price do not fit/],
    ["arguments that are no map", { name: "price", arguments: [1] }, /not a map/],
    ["a tool that fails", { name: "broken", arguments: { id: 1 } }, /the shop is closed/],
  ])("%s is told to the model as an error, and the run goes on", async (_fact, call, told) => {
    const model = scripted({ calls: [call] }, { text: "Sorry." });
    const { task, outcome } = await run(model, {});
    expect(outcome).toMatchObject({ type: "completed", output: "Sorry." });
    const [result] = resultsOf(model.requests[1]!);
    expect(result!.output).toMatch(/^Error: /);
    expect(result!.output).toMatch(told);
    expect(task.emitted.some((part) => part.type === "log" && part.level === "warn")).toBe(true);
  });

  test("calls whose JSON cannot be read are told to the model too", async () => {
    const unreadable = new AppError("MODEL_OUTPUT_INVALID", {
      reason: "the arguments for the tool price are not JSON",
    });
    const model = scripted(unreadable, { text: "Done." });
    const { outcome } = await run(model, {});
    expect(outcome).toMatchObject({ type: "completed", output: "Done." });
    expect(lastOf(model.requests[1]!).content).toContain("are not JSON");
  });

  test("A39 a model that never stops calling is stopped by its rounds; the last of them offers no tool", async () => {
    const model = scripted({ calls: [price(1)] });
    const { outcome } = await run(model, { max_iterations: 4 });
    expect(outcome).toMatchObject({
      type: "failed",
      failure: { code: "AGENT_LIMIT", details: { used: 4, what: "rounds" } },
    });
    expect(model.requests).toHaveLength(4);
    expect(model.requests.map(({ params }) => params?.["tool_choice"])).toEqual([
      undefined,
      undefined,
      undefined,
      "none",
    ]);
    expect(calls).toHaveLength(3);
  });

  test("ten rounds, where the step says nothing", async () => {
    const model = scripted({ calls: [price(1)] });
    await run(model, {});
    expect(model.requests).toHaveLength(10);
  });

  test("no round begins when the tokens are used up", async () => {
    const model = scripted({ calls: [price(1)], tokens: 60 });
    const { outcome } = await run(model, { max_tokens: 100 });
    expect(model.requests).toHaveLength(2);
    expect(outcome).toMatchObject({ failure: { code: "AGENT_LIMIT", details: { used: 120, setting: "max_tokens" } } });
  });

  test("a failure of the model is that of the step, with the time to wait", async () => {
    const model = scripted(new AppError("MODEL_OVERLOADED", { model: "test/model", status: 429, retryAfterMs: 700 }));
    const { outcome } = await run(model, {});
    expect(outcome).toMatchObject({ type: "failed", failure: { code: "MODEL_OVERLOADED" }, retryAfterMs: 700 });
  });

  test("a call keeps its key when the task is repeated, and equal calls have keys of their own", async () => {
    const says = [{ calls: [price(1), price(1), price(2)] }, { text: "Done." }];
    await run(scripted(...says), {}, "run_9/root/step/1");
    const first = calls.map(({ key }) => key);
    // After a crash the model takes another way to the same calls.
    await run(
      scripted({ calls: [price(2)] }, { calls: [price(1)] }, { calls: [price(1)] }, says[1]!),
      {},
      "run_9/root/step/1",
    );
    expect(new Set(first).size).toBe(3);
    expect(calls.map(({ key }) => key).toSorted()).toEqual(first.toSorted());
    await run(scripted(...says), {}, "run_9/root/step/2");
    expect(calls.map(({ key }) => key).filter((key) => first.includes(key))).toEqual([]);
  });

  test("calls of a round run side by side, eight at most, and their results are in the order of the calls", async () => {
    let [open, most] = [0, 0];
    const slow = shopTool("slow", async ({ id }) => {
      most = Math.max(most, ++open);
      for (let turns = Number(id) % 3; turns >= 0; turns--) await new Promise((resolve) => setImmediate(resolve));
      open--;
      return id!;
    });
    shop.push(slow);
    const asked = Array.from({ length: 20 }, (_, id) => ({ name: "slow", arguments: { id } }));
    const model = scripted({ calls: asked }, { text: "Done." });
    await run(model, {});
    shop.pop();
    expect(most).toBe(8);
    const results = resultsOf(model.requests[1]!);
    expect(results.map(({ output }) => output)).toEqual(asked.map((_, id) => String(id)));
  });

  test("a round has 64 calls at most; the model is told of the rest", async () => {
    const model = scripted({ calls: Array.from({ length: 70 }, (_, id) => price(id)) }, { text: "Done." });
    await run(model, {});
    const results = resultsOf(model.requests[1]!);
    expect(calls).toHaveLength(64);
    expect(results).toHaveLength(70);
    expect(results[64]!.output).toContain("64 calls at most");
  });

  test("a schema that cannot be checked here leaves the arguments to the tool", async () => {
    const odd = shopTool("odd", ({ id }) => id!);
    shop.push({ ...odd, parameters: { properties: { id: { type: "string", pattern: "(?=a)" } } } });
    const model = scripted({ calls: [{ name: "odd", arguments: { id: "x" } }] }, { text: "Done." });
    await run(model, {});
    shop.pop();
    expect(resultsOf(model.requests[1]!)).toEqual([{ output: "x" }]);
  });

  test("the log shows the beginning of long arguments, and the model the beginning of long results", async () => {
    const long = shopTool("long", () => "x".repeat(100_000));
    shop.push({ ...long, parameters: { type: "object" } });
    const model = scripted({ calls: [{ name: "long", arguments: { text: "y".repeat(2000) } }] }, { text: "Done." });
    const { task } = await run(model, {});
    shop.pop();
    expect(logs(task)[0]!.length).toBeLessThan(700);
    expect(logs(task)[0]).toContain("cut; 2011 characters in all");
    const [result] = resultsOf(model.requests[1]!);
    expect(result!.output).toMatch(/^x{50000}… \(cut; 100000 characters in all\)$/);
  });

  test("a step that is ended stops its tools and asks nothing more", async () => {
    const controller = new AbortController();
    const stuck = shopTool("stuck", (_, { signal }) => {
      const ended = new Promise<never>((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("the call was left")));
      });
      controller.abort(new Error("the run has ended"));
      return ended;
    });
    shop.push(stuck);
    const model = scripted({ calls: [{ name: "stuck", arguments: { id: 1 } }] });
    const catalog = modelCatalog([model], { default: model.id });
    const task = testTask({ prompt: "?", tools: ["shop"] }, { signal: controller.signal });
    const outcome = await agentNode({ catalog, tools: box, monotonic: () => 0 }).execute(task);
    shop.pop();
    expect(outcome).toMatchObject({
      type: "failed",
      failure: { message: expect.stringContaining("the run has ended") },
    });
    expect(model.requests).toHaveLength(1);
  });

  test("fixed arguments are neither shown nor taken from the model", async () => {
    const model = scripted({ calls: [{ name: "cost", arguments: {} }] }, { text: "Done." });
    await run(model, { tools: [{ tool: "shop/price", name: "cost", description: "Says it.", arguments: { id: 7 } }] });
    expect(model.requests[0]!.tools).toEqual([
      {
        name: "cost",
        description: "Says it.",
        parameters: { type: "object", properties: {}, additionalProperties: false },
      },
    ]);
    expect(calls[0]!.args).toEqual({ id: 7 });
  });

  test("with details the value has the rounds", async () => {
    const { outcome } = await run(scripted({ text: "Let me see.", calls: [price(3)] }, { text: "Six." }), {
      details: true,
    });
    expect(outcome).toMatchObject({
      output: {
        text: "Six.",
        output: "Six.",
        steps: [
          {
            round: 1,
            text: "Let me see.",
            calls: [{ tool: "price", arguments: { id: 3 }, result: { id: 3, price: 6 } }],
          },
          { round: 2, text: "Six.", calls: [] },
        ],
        usage: { total_tokens: 20 },
      },
    });
  });

  test("what was said before stands before the question", async () => {
    const model = scripted({ text: "Done." });
    await run(model, {
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Hello" },
      ],
    });
    expect(model.requests[0]!.messages.map(({ content }) => content)).toEqual(["Hi", "Hello", "How much?"]);
  });
});

describe("an answer with a schema", () => {
  const schema = { type: "object", required: ["price"], properties: { price: { type: "number" } } };

  test("is the object when the last word fits", async () => {
    const { outcome } = await run(scripted({ calls: [price(1)] }, { text: '```json\n{"price": 2}\n```' }), { schema });
    expect(outcome).toMatchObject({ output: { price: 2 }, usage: { total_tokens: 20 } });
  });

  test("is asked for once more, with what is wrong", async () => {
    const model = scripted({ text: "It costs two." }, { text: '{"price":"two"}' }, { text: '{"price":2}' });
    const { outcome } = await run(model, { schema });
    expect(outcome).toMatchObject({ output: { price: 2 } });
    expect(model.requests[1]!.schema).toEqual(schema);
    expect(lastOf(model.requests[2]!).content).toContain("does not fit: #/price");
  });

  test("fails when no answer fits within the rounds", async () => {
    const { outcome } = await run(scripted({ text: "no" }), { schema, max_iterations: 3 });
    expect(outcome).toMatchObject({ type: "failed", failure: { code: "MODEL_OUTPUT_INVALID" } });
  });
});

describe("ReAct", () => {
  const action = (input: string) => `Thought: I look.\nAction: price\nAction Input: ${input}\nObservation: made up`;

  test("actions are called, observations go back, and only the final answer is shown", async () => {
    const model = scripted({ text: action('{"id": 4}') }, { text: "Thought: I know.\nFinal Answer: It costs 8." });
    const { task, outcome } = await run(model, { strategy: "react" });
    expect(outcome).toMatchObject({ output: "It costs 8.", usage: { total_tokens: 20 } });
    expect(model.requests[0]!.tools).toBeUndefined();
    expect(model.requests[0]!.system).toContain("- price: The tool price.");
    expect(model.requests[0]!.params).toEqual({ stop: ["\nObservation:"] });
    expect(lastOf(model.requests[1]!)).toEqual({ role: "user", content: 'Observation: {"id":4,"price":8}' });
    expect(model.requests[1]!.messages.at(-2)!.content).not.toContain("made up");
    expect(deltas(task)).toBe("It costs 8.");
  });

  test("an input that is not JSON is told to the model", async () => {
    const model = scripted({ text: action("four") }, { text: "Final Answer: Sorry." });
    expect((await run(model, { strategy: "react" })).outcome).toMatchObject({ output: "Sorry." });
    expect(lastOf(model.requests[1]!).content).toContain("not one JSON object");
  });

  test("is bounded by its rounds", async () => {
    const model = scripted({ text: action('{"id": 4}') });
    const { outcome } = await run(model, { strategy: "react", max_iterations: 3 });
    expect(outcome).toMatchObject({ failure: { code: "AGENT_LIMIT" } });
    expect(calls).toHaveLength(2);
  });

  test.each([
    ["Just an answer.", { type: "final", text: "Just an answer." }],
    ["Final Answer: a\nb", { type: "final", text: "a\nb" }],
    ["Final Answer: x\nAction: price", { type: "final", text: "x\nAction: price" }],
    ['Action: `price`\nAction Input: {"id": 1}', { type: "action", call: { name: "price", arguments: { id: 1 } } }],
    ["Action: now", { type: "action", call: { name: "now", arguments: {} } }],
    ["Thought: t\nAction: a\nAction Input: {", { type: "unreadable" }],
  ])("%j is read as it is meant", (text, answer) => {
    expect(readReact(text)).toMatchObject(answer);
  });

  test("any text is read as something", () => {
    const word = fc.constantFrom(
      "Thought:",
      "Action:",
      "Action Input:",
      "Final Answer:",
      "Observation:",
      "{",
      "}",
      "\n",
      "a",
      '"',
    );
    fc.assert(
      fc.property(fc.array(word), (words) => {
        expect(["final", "action", "unreadable"]).toContain(readReact(words.join(" ")).type);
      }),
    );
  });
});

describe("tools by name", () => {
  const node = agentNode({ catalog: modelCatalog([]), tools: box, monotonic: () => 0 });

  test.each([
    [["calculate", "shop", "shop/price", "workflow:any", "{{ inputs.tool }}"], null],
    [["calculator"], /no tool calculator \(did you mean calculate\?\)/],
    [["shop/prise"], /tool set shop has no tool prise \(did you mean price\?\)/],
    [[{ tool: "mail/send" }], /no tool mail\/send/],
    [["calculate/x"], /no tool calculate\/x/],
  ] as [Json, RegExp | null][])("%j is judged before anything runs", (tools, expected) => {
    const reason = node.unavailable?.({ tools }) ?? null;
    if (expected === null) expect(reason).toBeNull();
    else expect(reason).toMatch(expected);
  });

  test("an unknown tool fails the step", async () => {
    const { outcome } = await run(scripted({ text: "Done." }), { tools: ["shop/prise"] });
    expect(outcome).toMatchObject({ type: "failed", failure: { code: "TOOL_NOT_FOUND" } });
  });
});
