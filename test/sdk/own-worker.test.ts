import { AppError } from "@weftwork/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createWorker, TaskError, type OwnTasks, type OwnWorker, type OwnWorkerJoined } from "@weftwork/sdk";
import { createApp, type HttpApp } from "../../packages/server/src/http/app.ts";
import { MemoryTasks } from "../../packages/server/src/tasks/memory.ts";
import { openWeft, type Weft } from "../../packages/server/src/weft.ts";

const FLOW = `name: flow
inputs: {n: number}
steps:
  - {id: double, type: worker, pool: sums, handler: double, config: {by: 2}, input: "{{ inputs.n }}", timeout: 20s, retry: {attempts: 2, initial: 10ms, max: 10ms}}
outputs: {result: "{{ steps.double.output }}"}`;
const CAREFUL = `name: careful
steps:
  - {id: once, type: worker, pool: sums, idempotent: false, timeout: 60s}`;
const HASTY = `name: hasty
steps:
  - {id: late, type: worker, pool: sums, timeout: 20ms, retry: 1}`;
const PLAIN = `name: plain
steps:
  - {id: work, type: worker, pool: sums}`;

const LOADED = `name: loaded
inputs: {text: string}
steps:
  - {id: work, type: worker, pool: sums, input: "{{ inputs.text }}"}`;

