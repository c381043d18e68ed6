import type {
  Page,
  RerunAnswer,
  Run,
  RunDetail,
  RunListItem,
  Stats,
  WorkflowCheck,
  WorkflowGraph,
} from "@weftwork/sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JSON_TYPE, testApp, type TestApp } from "./app.testing.ts";

let server: TestApp;
beforeEach(async () => void (server = await testApp()));
afterEach(() => server.close());

const post = (url: string, body?: object) =>
  server.app.fastify.inject({ method: "POST", url, ...(body ? { headers: JSON_TYPE, body } : {}) });
const look = async <T>(url: string): Promise<T> => (await server.app.fastify.inject(url)).json<T>();

async function ended(workflow: string, id: string, inputs: object = {}): Promise<Run> {
  await post("/api/runs", { workflow, id, inputs });
  return (await server.weft.runs.wait(id, { timeoutMs: 10_000 }))!;
}

describe("the list of runs", () => {
  test("shows the newest first, in pages that meet without gap or repeat", async () => {
    const ids = ["a", "b", "c", "d", "e"];
    for (const id of ids) await ended("hello", id, { text: id });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page<RunListItem> = await look(`/api/runs?limit=2${cursor === null ? "" : `&cursor=${cursor}`}`);
      expect(page.data.length).toBeLessThanOrEqual(2);
      seen.push(...page.data.map(({ id }) => id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(ids.toReversed());
  });

  test("an item says what became of the run", async () => {
    server.isBroken = true;
    await ended("fragile", "f");
    const { data } = await look<Page<RunListItem>>("/api/runs");
    expect(data).toEqual([
      {
        id: "f",
        workflow: "fragile",
        version: "0.0.1",
        status: "failed",
        priority: "normal",
        metadata: {},
        error_code: "BROKEN",
        run_at: null,
        created_at: expect.stringMatching(/Z$/) as unknown,
        started_at: expect.stringMatching(/Z$/) as unknown,
        finished_at: expect.stringMatching(/Z$/) as unknown,
        links: expect.objectContaining({ self: "/api/runs/f" }) as unknown,
      },
    ]);
  });

  test("shows when a delayed run begins; one that is cancelled before begins no more", async () => {
    const run_at = "2100-01-01T00:00:00.000Z";
    await post("/api/runs", { workflow: "hello", id: "later", inputs: { text: "x" }, run_at });
    await ended("hello", "now", { text: "y" });
    const { data } = await look<Page<RunListItem>>("/api/runs?status=pending");
    expect(data).toMatchObject([{ id: "later", status: "pending", run_at, started_at: null }]);
    expect((await look<Run>("/api/runs/later")).waiting_for).toMatchObject({ code: "start_time", until: run_at });
    expect((await post("/api/runs/later/cancel")).json<Run>()).toMatchObject({ status: "cancelled" });
    expect((await look<Page<RunListItem>>("/api/runs?status=pending")).data).toEqual([]);
    expect((await look<Page<RunListItem>>("/api/runs?status=cancelled")).data).toMatchObject([{ run_at: null }]);
  });

  test("filters by status, workflow and time", async () => {
    await ended("hello", "h", { text: "x" });
    await ended("fragile", "f");
    server.isBroken = true;
    await ended("fragile", "g");
    const ids = async (query: string): Promise<string[]> =>
      (await look<Page<RunListItem>>(`/api/runs?${query}`)).data.map(({ id }) => id);
    expect(await ids("status=failed")).toEqual(["g"]);
    expect(await ids("status=failed&status=running")).toEqual(["g"]);
    expect((await ids("status=failed,succeeded")).toSorted()).toEqual(["f", "g", "h"]);
    expect((await ids("workflow=fragile")).toSorted()).toEqual(["f", "g"]);
    expect(await ids("created_after=2100-01-01T00:00:00Z")).toEqual([]);
    expect(await ids("created_before=2000-01-01T00:00:00Z")).toEqual([]);
    expect(await ids("created_after=2000-01-01T00:00:00Z&workflow=hello")).toEqual(["h"]);
  });

  test.each([
    "status=done",
    "limit=0",
    "limit=201",
    "limit=many",
    "created_after=yesterday",
    "cursor=nonsense",
    "state=failed",
  ])("the filter %s is refused", async (query) => {
    const answer = await server.app.fastify.inject(`/api/runs?${query}`);
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, "invalid_request"]);
  });

  test("the counters tell runs by what became of them", async () => {
    await ended("hello", "h", { text: "x" });
    server.isBroken = true;
    await ended("fragile", "f");
    expect(await look<Stats>("/api/stats")).toEqual({
      runs: { submitted: 2, open: 0, succeeded: 1, failed: 1, cancelled: 0 },
    });
  });
});

