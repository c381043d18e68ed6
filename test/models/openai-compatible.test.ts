import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WeftClient, type Run, type RunMessage } from "@weftwork/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startModelServer, type ModelServer, type ScriptRule } from "../../packages/server/src/testkit/model-server.ts";
import { temporaryFolder, Weft, type Ended } from "../cli/weft.ts";

/** A server of Weftwork as a process of its own, whose `models:` name an OpenAI-compatible server on loopback. */

/** The middle of the answer stays away until the test has seen its beginning. */
const gate = Promise.withResolvers<void>();
const SCRIPT: readonly ScriptRule[] = [
  {
    when: "slowly",
    answer: { text: ["Once ", "upon ", gate.promise, "a time."], usage: { input_tokens: 11, output_tokens: 5 } },
  },
  { when: "as JSON", answer: { json: { city: "Hangzhou", people: 12 } } },
  { when: "wrong JSON", answer: { text: '{"city": 7}' } },
  { when: "for ever", answer: { text: ["And ", "so ", new Promise(() => undefined)] } },
  { when: "never", answer: { fault: "hang" } },
  { when: "busy", nth: 1, answer: { status: 429, message: "slow down", retryAfter: 1 } },
  { when: "busy", answer: { text: "Now I can." } },
  { when: "Recorded", answer: { text: "Kept." } },
  { when: "forbidden", answer: { status: 401, message: "no such key" } },
];

const ask = (name: string, fields: string): string =>
  `name: ${name}\ninputs: { say: string }\nsteps:\n  - { id: ask, type: model_inference, model: mine, prompt: "{{ inputs.say }}"${fields} }\n`;
const SCHEMA =
  ", schema: { type: object, required: [city, people], properties: { city: { type: string }, people: { type: integer } } }, retry: 1";

const folder = temporaryFolder();
let models: ModelServer;
let server: Weft;
let client: WeftClient;

beforeAll(async () => {
  models = await startModelServer({ script: SCRIPT, models: ["scripted-large"] });
  mkdirSync(join(folder.path, "config"));
  const config = `models:\n  mine:\n    provider: openai_compatible\n    endpoint: ${models.url}/v1\n    model: scripted-large\n    api_key: \${MINE_KEY}\n`;
  writeFileSync(join(folder.path, "config/base.yaml"), config);
  server = new Weft(["serve", "--port", "0", "--data", join(folder.path, "data")], {
    cwd: folder.path,
    env: { MINE_KEY: "sk-of-the-test" },
  });
  const [, url] = await server.shows(/listens on (http:\/\/\S+)/);
  client = new WeftClient({ baseUrl: url! });
  for (const source of [ask("chat", ""), ask("fill", SCHEMA)]) await client.publish(source);
});
afterAll(async () => {
  server.process.kill("SIGTERM");
  await server.ended();
  await models.close();
  folder.remove();
});

async function ended(workflow: string, say: string): Promise<Run> {
  const { id } = await client.start({ workflow, inputs: { say } });
  return client.wait(id);
}

const asked = (say: string) => models.requests.filter(({ body }) => JSON.stringify(body).includes(say));

