import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { createApp, type HttpApp } from "../../packages/server/src/http/app.ts";
import { defineNode, openWeft, type Weft as Engine } from "../../packages/server/src/index.ts";
import { Weft, type Ended } from "./weft.ts";

const PATIENCE = { timeout: 20_000 };

let engine: Engine;
let app: HttpApp;
let env: Record<string, string>;
let gate: PromiseWithResolvers<void>;

beforeEach(async () => {
  gate = Promise.withResolvers<void>();
  engine = await openWeft({
    nodes: [
      defineNode({
        type: "noisy",
        config: z.unknown(),
        async execute(_config, task) {
          task.emit({ type: "log", level: "info", message: "begins" });
          await gate.promise;
          task.emit({ type: "log", level: "error", message: "ends \u001b[31mred" });
          return "done";
        },
      }),
    ],
  });
  await engine.workflows.publish("name: loud\nsteps:\n  - {id: one, type: noisy}\n  - {id: two, type: noisy}\n");
  const quiet = (): void => undefined;
  app = createApp({
    weft: engine,
    config: { host: "127.0.0.1", port: 0, bodyLimit: 100_000 },
    logger: { info: quiet, warn: quiet, error: quiet },
  });
  await app.listen();
  env = { WEFT_SERVER: `http://127.0.0.1:${(app.fastify.server.address() as AddressInfo).port}` };
});
afterEach(async () => {
  gate.resolve();
  await app.close();
  await engine.close({ graceMs: 1000 });
});

const weft = (...args: readonly string[]): Promise<Ended> => new Weft(args, { env }).ended();

describe("weft runs logs", () => {
  test("--follow prints each line once, as it comes, and ends with the run", async () => {
    await engine.runs.start({ workflow: "loud", id: "l" });
    const following = new Weft(["runs", "logs", "l", "--follow"], { env });
    await expect.poll(() => following.stdout.match(/begins/g)?.length, PATIENCE).toBe(2);
    gate.resolve();
    const { code, stdout } = await following.ended();
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/^\S+ /, ""))
      .toSorted();
    // The code that would colour what follows is taken out.
    expect(lines).toEqual(["one error ends [31mred", "one info begins", "two error ends [31mred", "two info begins"]);
  });

  test("--node is about one step, and --json one object a line", async () => {
    gate.resolve();
    await engine.runs.start({ workflow: "loud", id: "l" });
    await engine.runs.wait("l", { timeoutMs: 10_000 });
    const { code, stdout } = await weft("runs", "logs", "l", "--node", "two", "--json");
    expect(code).toBe(0);
    const logs = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(logs).toMatchObject([
      { scope: "root", node: "two", attempt: 1, level: "info", message: "begins" },
      { node: "two", level: "error", message: "ends \u001b[31mred" },
    ]);
  });

  test("Ctrl-C ends the following", async () => {
    await engine.runs.start({ workflow: "loud", id: "l" });
    const following = new Weft(["runs", "logs", "l", "-f"], { env });
    await expect.poll(() => following.stdout, PATIENCE).toContain("begins");
    following.process.kill("SIGINT");
    expect((await following.ended()).code).toBe(130);
  });
});