describe("a run with its steps", () => {
  test("has each step of the root with its value, its tokens and its times", async () => {
    await ended("fragile", "f");
    const { steps, status } = await look<RunDetail>("/api/runs/f?include=steps");
    expect(status).toBe("succeeded");
    expect(steps.map(({ scope, id, type, status: of, attempt }) => [scope, id, type, of, attempt])).toEqual([
      ["root", "paid", "paid", "succeeded", 1],
      ["root", "last", "flaky", "succeeded", 1],
    ]);
    expect(steps[0]).toMatchObject({ output: "paid for", usage: { total_tokens: 7 }, error: null, handle: null });
    expect(Date.parse(steps[0]!.finished_at!)).toBeGreaterThanOrEqual(Date.parse(steps[0]!.started_at!));
  });

  test("names a large value by its size, and shows what waits and what was not reached", async () => {
    const big = "x".repeat(50_000);
    const steps = [
      "  - {id: big, type: template, template: '{{ inputs.text }}'}",
      "  - {id: w, type: wait, signal: go, depends_on: [big]}",
      "  - {id: z, type: template, template: z, depends_on: [w]}",
    ];
    await server.weft.workflows.publish(`name: large\nsteps:\n${steps.join("\n")}`);
    await post("/api/runs", { workflow: "large", id: "l", inputs: { text: big } });
    await expect.poll(async () => (await look<Run>("/api/runs/l")).status).toBe("waiting");
    const detail = await look<RunDetail>("/api/runs/l?include=steps");
    expect(detail.steps.map((step) => [step.id, step.status, step.attempt])).toEqual([
      ["big", "succeeded", 1],
      ["w", "waiting", 1],
      ["z", "pending", 0],
    ]);
    expect(detail.steps[0]!.output).toEqual({ truncated: true, size: 50_002 });
    expect(detail.steps[2]).toMatchObject({ output: null, started_at: null, finished_at: null });
  });

  test("has the steps of every open scope, items in their order", async () => {
    const source =
      "name: many\nsteps:\n  - {id: each, type: for_each, items: [1, 2, 3], concurrency: 3, steps: [{id: w, type: wait, signal: go}]}";
    await server.weft.workflows.publish(source);
    await post("/api/runs", { workflow: "many", id: "m" });
    await expect.poll(async () => (await look<Run>("/api/runs/m")).status).toBe("waiting");
    const { steps } = await look<RunDetail>("/api/runs/m?include=steps");
    expect(steps.map(({ scope, id }) => `${scope}/${id}`)).toEqual([
      "root/each",
      "each[0]/w",
      "each[1]/w",
      "each[2]/w",
    ]);
  });

  test("a run that is not there is 404, another include 400", async () => {
    for (const [url, status] of [
      ["/api/runs/none?include=steps", 404],
      ["/api/runs/none?include=everything", 400],
    ] as const)
      expect((await server.app.fastify.inject(url)).statusCode).toBe(status);
  });
});

