import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startModelServer, type ModelServer } from "../../packages/server/src/testkit/model-server.ts";
import { modelsOf } from "../chat/chat.ts";
import { ROOT, temporaryFolder, Weft, type Ended } from "./weft.ts";

const APPS = join(ROOT, "test/chat/apps");
const folder = temporaryFolder();
let models: ModelServer;

beforeAll(async () => {
  models = await startModelServer({
    script: [
      { when: "hang", answer: { text: ["first ", new Promise(() => undefined)] } },
      { when: "wrong", answer: { status: 401, message: "no such key" } },
      { answer: { text: "an answer" } },
    ],
  });
  mkdirSync(join(folder.path, "config"));
  writeFileSync(join(folder.path, "config/base.yaml"), JSON.stringify({ models: modelsOf(models) }));
});
afterAll(async () => {
  await models.close();
  folder.remove();
});

function chat(input: string, ...args: readonly string[]): Promise<Ended> {
  return new Weft(["chat", ...args], { cwd: folder.path, input }).ended();
}

describe("weft chat", () => {
  test("answers each line, after the opening words of the app", async () => {
    const { code, stdout, stderr } = await chat("one\n\ntwo\n", join(APPS, "memory.yml"));
    expect(stdout).toBe("Ask me something.\nan answer (message 1)\nan answer (message 2)\n");
    expect(stderr).toMatch(/^Conversation conv_\S+ with memory\./);
    expect(code).toBe(0);
  });

  test("goes on with a conversation that a data folder has", async () => {
    const data = join(folder.path, "kept");
    const first = await chat("one\n", join(APPS, "memory.yml"), "--data", data, "-i", "tone=kind");
    const id = /--conversation (\S+)\./.exec(first.stderr)![1]!;
    const second = await chat("two\n", join(APPS, "memory.yml"), "--data", data, "--conversation", id);
    expect(second.stdout).toBe("an answer (message 2)\n");
    const wrong = await chat("two\n", join(APPS, "rounds.yml"), "--data", data, "--conversation", id);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("is one with memory")]);
    const none = await chat("two\n", join(APPS, "memory.yml"), "--data", data, "--conversation", "none");
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("no conversation none")]);
  });

  test("talks at a server", async () => {
    const server = new Weft(["serve", "--port", "0", "--data", join(folder.path, "served")], { cwd: folder.path });
    const [, url] = await server.shows(/listens on (http:\/\/\S+)/);
    const { code, stdout } = await chat("one\n", join(APPS, "memory.yml"), "--server", url!);
    expect([code, stdout]).toEqual([0, "Ask me something.\nan answer (message 1)\n"]);
    server.process.kill("SIGTERM");
    await server.ended();
  });

  test("puts the questions of the app, and goes the way that is chosen", async () => {
    const going = await chat("it\nbe brief\n7\n1\n", join(APPS, "ask.yml"));
    expect(going.stdout).toContain("Shall I answer it? ____\n1) Go on\n2) Stop\n");
    expect(going.stdout).toContain("going on: be brief\n");
    expect((await chat("it\nx\nStop\n", join(APPS, "ask.yml"))).stdout).toContain("\nstopping\n");
    const { stderr } = await chat("it\n", join(APPS, "ask.yml"));
    expect(stderr).toMatch(/weft runs approve run_\S+ may/);
  });

  test("says why there is no answer", async () => {
    const { code, stderr, stdout } = await chat("wrong\n", join(APPS, "memory.yml"));
    expect([code, stdout]).toEqual([1, "Ask me something.\n"]);
    expect(stderr).toMatch(/No answer: .*\(model_authentication\)/);
  });

  test("ends an answer at Ctrl-C and goes on, and says so in Chinese", async () => {
    const child = new Weft(["--lang", "zh", "chat", join(APPS, "memory.yml")], { cwd: folder.path, input: "hang\n" });
    await child.shows(/first /);
    child.process.kill("SIGINT");
    const { code, stdout, stderr } = await child.ended();
    expect([code, stdout]).toEqual([3, "Ask me something.\nfirst \n"]);
    expect(stderr).toContain("（已取消）");
  });

  test("refuses what is no chat app", async () => {
    const path = join(folder.path, "plain.yaml");
    writeFileSync(path, "name: plain\nsteps: [{ id: a, type: template, template: x }]\n");
    const { code, stderr } = await chat("x\n", path);
    expect([code, stderr]).toEqual([1, expect.stringContaining("is no chat app")]);
  });
});
