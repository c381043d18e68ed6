import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createWorker, type OwnTasks, type OwnWorkerJoined } from "@weftwork/sdk";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { createApp, type HttpApp } from "../../packages/server/src/http/app.ts";
import { openWeft, type Weft } from "../../packages/server/src/weft.ts";

const FLOW = `name: flow
inputs: {items: array}
steps:
  - id: each
    type: for_each
    items: "{{ inputs.items }}"
    concurrency: 16
    steps: [{id: work, type: worker, pool: sums, input: "{{ item }}"}]
    collect: "{{ steps.work.output }}"
outputs: {results: "{{ steps.each.output }}"}`;

const postgres = await testPostgres();

describe.skipIf(postgres === null)("own workers of several servers on one database", () => {
  const servers: { readonly weft: Weft; readonly app: HttpApp; readonly url: string }[] = [];
  let drop: () => Promise<void>;

  beforeAll(async () => {
    const database = await postgres!.create();
    ({ drop } = database);
    for (let count = 0; count < 2; count++) {
      const weft = await openWeft({ store: database.url, problem: () => undefined });
      const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
      const app = createApp({ weft, config: { host: "127.0.0.1", port: 0, bodyLimit: 100_000 }, logger });
      servers.push({ weft, app, url: await app.listen() });
    }
    await servers[0]!.weft.workflows.publish(FLOW);
  }, 30_000);
  afterAll(async () => {
    for (const { weft, app } of servers) {
      await app.close();
      await weft.close({ graceMs: 0 });
    }
    await drop();
  }, 30_000);

  test("a task that one server gave out is reported at another", async () => {
    const [first, second] = servers as [(typeof servers)[0], (typeof servers)[0]];
    const call = async <Answer>(url: string, path: string, body: object, token = ""): Promise<Answer> => {
      const response = await fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", "x-weft-worker-token": token },
        body: JSON.stringify(body),
      });
      expect(response.ok, `${path}: ${response.status}`).toBe(true);
      return (response.status === 204 ? null : await response.json()) as Answer;
    };
    const { id, token } = await call<OwnWorkerJoined>(first.url, "/api/workers", { pools: ["sums"] });
    const { run } = await first.weft.runs.start({ workflow: "flow", inputs: { items: [7] } });
    const { data } = await call<OwnTasks>(second.url, `/api/workers/${id}/tasks`, {}, token);
    const task = encodeURIComponent(data[0]!.id);
    expect(data[0]).toMatchObject({ input: 7, scope: "each[0]", step: "work" });
    await call(first.url, `/api/workers/${id}/heartbeat`, { tasks: [data[0]!.id] }, token);
    await call(second.url, `/api/workers/${id}/tasks/${task}/result`, { status: "completed", output: 49 }, token);
    // The same again at the other one: nothing happens twice, whatever it says.
    const again = await fetch(`${first.url}/api/workers/${id}/tasks/${task}/result`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-weft-worker-token": token },
      body: JSON.stringify({ status: "completed", output: 49 }),
    });
    expect([204, 409]).toContain(again.status);
    const ended = await first.weft.runs.wait(run.id, { timeoutMs: 20_000 });
    expect(ended!.outputs).toEqual({ results: [49] });
    await second.weft.ownWorkers.leave({ id, token });
  }, 40_000);

  test("workers at both servers do the tasks of one run, each once", async () => {
    const items = Array.from({ length: 200 }, (_, at) => at);
    const done: number[] = [];
    const workers = servers.map(({ url }) =>
      createWorker({
        url,
        pool: "sums",
        concurrency: 8,
        problem: () => undefined,
        handlers: {
          work: ({ input }) => {
            done.push(input as number);
            return (input as number) * 2;
          },
        },
      }),
    );
    const { run } = await servers[1]!.weft.runs.start({ workflow: "flow", inputs: { items } });
    const ended = await servers[0]!.weft.runs.wait(run.id, { timeoutMs: 40_000 });
    await Promise.all(workers.map((worker) => worker.close()));
    expect(ended!.outputs).toEqual({ results: items.map((item) => item * 2) });
    expect(done.toSorted((a, b) => a - b)).toEqual(items);
    expect(await servers[0]!.weft.ownWorkers.list()).toEqual([]);
  }, 60_000);
});