describe("a run once more", () => {
  test("retry begins at the step that failed, and takes over what was paid for", async () => {
    server.isBroken = true;
    await ended("fragile", "f");
    server.isBroken = false;
    const answer = await post("/api/runs/f/retry");
    expect(answer.statusCode).toBe(202);
    const body = answer.json<RerunAnswer>();
    expect(body).toMatchObject({ rerun_of: "f", reused: 1, reused_tokens: 7, task_id: body.id });
    expect(answer.headers["location"]).toBe(`/api/runs/${body.id}`);
    expect(await server.weft.runs.wait(body.id, { timeoutMs: 10_000 })).toMatchObject({
      status: "succeeded",
      outputs: { last: "fine" },
      usage: { total_tokens: 0 },
    });
  });

  test("rerun begins at any step", async () => {
    await ended("fragile", "f");
    const first = (await post("/api/runs/f/rerun", { step: "paid" })).json<RerunAnswer>();
    expect(first).toMatchObject({ reused: 0, reused_tokens: 0 });
    const again = (await post("/api/runs/f/rerun", { step: "last", scope: "root" })).json<RerunAnswer>();
    expect(again).toMatchObject({ reused: 1, reused_tokens: 7 });
    expect(await server.weft.runs.wait(again.id, { timeoutMs: 10_000 })).toMatchObject({ status: "succeeded" });
  });

  test("a list whose first item fails at once fails the run, at its start and when it is begun again", async () => {
    const source = `name: failing
steps:
  - {id: before, type: template, template: b}
  - {id: each, type: for_each, items: [0, 1, 2], depends_on: [before], steps: [{id: x, type: template, template: "{{ 1 // item }}"}]}`;
    await server.weft.workflows.publish(source);
    const first = await ended("failing", "f");
    expect(first.error).toMatchObject({ code: "EXPRESSION_ERROR", step: "each" });
    const again = (await post("/api/runs/f/retry")).json<RerunAnswer>();
    expect(again).toMatchObject({ rerun_of: "f", reused: 1 });
    expect((await server.weft.runs.wait(again.id, { timeoutMs: 10_000 }))?.error).toEqual(first.error);
  });

  test("a retry computes only the item that failed", async () => {
    const source = `name: partly
steps:
  - {id: each, type: for_each, items: [1, 2, 0], concurrency: 1, steps: [{id: p, type: paid}, {id: x, type: template, template: "{{ 4 // item }}", depends_on: [p]}]}`;
    await server.weft.workflows.publish(source);
    await ended("partly", "f");
    const again = (await post("/api/runs/f/retry")).json<RerunAnswer>();
    // Two whole items, and the paid step of the third.
    expect(again).toMatchObject({ reused: 3, reused_tokens: 21 });
    const run = await server.weft.runs.wait(again.id, { timeoutMs: 10_000 });
    expect(run).toMatchObject({ status: "failed", usage: { total_tokens: 0 } });
  });

  test("what cannot be begun again says why", async () => {
    await ended("fragile", "f");
    const cases = [
      ["/api/runs/f/retry", {}, 409, "retry_not_possible"],
      ["/api/runs/none/retry", {}, 404, "run_not_found"],
      ["/api/runs/none/rerun", { step: "last" }, 404, "run_not_found"],
      ["/api/runs/f/rerun", { step: "nope" }, 400, "invalid_request"],
      ["/api/runs/f/rerun", { node: "last" }, 400, "invalid_request"],
      ["/api/runs/f/rerun", {}, 400, "invalid_request"],
    ] as const;
    for (const [url, body, status, code] of cases) {
      const answer = await post(url, body);
      expect([url, answer.statusCode, answer.json<{ code: string }>().code]).toEqual([url, status, code]);
    }
  });
});