describe("a model behind models:", () => {
  test("streams its words into the run while it speaks, and its usage is on the run", async () => {
    const { id } = await client.start({ workflow: "chat", inputs: { say: "Speak slowly" } });
    const seen: RunMessage[] = [];
    let text = "";
    for await (const message of client.stream(id)) {
      seen.push(message);
      if (message.event === "text_delta") text += String(message.data["text"]);
      // What is read here was sent before the model had said the rest.
      if (text === "Once upon ") gate.resolve();
    }
    const run = await client.wait(id);
    expect([run.status, run.outputs]).toEqual(["succeeded", { ask: "Once upon a time." }]);
    expect(text).toBe("Once upon a time.");
    expect(seen.filter(({ event }) => event === "text_delta").length).toBeGreaterThan(1);
    expect(run.usage).toEqual({ input_tokens: 11, output_tokens: 5, total_tokens: 16 });
    const detail = await client.detail(id);
    expect(detail.steps.find(({ id: step }) => step === "ask")!.usage).toEqual(run.usage);
    expect(asked("Speak slowly")).toHaveLength(1);
    expect(asked("Speak slowly")[0]).toMatchObject({
      path: "/v1/chat/completions",
      headers: { authorization: "Bearer sk-of-the-test" },
      body: { model: "scripted-large", stream: true, messages: [{ role: "user", content: "Speak slowly" }] },
    });
  });

  test("gives an object that fits the schema, which its server was told", async () => {
    const run = await ended("fill", "The town as JSON");
    expect(run.outputs).toEqual({ ask: { city: "Hangzhou", people: 12 } });
    expect(asked("The town as JSON")[0]!.body).toMatchObject({
      response_format: { type: "json_schema", json_schema: { schema: { required: ["city", "people"] } } },
    });
  });

  test("that does not keep to the schema fails the step, and never passes for an answer", async () => {
    const run = await ended("fill", "The town as wrong JSON");
    expect(run).toMatchObject({
      status: "failed",
      outputs: null,
      error: { code: "MODEL_OUTPUT_INVALID", step: "ask" },
    });
  });

  test.each(["Speak for ever", "Speak never"])("%s: a cancel closes the connection within 2 s", async (say) => {
    const { id } = await client.start({ workflow: "chat", inputs: { say } });
    const number = models.requests.length + 1;
    const call = asked(say)[0] ?? (await models.request(number));
    expect(call.closedEarly).toBeNull();
    const cancelledAt = Date.now();
    await client.cancel(id, { reason: "enough" });
    await call.ended;
    expect(call.closedEarly).toBe(true);
    expect(call.endedAt! - cancelledAt).toBeLessThan(2000);
    expect((await client.wait(id)).status).toBe("cancelled");
    expect(asked(say)).toHaveLength(1);
  });

  test("that is busy is asked again, when it said", async () => {
    const run = await ended("chat", "Are you busy?");
    expect(run.outputs).toEqual({ ask: "Now I can." });
    const [first, second] = asked("Are you busy?");
    expect(second!.startedAt - first!.endedAt!).toBeGreaterThanOrEqual(900);
  });

  test("that refuses the key fails the run at once, and nobody is told the key", async () => {
    const run = await ended("chat", "It is forbidden");
    expect(run).toMatchObject({ status: "failed", error: { code: "MODEL_AUTHENTICATION", step: "ask" } });
    expect(asked("It is forbidden")).toHaveLength(1);
    const told = JSON.stringify([run, await client.detail(run.id)]) + server.stdout + server.stderr;
    expect(told).not.toContain("sk-of-the-test");
  });

  test("is not asked again by a recorded test, which fails when the prompt is changed and shows both", async () => {
    const path = join(folder.path, "recorded.yaml");
    const write = (prompt: string): void =>
      writeFileSync(path, ask("recorded", "").replace("{{ inputs.say }}", prompt));
    const weft = (...args: readonly string[]): Promise<Ended> =>
      new Weft(args, { cwd: folder.path, env: { MINE_KEY: "sk-of-the-test" } }).ended();
    write("Recorded: {{ inputs.say }}");
    const args = ["run", path, "-q", "-i", "say=hello", "--record", join(folder.path, "recorded.test.yaml")];
    expect(await weft(...args)).toMatchObject({ code: 0, stdout: "Kept.\n" });
    const before = models.requests.length;
    const same = await weft("test", path);
    expect([same.code, same.stdout]).toEqual([0, expect.stringContaining("1 passed")]);
    write("Please: {{ inputs.say }}");
    const { code, stdout } = await weft("test", path);
    expect(code).toBe(1);
    expect(stdout).toContain("prompts.ask: another prompt");
    expect(stdout).toContain('- expected  "Recorded: hello"');
    expect(stdout).toContain('+ actual    "Please: hello"');
    expect(models.requests.length).toBe(before);
  });
});
