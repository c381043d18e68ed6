import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryFolder, Weft, weft } from "./weft.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => void (folder = temporaryFolder()));
afterEach(() => folder.remove());

const APP = JSON.stringify({
  app: { name: "orders", mode: "workflow" },
  kind: "app",
  version: "0.6.0",
  workflow: {
    graph: {
      nodes: [
        {
          id: "hook",
          data: {
            type: "trigger-webhook",
            method: "post",
            content_type: "application/json",
            body: [{ name: "order", type: "string", required: true }],
            response_body: "taken",
          },
        },
        { id: "daily", data: { type: "trigger-schedule" } },
        {
          id: "end",
          data: { type: "end", outputs: [{ variable: "order", value_selector: ["hook", "order"] }] },
        },
      ],
      edges: [
        { source: "hook", target: "end" },
        { source: "daily", target: "end" },
      ],
    },
  },
});

function file(): string {
  const path = join(folder.path, "orders.yml");
  writeFileSync(path, APP);
  return path;
}

test("an address is made, called and taken away; the list and a data folder never show it", async () => {
  const serving = new Weft(["serve", "--port", "0", "--data", join(folder.path, "data")]);
  const [server] = await serving.shows(/http:\/\/127\.0\.0\.1:\d+/);
  const at = (...args: readonly string[]): ReturnType<typeof weft> => weft(...args, "--server", server);
  try {
    expect((await at("triggers", "ls")).stdout).toContain("No published workflow has a trigger");
    expect((await at("workflows", "publish", file())).code).toBe(0);
    const made = await at("triggers", "rotate", "orders", "hook");
    expect(made.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/triggers\/webhook\/[\w-]{43}\n$/);
    expect(made.stderr).toContain("shown once");
    const url = made.stdout.trim();
    const listed = await at("triggers", "ls");
    expect(listed.stdout).toMatch(/orders +0\.0\.1 +daily +schedule +begins by hand/);
    expect(listed.stdout).toMatch(/orders +0\.0\.1 +hook +webhook +POST +\d{4}-/);
    expect(listed.stdout).not.toContain(url.split("/").at(-1));
    const call = (): Promise<Response> =>
      fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: '{"order": "A1"}' });
    const answer = await call();
    expect([answer.status, await answer.json()]).toEqual([200, { message: "taken" }]);
    expect((await at("triggers", "rm", "orders", "hook")).stdout).toBe("orders hook has no address any more\n");
    expect((await call()).status).toBe(404);
    const missing = await at("triggers", "rotate", "orders", "daily");
    expect([missing.code === 0, missing.stderr.includes("has no webhook daily")]).toEqual([false, true]);
  } finally {
    serving.process.kill("SIGTERM");
    await serving.ended();
  }
  expect(serving.stdout + serving.stderr).not.toContain("/triggers/webhook/");
});

test("a run of a file begins at the trigger that is named; another name is refused with those there are", async () => {
  const path = file();
  const daily = await weft("run", path, "--root", "daily", "--quiet", "--json");
  expect(JSON.parse(daily.stdout)).toMatchObject({ status: "succeeded", outputs: { order: null } });
  const hook = await weft("run", path, "--root", "hook", "-i", "order=A1", "--quiet", "--json");
  expect(JSON.parse(hook.stdout)).toMatchObject({ status: "succeeded", outputs: { order: "A1" } });
  const neither = await weft("run", path, "--root", "weekly", "--quiet");
  expect(neither.code).not.toBe(0);
  expect(neither.stderr).toContain("a run can begin at hook, daily");
});
