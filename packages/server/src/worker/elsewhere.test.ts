import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { testPostgres, type TestPostgres } from "../db/test-postgres.ts";
import { defineNode } from "../nodes/define-node.ts";
import type { NodeTask } from "../nodes/node.ts";
import { openWeft, type Weft, type WeftOptions } from "../weft.ts";

const server = await testPostgres();

/** A promise, and what ends it. */
interface Held {
  readonly task: NodeTask;
  readonly by: string;
  readonly end: (value: unknown) => void;
}

/** Processes on one database, each a Weftwork of its own. */
class Cluster {
  readonly url: string;
  readonly held: Held[] = [];
  readonly aborted: string[] = [];
  private readonly drop: () => Promise<void>;
  private readonly open: Weft[] = [];

  private constructor({ url, drop }: Awaited<ReturnType<TestPostgres["create"]>>) {
    this.url = url;
    this.drop = drop;
  }

  static async create(): Promise<Cluster> {
    return new Cluster(await server!.create());
  }

  async start(name: string, options: WeftOptions): Promise<Weft> {
    const weft = await openWeft({
      store: this.url,
      name,
      problem: (message, run, error) => void process.stderr.write(`${name} ${run}: ${message}: ${String(error)}\n`),
      nodes: [
        defineNode({
          type: "where",
          config: z.object({ text: z.string().optional() }),
          effect: "effect",
          execute: ({ text }, task) => {
            if (text !== undefined) task.emit({ type: "text_delta", text });
            return Promise.resolve({ by: name, text: text ?? null });
          },
        }),
        defineNode({
          type: "hold",
          config: z.object({}),
          effect: "effect",
          execute: (_, task) =>
            new Promise((resolve, reject) => {
              this.held.push({ task, by: name, end: resolve });
              task.signal.addEventListener("abort", () => {
                this.aborted.push(`${name} ${task.key}`);
                reject(new Error("aborted"));
              });
            }),
        }),
        defineNode({
          type: "large",
          config: z.object({ size: z.number() }),
          effect: "effect",
          execute: ({ size }) => Promise.resolve("x".repeat(size)),
        }),
      ],
      ...options,
    });
    this.open.push(weft);
    return weft;
  }

  async close(weft: Weft): Promise<void> {
    this.open.splice(this.open.indexOf(weft), 1);
    await weft.close({ graceMs: 0 });
  }