describe("own workers over HTTP", () => {
  let weft: Weft;
  let app: HttpApp;
  let url: string;
  const workers: OwnWorker[] = [];

  beforeEach(async () => {
    weft = await openWeft({ problem: () => undefined });
    for (const source of [FLOW, PLAIN, CAREFUL, HASTY, LOADED]) await weft.workflows.publish(source);
    const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
    app = createApp({ weft, config: { host: "127.0.0.1", port: 0, bodyLimit: 100_000 }, logger });
    url = await app.listen();
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close({ graceMs: 0 })));
    await app.close();
    await weft.close({ graceMs: 0 });
  });

  function work(handlers: Parameters<typeof createWorker>[0]["handlers"], more = {}): OwnWorker {
    const worker = createWorker({ url, pool: "sums", handlers, leaseMs: 5000, problem: () => undefined, ...more });
    workers.push(worker);
    return worker;
  }
  async function ends(workflow: string, inputs = {}) {
    const { run } = await weft.runs.start({ workflow, inputs });
    return (await weft.runs.wait(run.id, { timeoutMs: 20_000 }))!;
  }

  async function call<Answer>(path: string, body: object, token = "", method = "POST"): Promise<[number, Answer]> {
    const response = await fetch(url + path, {
      method,
      headers: { "content-type": "application/json", "x-weft-worker-token": token },
      ...(method === "POST" ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    return [response.status, (text === "" ? null : JSON.parse(text)) as Answer];
  }
  async function joined(): Promise<{ readonly path: string; readonly token: string }> {
    const [status, answer] = await call<OwnWorkerJoined>("/api/workers", { pools: ["sums"], lease_ms: 5000 });
    expect(status).toBe(201);
    return { path: `/api/workers/${answer.id}`, token: answer.token };
  }

  test("a worker does steps with what they give it, and its answer is their output", async () => {
    const seen: unknown[] = [];
    work({
      double: ({ input, config, key, attempt, step, scope, deadline }) => {
        seen.push({ config, key, attempt, step, scope, deadline: deadline! > new Date() });
        return (input as number) * (config["by"] as number);
      },
    });
    const run = await ends("flow", { n: 21 });
    expect(run).toMatchObject({ status: "succeeded", outputs: { result: 42 } });
    const key = `${run.id}/root/double#1`;
    expect(seen).toEqual([{ config: { by: 2 }, key, attempt: 1, step: "double", scope: "root", deadline: true }]);
  });

  test("a worker may do more tasks at once than one answer brings", async () => {
    let most = 0;
    const all = Promise.withResolvers<void>();
    const worker = work(
      {
        work: async () => {
          most = Math.max(most, worker.active);
          if (worker.active === 120) all.resolve();
          await all.promise;
        },
      },
      { concurrency: 120 },
    );
    const runs = await Promise.all(
      Array.from({ length: 120 }, () => weft.runs.start({ workflow: "plain", inputs: {} })),
    );
    await all.promise;
    for (const { run } of runs) expect((await weft.runs.wait(run.id, { timeoutMs: 20_000 }))!.status).toBe("succeeded");
    expect(most).toBe(120);
    for (const concurrency of [0, 1.5, 1001])
      expect(() => createWorker({ handlers: {}, concurrency })).toThrow(RangeError);
  }, 40_000);

  test("what a handler throws fails the attempt; one that may be tried again is", async () => {
    let calls = 0;
    work({
      double: ({ attempt }) => {
        calls += 1;
        if (attempt === 1) throw new TaskError("BUSY", "not now", { retryable: true });
        return "then";
      },
      work: () => {
        throw new TaskError("BROKEN", "for good", { details: { part: "wheel" } });
      },
    });
    expect(await ends("flow", { n: 1 })).toMatchObject({ status: "succeeded", outputs: { result: "then" } });
    expect(calls).toBe(2);
    const failed = await ends("plain");
    expect(failed.error).toMatchObject({ code: "BROKEN", message: "for good" });
  });

  test("a step is seen to wait for its pool until a worker comes", async () => {
    const { run } = await weft.runs.start({ workflow: "flow", inputs: { n: 4 } });
    await expect
      .poll(async () => (await weft.pools.list()).map(({ name, waiting }) => [name, waiting]), { timeout: 5000 })
      .toContainEqual(["own/sums", 1]);
    work({ double: ({ input }) => (input as number) * 3 });
    const done = await weft.runs.wait(run.id, { timeoutMs: 20_000 });
    expect(done!.outputs).toEqual({ result: 12 });
  });

  test("a run that is cancelled aborts its task", async () => {
    const begun = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    work({
      work: async ({ signal }) => {
        begun.resolve();
        signal.addEventListener("abort", () => aborted.resolve());
        await aborted.promise;
      },
    });
    const { run } = await weft.runs.start({ workflow: "plain", inputs: {} });
    await begun.promise;
    await weft.runs.cancel(run.id, "enough");
    await aborted.promise;
    expect((await weft.runs.get(run.id))!.status).toBe("cancelled");
  });

  test("a worker that closes gives back what it cannot end, and no attempt is counted", async () => {
    const begun = Promise.withResolvers<void>();
    const first = work({ work: ({ signal }) => new Promise(() => (begun.resolve(), signal.throwIfAborted())) });
    const { run } = await weft.runs.start({ workflow: "plain", inputs: {} });
    await begun.promise;
    await first.close({ graceMs: 0 });
    work({ work: ({ attempt }) => ({ attempt }) });
    await weft.runs.wait(run.id, { timeoutMs: 20_000 });
    const step = await weft.runs.step(run.id, "work");
    expect(step).toMatchObject({ status: "succeeded", output: { attempt: 1 } });
  });

  test("progress reaches those who watch", async () => {
    const watched = Promise.withResolvers<void>();
    work({
      work: async (task) => {
        task.write("half ");
        task.write("way");
        task.log("a line", "warn");
        await watched.promise;
        return "done";
      },
    });
    const { run } = await weft.runs.start({ workflow: "plain", inputs: {} });
    let text = "";
    for await (const batch of weft.runs.stream(run.id)) {
      for (const message of batch) {
        if (message.event === "text_delta") text += message.data["text"];
        if (message.event === "log") watched.resolve();
      }
    }
    expect(text).toBe("half way");
  });

  test("the wire: a result counts once, from its holder, and the same again is answered alike", async () => {
    const { path, token } = await joined();
    const other = await joined();
    const { run } = await weft.runs.start({ workflow: "plain", inputs: {} });
    const [, { data }] = await call<OwnTasks>(`${path}/tasks`, { limit: 5, wait: 10 }, token);
    const [task] = data;
    expect(task).toMatchObject({ handler: "work", step: "work", attempt: 1, deadline: null, config: {} });
    const result = `${path}/tasks/${task!.id}/result`;
    const done = { status: "completed", output: { a: 1 } };
    const code = async (...of: Parameters<typeof call>) => {
      const [status, body] = await call<{ code: string } | null>(...of);
      return [status, body?.code];
    };
    expect(await code(`${other.path}/tasks/${task!.id}/result`, done, other.token)).toEqual([409, "task_not_held"]);
    expect(await code(result, done, other.token)).toEqual([404, "worker_not_found"]);
    expect(await code(result, { status: "completed" }, token)).toEqual([400, "invalid_request"]);
    expect(await code(result, done, token)).toEqual([204, undefined]);
    expect(await code(result, done, token)).toEqual([204, undefined]);
    expect(await code(result, { status: "completed", output: 2 }, token)).toEqual([409, "task_not_held"]);
    const ended = await weft.runs.wait(run.id, { timeoutMs: 10_000 });
    expect(ended!.status).toBe("succeeded");
    expect((await weft.runs.step(run.id, "work")).output).toEqual({ a: 1 });
    expect((await call<{ data: unknown[] }>("/api/workers", {}, "", "GET"))[1].data).toHaveLength(2);
    expect(await call(path, {}, token, "DELETE")).toEqual([204, null]);
    expect(await code(`${path}/heartbeat`, {}, token)).toEqual([404, "worker_not_found"]);
  });

  test("the wire: an answer that did not arrive is no lost task", async () => {
    const { path, token } = await joined();
    const gone = new AbortController();
    const poll = fetch(`${url}${path}/tasks`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-weft-worker-token": token },
      body: "{}",
      signal: gone.signal,
    }).catch(() => "gone");
    gone.abort();
    expect(await poll).toBe("gone");
    const { run } = await weft.runs.start({ workflow: "plain", inputs: {} });
    const [, { data }] = await call<OwnTasks>(`${path}/tasks`, {}, token);
    expect(data).toHaveLength(1);
    // The worker does not know of it: two heartbeats that do not name it put it back.
    await call(`${path}/heartbeat`, { tasks: [] }, token);
    await call(`${path}/heartbeat`, { tasks: [] }, token);
    const [, again] = await call<OwnTasks>(`${path}/tasks`, {}, token);
    expect(again.data.map(({ run_id: id }) => id)).toEqual([run.id]);
    const [, beat] = await call(`${path}/heartbeat`, { tasks: [again.data[0]!.id, "1.0.eA"] }, token);
    expect(beat).toEqual({ lease_ms: 5000, unwanted: ["1.0.eA"] });
  });

  test("the wire: an answer brings no more than fits into memory, and one task in any case", async () => {
    const { path, token } = await joined();
    const text = "x".repeat(3_000_000);
    const runs = await Promise.all(
      [1, 2, 3, 4].map((n) => weft.runs.start({ workflow: "loaded", inputs: { text: `${n}${text}` } })),
    );
    const seen: string[] = [];
    const sizes: number[] = [];
    while (seen.length < runs.length) {
      const [, { data }] = await call<OwnTasks>(`${path}/tasks`, { limit: 100, wait: 5 }, token);
      for (const { id, run_id } of data) {
        seen.push(run_id);
        await call(`${path}/tasks/${id}/result`, { status: "completed", output: 1 }, token);
      }
      sizes.push(data.length);
    }
    expect(Math.max(...sizes)).toBeLessThan(4);
    expect(new Set(seen)).toEqual(new Set(runs.map(({ run }) => run.id)));
  });

  test("the wire: a store that fails between two pools keeps nothing of what it gave before", async () => {
    const body = { pools: ["sums", "other"], lease_ms: 5000 };
    const [, { id, token }] = await call<OwnWorkerJoined>("/api/workers", body);
    const path = `/api/workers/${id}`;
    const { run } = await weft.runs.start({ workflow: "plain", inputs: {} });
    await expect.poll(async () => (await weft.pools.list()).some(({ name }) => name === "own/sums")).toBe(true);
    const next = MemoryTasks.prototype.next;
    const failing = vi.spyOn(MemoryTasks.prototype, "next").mockImplementation(function (this: MemoryTasks, ...asked) {
      const away = new AppError("STORE_UNAVAILABLE", { reason: "it is away" });
      return asked[1] === "own/other" ? Promise.reject(away) : next.apply(this, asked);
    });
    // Each of the pools is asked first in turn.
    const given: OwnTasks["data"][number][] = [];
    for (let count = 0; count < 2; count++) {
      const [status, answer] = await call<OwnTasks>(`${path}/tasks`, { limit: 2, wait: 0 }, token);
      if (status === 200) given.push(...answer.data);
    }
    failing.mockRestore();
    expect(given.map(({ run_id }) => run_id)).toEqual([run.id]);
  });

  test("the wire: a task that was given back is given back a second time as well", async () => {
    const { path, token } = await joined();
    const other = await joined();
    await weft.runs.start({ workflow: "plain", inputs: {} });
    for (let times = 0; times < 2; times++) {
      const [, { data }] = await call<OwnTasks>(`${path}/tasks`, {}, token);
      const answer = await call(`${path}/tasks/${data[0]!.id}/result`, { status: "given_back" }, token);
      expect(answer).toEqual([204, null]);
    }
    const [, { data }] = await call<OwnTasks>(`${other.path}/tasks`, { wait: 1 }, other.token);
    expect(data).toHaveLength(1);
  });

  test("a large result comes back whole, and one that is too deep or no JSON is told to its step", async () => {
    const large = "x".repeat(6_000_000);
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    work({ work: () => ({ large }), double: () => circle });
    const run = await ends("plain");
    expect((await weft.runs.step(run.id, "work")).output).toEqual({ large });
    expect((await ends("flow", { n: 1 })).error).toMatchObject({ code: "STEP_FAILED" });
  });

  test("a pool without the handler fails the step with its name", async () => {
    work({});
    expect((await ends("plain")).error).toMatchObject({
      code: "HANDLER_NOT_FOUND",
      message: "The worker of the pool sums has no handler work.",
    });
  });

  test("a step that must not be repeated is not: when its worker is lost its outcome is unknown", async () => {
    const { path, token } = await joined();
    const { run } = await weft.runs.start({ workflow: "careful", inputs: {} });
    const [, { data }] = await call<OwnTasks>(`${path}/tasks`, {}, token);
    expect(data).toHaveLength(1);
    // Another worker asks again and again until the lease of the first has ended.
    work({ once: () => "twice" }, { waitSeconds: 1 });
    const done = await weft.runs.wait(run.id, { timeoutMs: 30_000 });
    expect(done!.error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  }, 40_000);

  test("a task whose time is over is ended by the next heartbeat, whatever its worker does", async () => {
    const { path, token } = await joined();
    const { run } = await weft.runs.start({ workflow: "hasty", inputs: {} });
    const [, { data }] = await call<OwnTasks>(`${path}/tasks`, {}, token);
    const [{ id, timeout_ms: ms, deadline }] = data as [OwnTasks["data"][0]];
    expect([ms, typeof deadline]).toEqual([20, "string"]);
    await expect.poll(() => new Date() > new Date(deadline!), { interval: 10 }).toBe(true);
    expect(await call(`${path}/heartbeat`, { tasks: [id] }, token)).toEqual([200, { lease_ms: 5000, unwanted: [id] }]);
    const done = await weft.runs.wait(run.id, { timeoutMs: 20_000 });
    expect(done!.error).toMatchObject({ code: "STEP_TIMEOUT" });
  });

  test("a handler that does not listen is overtaken by the step's timeout", async () => {
    work({ late: () => new Promise(() => undefined) });
    expect((await ends("hasty")).error).toMatchObject({ code: "STEP_TIMEOUT" });
  });

  test("a worker outlives what happens to its server's answers", async () => {
    let state = 7;
    const failing: typeof fetch = async (...request) => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      const fate = (state >> 16) % 5;
      if (fate === 0) throw new TypeError("the network is down");
      const response = await fetch(...request);
      if (fate !== 1) return response;
      // It arrived, and its answer does not.
      await response.arrayBuffer();
      throw new TypeError("the connection was cut");
    };
    const worker = work({ double: ({ input }) => input }, { fetch: failing, waitSeconds: 1 });
    const runs = await Promise.all([1, 2, 3, 4, 5].map((n) => weft.runs.start({ workflow: "flow", inputs: { n } })));
    for (const [at, { run }] of runs.entries()) {
      const done = await weft.runs.wait(run.id, { timeoutMs: 50_000 });
      expect(done!.outputs).toEqual({ result: at + 1 });
    }
    await worker.close();
  }, 60_000);

  test("the wire: what a worker may not say is refused with its place", async () => {
    const bad = [
      {},
      { pools: [] },
      { pools: [""] },
      { pools: ["a\u0000"] },
      { pools: ["a"], lease_ms: 1 },
      { pools: ["a"], lease: 5000 },
    ];
    for (const body of bad) expect((await call("/api/workers", body))[0]).toBe(400);
    const { path, token } = await joined();
    expect((await call(`${path}/tasks`, { limit: 0 }, token))[0]).toBe(400);
    expect((await call(`${path}/tasks/x/progress`, { parts: [{ type: "shout" }] }, token))[0]).toBe(400);
    expect((await call(`${path}/tasks/x/result`, { status: "failed", error: {} }, token))[0]).toBe(400);
    expect((await call(`${path}/tasks/x/result`, { status: "given_back" }, token))[0]).toBe(409);
    const nul = Buffer.from("root/a\u0000#1").toString("base64url");
    expect((await call(`${path}/tasks/1.0.${nul}/result`, { status: "given_back" }, token))[0]).toBe(409);
  });
});
