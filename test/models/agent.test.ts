import { afterEach, expect, test } from "vitest";
import { openWeft, type JsonObject, type Json, type Weft } from "weftwork";
import {
  startModelServer,
  type ModelScript,
  type ModelServer,
} from "../../packages/server/src/testkit/model-server.ts";

/** Agents from the workflow to the wire: a server of models that streams, real tools, a run in a store. */

let weft: Weft | null = null;
let server: ModelServer | null = null;
afterEach(async () => {
  await weft?.close();
  await server?.close();
  [weft, server] = [null, null];
});

async function run(script: ModelScript, fields: JsonObject = {}) {
  server = await startModelServer({ script });
  const models = { scripted: { endpoint: server.url, model: "m" } };
  weft = await openWeft({ models, environment: {}, defaultModel: "scripted" });
  const step = { id: "ask", type: "agent", prompt: "What is 6 * 7?", tools: ["calculate"], ...fields };
  await weft.workflows.publish(JSON.stringify({ workflow: { name: "w", steps: [step] } }));
  const { run: begun } = await weft.runs.start({ workflow: "w" });
  const ended = (await weft.runs.wait(begun.id))!;
  let streamed = "";
  for await (const { event, data } of weft.runs.events(begun.id)) {
    if (event === "text_delta") streamed += String(data["text"]);
  }
  const { data: logs } = await weft.runs.logs(begun.id, { limit: 50 });
  return {
    ended,
    streamed,
    logs: logs.map(({ message }) => message),
    bodies: server.requests.map(({ body }) => body as JsonObject),
  };
}

const calculate = (expression: Json) => ({ name: "calculate", arguments: { expression } });

test("streamed calls are made, their results go back under their ids, and the answer streams", async () => {
  const { ended, streamed, logs, bodies } = await run([
    {
      nth: 1,
      answer: {
        toolCalls: [
          { ...calculate("6 * 7"), id: "c_a" },
          { ...calculate("1 / 0"), id: "c_b" },
        ],
      },
    },
    { answer: { text: "It is 42." } },
  ]);
  expect(ended).toMatchObject({ status: "succeeded", outputs: { ask: "It is 42." } });
  expect(ended.usage.total_tokens).toBeGreaterThan(0);
  expect(streamed).toBe("It is 42.");
  expect(bodies).toHaveLength(2);
  expect(bodies[0]!["stream"]).toBe(true);
  const messages = bodies[1]!["messages"] as JsonObject[];
  expect(messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "tool", "tool"]);
  expect(messages[2]!["tool_calls"]).toMatchObject([{ id: "c_a" }, { id: "c_b" }]);
  expect(messages[3]).toMatchObject({ tool_call_id: "c_a", content: "42" });
  expect(messages[4]).toMatchObject({ tool_call_id: "c_b", content: expect.stringMatching(/^Error: /) });
  expect(logs.filter((line) => line.startsWith("calculate "))).toHaveLength(2);
});

test("a model that calls for ever is stopped, and the step fails with what it used", async () => {
  const { ended, bodies } = await run({ toolCalls: [calculate("6 * 7")] }, { max_iterations: 3 });
  expect(ended).toMatchObject({ status: "failed", error: { code: "AGENT_LIMIT" } });
  expect(bodies).toHaveLength(3);
  expect(bodies[2]!["tool_choice"]).toBe("none");
});

test("arguments that are no JSON object come back to the model as an error", async () => {
  const { ended, bodies } = await run([
    { nth: 1, answer: { toolCalls: [{ name: "calculate", arguments: "6 * 7" }] } },
    { when: "not a map", answer: { text: "Sorry." } },
  ]);
  expect(ended.outputs).toEqual({ ask: "Sorry." });
  expect(bodies).toHaveLength(2);
});
