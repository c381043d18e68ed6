import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WeftClient } from "@weftwork/sdk";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startModelServer, type ModelServer } from "../../packages/server/src/testkit/model-server.ts";
import { temporaryFolder, Weft } from "../cli/weft.ts";
import { Answer, app, modelsOf } from "./chat.ts";

const folder = temporaryFolder();
const never = new Promise<void>(() => undefined);
let models: ModelServer;
let server: Weft;

beforeAll(async () => {
  models = await startModelServer({
    script: [{ when: "two", nth: 1, answer: { text: ["lost ", never] } }, { answer: { text: "kept" } }],
  });
  mkdirSync(join(folder.path, "config"));
  writeFileSync(join(folder.path, "config/base.yaml"), JSON.stringify({ models: modelsOf(models) }));
});
afterAll(async () => {
  server.process.kill("SIGTERM");
  await server.ended();
  await models.close();
  folder.remove();
});

async function serve(): Promise<WeftClient> {
  server = new Weft(["serve", "--port", "0", "--data", join(folder.path, "data")], { cwd: folder.path });
  const [, url] = await server.shows(/listens on (http:\/\/\S+)/);
  return new WeftClient({ baseUrl: url! });
}

test("a killed server answers the message that it was answering, once, and what it had said is taken back", async () => {
  const before = await serve();
  const { name: workflow } = await before.publish(app("memory"));
  const { id } = await before.conversations.create({ workflow, id: "talk" });
  const one = await before.conversations.say(id, { query: "one" });
  await before.wait(one.run_id);
  const two = await before.conversations.say(id, { query: "two" });
  const answer = new Answer();
  let after = "";
  for await (const message of before.stream(two.run_id)) {
    answer.take(message);
    after = message.id;
    if (answer.text === "lost ") break;
  }
  server.process.kill("SIGKILL");
  await server.ended();

  const client = await serve();
  // The reader goes on behind what it has read.
  for await (const message of client.stream(two.run_id, { after })) answer.take(message);
  expect(answer.text).toBe("kept (message 2)");
  expect(answer.pieces).toContain("-5");
  expect(await client.conversations.message(id, two.id)).toMatchObject({
    status: "succeeded",
    answer: "kept (message 2)",
    position: 2,
  });
  expect((await client.conversations.get(id)).variables).toEqual({ count: 2, said: ["one", "two"] });
  const whole = new Answer();
  for await (const message of client.stream(two.run_id)) whole.take(message);
  expect(whole.text).toBe("kept (message 2)");
});