  async end(): Promise<void> {
    await Promise.all(this.open.map((weft) => weft.close({ graceMs: 0 })));
    await this.drop();
  }
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + 30_000; !(await holds());) {
    if (performance.now() > end) throw new Error(`it never came to pass: ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
}

const ONE_STEP = (step: object): string => JSON.stringify({ name: "one", steps: [{ id: "s", ...step }] });

describe.skipIf(server === null)("tasks that other processes do", () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.create();
  });
  afterEach(async () => {
    cluster.held.length = cluster.aborted.length = 0;
    await cluster.end();
    cluster = await Cluster.create();
  });
  afterAll(() => cluster.end());

  test("an owner without pools has its steps done elsewhere, with the values of the steps before", async () => {
    const owner = await cluster.start("owner", { serves: [] });
    await cluster.start("worker", { own: false });
    await owner.workflows.publish(
      JSON.stringify({
        name: "chain",
        steps: [
          { id: "a", type: "where", text: "{{ inputs.q }}" },
          { id: "b", type: "where", text: "{{ steps.a.output.text }}, {{ steps.a.output.by }}" },
          {
            id: "each",
            type: "for_each",
            items: [1, 2, 3],
            steps: [{ id: "c", type: "where", text: "{{ item }}{{ index }}" }],
            depends_on: ["b"],
          },
        ],
        outputs: { b: "{{ steps.b.output }}", each: "{{ steps.each.output }}" },
      }),
    );
    const { run } = await owner.runs.start({ workflow: "chain", inputs: { q: "hello" } });
    const ended = await owner.runs.wait(run.id, { timeoutMs: 30_000 });
    expect(ended).toMatchObject({
      status: "succeeded",
      outputs: {
        b: { by: "worker", text: "hello, worker" },
        each: [
          { by: "worker", text: "10" },
          { by: "worker", text: "21" },
          { by: "worker", text: "32" },
        ],
      },
    });
  });

  test("what a step says elsewhere reaches those who watch its run", async () => {
    const owner = await cluster.start("owner", { serves: [] });
    await cluster.start("worker", { own: false });
    await owner.workflows.publish(ONE_STEP({ type: "hold" }));
    const { run } = await owner.runs.start({ workflow: "one", inputs: {} });
    const said: unknown[] = [];
    const watching = (async () => {
      for await (const message of owner.runs.events(run.id)) said.push(message);
    })();
    await until(() => cluster.held.length === 1, "the step was begun");
    const [{ task, end }] = cluster.held as [Held];
    // Interest in what is said travels between processes like everything else.
    await until(() => {
      task.emit({ type: "text_delta", text: "so " });
      return said.some((message) => JSON.stringify(message).includes("so "));
    }, "the text was heard");
    end("so");
    await watching;
    expect((await owner.runs.get(run.id))!.status).toBe("succeeded");
  });

  test("a step that is cancelled is aborted where it runs", async () => {
    const owner = await cluster.start("owner", { serves: [] });
    await cluster.start("worker", { own: false });
    await owner.workflows.publish(ONE_STEP({ type: "hold" }));
    const { run } = await owner.runs.start({ workflow: "one", inputs: {} });
    await until(() => cluster.held.length === 1, "the step was begun");
    await owner.runs.cancel(run.id);
    await until(() => cluster.aborted.length === 1, "the step was aborted");
    expect((await owner.runs.get(run.id))!.status).toBe("cancelled");
  });

  test.each([100, 300_000, 3_000_000])("a result of %i bytes comes back whole", async (size) => {
    const owner = await cluster.start("owner", { serves: [] });
    await cluster.start("worker", { own: false });
    await owner.workflows.publish(
      JSON.stringify({
        name: "large",
        steps: [
          { id: "a", type: "large", size },
          { id: "b", type: "where", text: "{{ steps.a.output | length }} long" },
        ],
        outputs: { length: "{{ steps.b.output.text }}" },
      }),
    );
    const { run } = await owner.runs.start({ workflow: "large", inputs: {} });
    const ended = await owner.runs.wait(run.id, { timeoutMs: 30_000 });
    expect(ended).toMatchObject({ status: "succeeded", outputs: { length: `${size} long` } });
  });

  test("a pool without a worker is waited for in sight of everybody, and a worker that comes begins at once", async () => {
    const owner = await cluster.start("owner", {});
    const other = await cluster.start("other", { own: false, serves: [] });
    await owner.workflows.publish(ONE_STEP({ type: "where", pool: "press" }));
    const { run } = await owner.runs.start({ workflow: "one", inputs: {} });
    for (const weft of [owner, other]) {
      await until(async () => (await weft.runs.get(run.id))!.waiting_for !== null, "it says what it waits for");
      const { waiting_for: waiting } = (await weft.runs.get(run.id))!;
      expect(waiting).toMatchObject({ code: "pool", step: "s" });
      expect(waiting!.message).toMatch(/pool press since \d{4}-/);
    }
    expect(await owner.pools.get("press")).toMatchObject({ slots: 0, waiting: 1, status: "active" });
    await cluster.start("worker", { own: false, serves: ["press"] });
    const ended = await owner.runs.wait(run.id, { timeoutMs: 30_000 });
    expect(ended).toMatchObject({ status: "succeeded", outputs: { s: { by: "worker" } } });
  });

  test("a step that waits for a worker longer than it may fails by its own rules", async () => {
    const owner = await cluster.start("owner", { queueTimeout: "2s" });
    await owner.workflows.publish(ONE_STEP({ type: "where", pool: "press", retry: { attempts: 1 } }));
    const { run } = await owner.runs.start({ workflow: "one", inputs: {} });
    const ended = await owner.runs.wait(run.id, { timeoutMs: 30_000 });
    expect(ended).toMatchObject({ status: "failed", error: { code: "QUEUE_TIMEOUT", step: "s" } });
  });

  test("a paused pool begins nothing in any process, and goes on when it may", async () => {
    const owner = await cluster.start("owner", { serves: [] });
    const worker = await cluster.start("worker", { own: false });
    await owner.workflows.publish(ONE_STEP({ type: "where" }));
    await until(async () => (await owner.pools.list()).length > 0, "the owner knows of the worker");
    expect(await owner.pools.pause("default", "maintenance")).toMatchObject({
      status: "paused",
      reason: "maintenance",
    });
    await until(async () => (await worker.pools.get("default")).status === "paused", "the worker has heard of it");
    const { run } = await owner.runs.start({ workflow: "one", inputs: {} });
    await until(async () => (await owner.pools.get("default")).waiting === 1, "the step waits");
    expect((await owner.runs.get(run.id))!.status).toBe("running");
    await worker.pools.resume("default");
    expect((await owner.runs.wait(run.id, { timeoutMs: 30_000 }))!.status).toBe("succeeded");
  });

  test("a worker that ends in order gives its step back: another does it, and no attempt is counted", async () => {
    const owner = await cluster.start("owner", { serves: [] });
    const first = await cluster.start("first", { own: false });
    await owner.workflows.publish(ONE_STEP({ type: "hold", retry: { attempts: 1 } }));
    const { run } = await owner.runs.start({ workflow: "one", inputs: {} });
    await until(() => cluster.held.length === 1, "the step was begun");
    await cluster.start("second", { own: false });
    await cluster.close(first);
    await until(() => cluster.held.length === 2, "the step was begun again");
    const [before, after] = cluster.held as [Held, Held];
    expect([before.by, after.by]).toEqual(["first", "second"]);
    expect(after.task.key).toBe(before.task.key);
    after.end("done");
    expect(await owner.runs.wait(run.id, { timeoutMs: 30_000 })).toMatchObject({ status: "succeeded" });
  });

  test("a step that must not be repeated goes on where it is done when its run changes its owner", async () => {
    const first = await cluster.start("first", { serves: [] });
    await cluster.start("worker", { own: false });
    await first.workflows.publish(ONE_STEP({ type: "hold", idempotent: false }));
    const { run } = await first.runs.start({ workflow: "one", inputs: {} });
    await until(() => cluster.held.length === 1, "the step was begun");
    const second = await cluster.start("second", { serves: [] });
    await cluster.close(first);
    cluster.held[0]!.end("once");
    expect(await second.runs.wait(run.id, { timeoutMs: 30_000 })).toMatchObject({
      status: "succeeded",
      outputs: { s: "once" },
    });
    expect(cluster.held).toHaveLength(1);
  });

  test("a step that must not be repeated and died with its owner has an unknown outcome, wherever others could do it", async () => {
    const first = await cluster.start("first", {});
    await first.workflows.publish(ONE_STEP({ type: "hold", idempotent: false }));
    const { run } = await first.runs.start({ workflow: "one", inputs: {} });
    await until(() => cluster.held.length === 1, "the step was begun");
    const second = await cluster.start("second", { serves: [] });
    await cluster.close(first);
    await cluster.start("worker", { own: false });
    expect(await second.runs.wait(run.id, { timeoutMs: 30_000 })).toMatchObject({
      status: "failed",
      error: { code: "OUTCOME_UNKNOWN" },
    });
    expect(cluster.held).toHaveLength(1);
  });

  test("an owner that could do a step itself leaves it to who is at it, and takes a result that waits", async () => {
    const first = await cluster.start("first", { serves: [] });
    await cluster.start("worker", { own: false });
    await first.workflows.publish(ONE_STEP({ type: "hold" }));
    const { run } = await first.runs.start({ workflow: "one", inputs: {} });
    await until(() => cluster.held.length === 1, "the step was begun");
    await cluster.close(first);
    const second = await cluster.start("second", {});
    cluster.held[0]!.end("once");
    expect(await second.runs.wait(run.id, { timeoutMs: 30_000 })).toMatchObject({
      status: "succeeded",
      outputs: { s: "once" },
    });
    expect(cluster.held.map(({ by }) => by)).toEqual(["worker"]);
  });

  test("a worker that ends in the middle of a step that must not be repeated says that its outcome is unknown", async () => {
    const owner = await cluster.start("owner", { serves: [] });
    const worker = await cluster.start("worker", { own: false });
    await owner.workflows.publish(ONE_STEP({ type: "hold", idempotent: false }));
    const { run } = await owner.runs.start({ workflow: "one", inputs: {} });
    await until(() => cluster.held.length === 1, "the step was begun");
    await cluster.start("other", { own: false });
    await cluster.close(worker);
    expect(await owner.runs.wait(run.id, { timeoutMs: 30_000 })).toMatchObject({
      status: "failed",
      error: { code: "OUTCOME_UNKNOWN" },
    });
    expect(cluster.held).toHaveLength(1);
  });

  test("a process that only answers leaves its runs to one that works", async () => {
    const api = await cluster.start("api", { own: false, serves: [] });
    await cluster.start("worker", {});
    await api.workflows.publish(ONE_STEP({ type: "where" }));
    const { run } = await api.runs.start({ workflow: "one", inputs: {} });
    expect(await api.runs.wait(run.id, { timeoutMs: 30_000 })).toMatchObject({
      status: "succeeded",
      outputs: { s: { by: "worker" } },
    });
  });

  test("a run with a concurrency key that begins where nobody works has its place in the line", async () => {
    const api = await cluster.start("api", { own: false, serves: [] });
    await cluster.start("worker", {});
    await api.workflows.publish(
      JSON.stringify({
        name: "one",
        concurrency: { key: "same", limit: 1, strategy: "queue" },
        steps: [{ id: "s", type: "hold" }],
      }),
    );
    const begun = await Promise.all([1, 2].map(() => api.runs.start({ workflow: "one", inputs: {} })));
    await until(() => cluster.held.length === 1, "one of them was begun");
    cluster.held[0]!.end("first");
    await until(() => cluster.held.length === 2, "the other was begun");
    cluster.held[1]!.end("second");
    for (const { run } of begun) expect((await api.runs.wait(run.id, { timeoutMs: 30_000 }))!.status).toBe("succeeded");
  });
});