describe("workflows", () => {
  const validate = async (body: string): Promise<WorkflowCheck> => {
    const headers = { "content-type": "application/yaml" };
    const answer = await server.app.fastify.inject({ method: "POST", url: "/api/workflows/validate", headers, body });
    expect(answer.statusCode).toBe(200);
    return answer.json<WorkflowCheck>();
  };

  test("one is shown with its text, and with all its versions", async () => {
    await server.weft.workflows.publish("name: hello\nsteps: [{id: a, type: template, template: other}]");
    expect(await look("/api/workflows/hello")).toMatchObject({ version: "0.0.2", step_count: 1, inputs: null });
    const first = await look<{ source: string }>("/api/workflows/hello?version=0.0.1");
    expect(first).toMatchObject({ version: "0.0.1", inputs: { properties: { text: { type: "string" } } } });
    expect(first.source).toContain("hi {{ inputs.text }}");
    const { data } = await look<Page<{ version: string }>>("/api/workflows/hello/versions");
    expect(data.map(({ version }) => version)).toEqual(["0.0.2", "0.0.1"]);
  });

  test("lists of workflows and versions come in pages that meet", async () => {
    for (const at of [1, 2, 3, 4]) {
      await server.weft.workflows.publish(`name: w${at}\nsteps: [{id: a, type: template, template: x}]`);
      await server.weft.workflows.publish(`name: hello\nsteps: [{id: a, type: template, template: "${at}"}]`);
    }
    for (const url of ["/api/workflows", "/api/workflows/hello/versions"]) {
      const whole = await look<Page<{ name: string; version: string }>>(url);
      expect([whole.data.length > 4, whole.next_cursor]).toEqual([true, null]);
      const seen: unknown[] = [];
      let cursor: string | null = null;
      do {
        const page: typeof whole = await look(`${url}?limit=2${cursor === null ? "" : `&cursor=${cursor}`}`);
        expect(page.data.length).toBeLessThanOrEqual(2);
        seen.push(...page.data);
        cursor = page.next_cursor;
      } while (cursor !== null);
      expect(seen).toEqual(whole.data);
      for (const wrong of ["limit=0", "limit=201", "cursor=nonsense", "page=2"])
        expect((await server.app.fastify.inject(`${url}?${wrong}`)).statusCode).toBe(400);
    }
  });

  test("a version has an address of its own", async () => {
    await server.weft.workflows.publish("name: hello\nsteps: [{id: a, type: template, template: other}]");
    expect(await look("/api/workflows/hello/versions/0.0.1")).toEqual(await look("/api/workflows/hello?version=0.0.1"));
    expect((await server.app.fastify.inject("/api/workflows/hello/versions/9.9.9")).statusCode).toBe(404);
  });

  test.each(["nope", "nope/versions", "nope/plan", "hello?version=9.9.9", "hello/plan?version=9.9.9"])(
    "%s is 404",
    async (path) => {
      const answer = await server.app.fastify.inject(`/api/workflows/${path}`);
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([404, "workflow_not_found"]);
    },
  );

  test("the plan is a graph whose nodes lie in their containers and leave by their handles", async () => {
    const source = `name: drawn
steps:
  - {id: route, type: switch, cases: [{name: big, when: inputs.n > 1}], default: small}
  - {id: each, type: for_each, items: [1], depends_on: [route.big], steps: [{id: a, type: template, template: a}, {id: b, type: template, template: b, depends_on: [a]}]}
  - {id: end, type: template, template: end, when: inputs.n > 0, depends_on: [each]}
`;
    await server.weft.workflows.publish(source);
    const { nodes, edges, version } = await look<WorkflowGraph>("/api/workflows/drawn/plan");
    expect(version).toBe("0.0.1");
    expect(nodes.map(({ id, kind, parent }) => [id, kind, parent])).toEqual(
      expect.arrayContaining([
        ["route", "switch", null],
        ["each", "for_each", null],
        ["each/a", "work", "each"],
        ["each/b", "work", "each"],
        ["end", "work", null],
      ]),
    );
    expect(nodes.find(({ id }) => id === "end")!.when).toBe("inputs.n > 0");
    expect(edges).toEqual(
      expect.arrayContaining([
        { from: "route", to: "each", handle: "big", order_only: false },
        { from: "each/a", to: "each/b", handle: null, order_only: false },
        { from: "each", to: "end", handle: null, order_only: false },
      ]),
    );
  });

  test("a check tells all problems and publishes nothing", async () => {
    const found = await validate(
      "name: checked\nsteps:\n  - {id: a, type: tempalte}\n  - {id: b, type: answer, depends_on: [x]}\n",
    );
    expect(found).toMatchObject({ valid: false, unavailable: [] });
    expect(found.problems.map(({ line }) => line)).toEqual(expect.arrayContaining([3, 4]));
    for (const { pointer } of found.problems) expect(pointer).toMatch(/^#\/steps\//);
    const fine = await validate("name: checked\nsteps: [{id: a, type: template, template: x}]");
    expect(fine).toEqual({ valid: true, workflow: "checked", problems: [], unavailable: [] });
    expect((await server.app.fastify.inject("/api/workflows/checked")).statusCode).toBe(404);
  });

  test("a check names files that the API refuses", async () => {
    const found = await validate("name: f\nsteps:\n  - id: a\n    type: python_script\n    file: x.py\n");
    expect(found.valid).toBe(false);
    expect(found.problems).toContainEqual(expect.objectContaining({ code: "file_refused", line: 5 }));
  });
});
