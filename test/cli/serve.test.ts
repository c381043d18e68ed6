import { join } from "node:path";
import type { Run, SubmittedRun, TaskProgress } from "@weftwork/sdk";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { temporaryFolder, Weft } from "./weft.ts";

const folder = temporaryFolder();
const running: Weft[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) {
    server.process.kill("SIGKILL");
    await server.ended();
  }
});
afterAll(() => folder.remove());

let count = 0;
async function serve(
  data = join(folder.path, `data-${count++}`),
): Promise<{ server: Weft; url: string; data: string }> {
  const server = new Weft(["serve", "--port", "0", "--data", data]);
  running.push(server);
  const [, url] = await server.shows(/listens on (http:\/\/\S+)/);
  return { server, url: url!, data };
}

async function json<T>(url: string, body?: object, headers: Record<string, string> = {}): Promise<T> {
  const post = {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  };
  return (await (await fetch(url, body === undefined ? {} : post)).json()) as T;
}

describe("weft serve", () => {
  test("on a fresh folder has the examples, and runs one by its name", async () => {
    const { server, url, data } = await serve();
    await server.shows(/Published the examples: .*summarize/);
    expect(server.stdout).toContain(`Data: ${data}`);
    const body = { workflow: "summarize", id: "first", inputs: { text: "One. Two." } };
    const { id } = await json<SubmittedRun>(`${url}/api/runs`, body);
    const run = await json<Run>(`${url}/api/runs`, body, { prefer: "wait=20" });
    expect(run.status).toBe("succeeded");
    expect(await json<TaskProgress>(`${url}/api/tasks/${id}`)).toMatchObject({ task_id: id, status: "success" });
  });

  test("the command it prints can be copied", async () => {
    const { server } = await serve();
    const [, url, body] = await server.shows(/curl -s -XPOST (\S+) .*-d '(.*)'/);
    const run = await json<Run>(url!, JSON.parse(body!) as object, { prefer: "wait=20" });
    expect(run).toMatchObject({
      status: "succeeded",
      outputs: { report: expect.stringContaining("durable") as unknown },
    });
  });

  test("killed and started again it still has the run and what was published", async () => {
    const first = await serve();
    const body = { workflow: "summarize", id: "kept", inputs: { text: "One. Two." } };
    await json<Run>(`${first.url}/api/runs`, body, { prefer: "wait=20" });
    first.server.process.kill("SIGKILL");
    await first.server.ended();
    const second = await serve(first.data);
    expect(second.server.stdout).not.toContain("Published the examples");
    expect(await json<Run>(`${second.url}/api/runs/kept`)).toMatchObject({ id: "kept", status: "succeeded" });
  });

  test.each(["SIGTERM", "SIGINT"] as const)("%s ends it in order, with exit code 0", async (signal) => {
    const { server, url } = await serve();
    const source = "name: waits\nsteps: [{id: w, type: wait, signal: go}]";
    await fetch(`${url}/api/workflows`, {
      method: "PUT",
      body: source,
      headers: { "content-type": "application/yaml" },
    });
    await json<SubmittedRun>(`${url}/api/runs`, { workflow: "waits" });
    const waiting = json<SubmittedRun>(`${url}/api/runs`, { workflow: "waits", id: "w-2" }, { prefer: "wait=600" });
    await expect.poll(async () => (await fetch(`${url}/api/runs/w-2`)).status).toBe(200);
    server.process.kill(signal);
    const { code, stderr } = await server.ended();
    expect(code).toBe(0);
    expect(stderr).toContain('"msg":"stopped"');
    expect(await waiting).toMatchObject({ id: "w-2", task_id: "w-2" });
  });

  test("a second server on the folder is refused, with the first one's process id", async () => {
    const { server, data } = await serve();
    const second = await new Weft(["serve", "--port", "0", "--data", data]).ended();
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`in use by process ${server.process.pid}`);
  });

  test("a port that is taken is a sentence", async () => {
    const { url } = await serve();
    const second = await new Weft(["serve", "--port", new URL(url).port, "--data", join(folder.path, "other")]).ended();
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining("the port is in use")]);
  });

  test("all mistakes of the configuration are told at once, and nothing is opened", async () => {
    const env = { WEFT_HOST: "0.0.0.0", WEFT_PORT: "many", WEFT_DATA: join(folder.path, "never") };
    const { code, stderr } = await new Weft(["serve"], { env }).ended();
    expect(code).toBe(2);
    expect(stderr).toContain("WEFT_HOST is 0.0.0.0");
    expect(stderr).toContain("WEFT_PORT is many");
  });
});
