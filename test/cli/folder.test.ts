import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWeft } from "../../packages/server/src/index.ts";
import { temporaryFolder, Weft, weft } from "./weft.ts";

const folder = temporaryFolder();
const data = join(folder.path, "data");
afterAll(() => folder.remove());

const FLOW =
  "name: flow\nsteps:\n  - {id: a, type: template, template: hi}\n  - {id: w, type: wait, for: 2s, depends_on: [a]}\n";

/** When the open run has nothing more to wait for. */
let waitIsOver = Infinity;

beforeAll(async () => {
  const engine = await openWeft({ store: data });
  await engine.workflows.publish(FLOW);
  await engine.workflows.publish("name: quick\nsteps:\n  - {id: a, type: template, template: hi}\n");
  await engine.runs.start({ workflow: "flow", id: "open" });
  await engine.runs.start({ workflow: "quick", id: "done" });
  await engine.runs.wait("done", { timeoutMs: 10_000 });
  for await (const { event, data: waiting } of engine.runs.events("open")) {
    waitIsOver = Number(waiting["dueAt"]);
    if (event === "task_waiting") break;
  }
  await engine.close();
});

describe("a data folder that nobody serves", () => {
  test("is read without a server: runs, their steps, exports and workflows", async () => {
    const list = await weft("runs", "list", "--data", data);
    expect(list.code).toBe(0);
    expect(list.stdout).toMatch(/^done +quick 0\.0\.1 +succeeded/m);
    expect((await weft("runs", "show", "done", "--data", data)).stdout).toMatch(/^a +succeeded .* hi$/m);
    const exported = await weft("runs", "export", "done", "--data", data);
    expect(JSON.parse(exported.stdout)).toMatchObject({ run: { id: "done" } });
    expect((await weft("runs", "logs", "done", "--data", data)).code).toBe(0);
    expect((await weft("workflows", "list", "--data", data)).stdout).toMatch(/^flow /m);
    expect(await weft("runs", "show", "none", "--data", data)).toMatchObject({
      code: 1,
      stderr: "weft: There is no run none.\n",
    });
  });

  test("is not moved by that: a run that is due stands as it stood, and ends when a server has the folder", async () => {
    const before = (await weft("runs", "export", "open", "--data", data)).stdout;
    await expect.poll(() => Date.now(), { timeout: 10_000 }).toBeGreaterThan(waitIsOver);
    expect((await weft("runs", "list", "--data", data)).stdout).toMatch(/^open +flow 0\.0\.1 +waiting/m);
    expect((await weft("runs", "export", "open", "--data", data)).stdout).toBe(before);
    const engine = await openWeft({ store: data });
    expect(await engine.runs.wait("open", { timeoutMs: 20_000 })).toMatchObject({ status: "succeeded" });
    await engine.close();
  });

  test("that is none is a sentence, and nothing is made there", async () => {
    const none = join(folder.path, "none");
    const { code, stderr } = await weft("runs", "list", "--data", none);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`There is no data in ${none}`)]);
    expect((await weft("runs", "list", "--data", data, "--server", "http://127.0.0.1:1")).code).toBe(2);
  });
});

describe("a data folder that a server has", () => {
  test("is asked through that server, which is named", async () => {
    const served = new Weft(["serve", "--data", data, "--port", "0"]);
    try {
      const [, url] = await served.shows(/listens on (\S+)/);
      const { code, stdout, stderr } = await weft("runs", "list", "--data", data);
      expect([code, stderr]).toEqual([
        0,
        `The folder ${data} belongs to process ${served.process.pid}, whose server at ${url} is asked.\n`,
      ]);
      expect(stdout).toMatch(/^open +flow 0\.0\.1 +succeeded/m);
    } finally {
      served.process.kill("SIGTERM");
      await served.ended();
    }
    expect((await weft("runs", "list", "--data", data)).stderr).toBe("");
  });

  test("and told no address is refused with the process that has it", async () => {
    const engine = await openWeft({ store: data });
    try {
      // Left behind by a server that was killed: its number is another one.
      writeFileSync(join(data, "server.json"), '{"pid":1,"url":"http://127.0.0.1:1"}');
      const { code, stderr } = await weft("runs", "list", "--data", data);
      expect([code, stderr]).toEqual([1, expect.stringContaining(`${process.pid}`)]);
    } finally {
      await engine.close();
    }
  });
});
