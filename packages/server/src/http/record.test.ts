import { WeftClient } from "@weftwork/sdk";
import fc from "fast-check";
import type { Run, RunDetail, RunExport, RunPage, RunStep } from "@weftwork/sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readExport } from "../runtime/read-export.ts";
import { JSON_TYPE, testApp, type TestApp } from "./app.testing.ts";

let server: TestApp;
beforeEach(async () => void (server = await testApp()));
afterEach(() => server.close());

const post = (url: string, body?: object) =>
  server.app.fastify.inject({ method: "POST", url, ...(body ? { headers: JSON_TYPE, body } : {}) });
const look = async <T>(url: string): Promise<T> => (await server.app.fastify.inject(url)).json<T>();

async function run(source: string, id: string, inputs: object = {}): Promise<Run> {
  const { name } = await server.weft.workflows.publish(source);
  await post("/api/runs", { workflow: name, id, inputs });
  return (await server.weft.runs.wait(id, { timeoutMs: 10_000 }))!;
}

const EACH = `name: each
steps:
  - id: list
    type: for_each
    items: "{{ inputs.list }}"
    concurrency: 1
    steps:
      - {id: say, type: template, template: "{{ item }}!"}
      - {id: again, type: template, template: "{{ steps.say.output }}{{ inputs.mark }}"}
  - {id: all, type: template, template: "{{ steps.list.output | join(',') }}"}`;

describe("the steps of a run", () => {
  test("show what they worked with, derived from the record, and their tries", async () => {
    await run(EACH, "e", { list: ["a", "b"], mark: "?" });
    const detail = await look<RunDetail>("/api/runs/e?include=steps");
    expect(detail.steps.map(({ id, inputs }) => [id, inputs])).toEqual([
      ["list", { items: ["a", "b"] }],
      ["all", { template: "a!?,b!?", input: ["a!?", "b!?"] }],
    ]);
    for (const step of detail.steps) expect(step.attempts).toMatchObject([{ number: 1, error: null }]);
    expect([detail.scopes, detail.scope_count]).toEqual([
      [
        { id: "list[0]", open: false },
        { id: "list[1]", open: false },
      ],
      2,
    ]);
  });

  test("those of a scope that has ended are shown when they are asked for", async () => {
    await run(EACH, "e", { list: ["a", "b"], mark: "?" });
    const { steps } = await look<RunDetail>(`/api/runs/e?include=steps&scope=${encodeURIComponent("list[1]")}`);
    expect(steps).toMatchObject([
      { scope: "list[1]", id: "say", status: "succeeded", inputs: { template: "b!" }, output: "b!" },
      { scope: "list[1]", id: "again", inputs: { template: "b!?" }, output: "b!?", pool: "default" },
    ]);
  });

  test("the value of one comes alone as it is stored, of any kind, and is not there before it is", async () => {
    await run(EACH, "e", { list: ["a", "b"], mark: "?" });
    const output = async (path: string) => server.app.fastify.inject(`/api/runs/e/steps/${path}`);
    expect((await output("list/output")).body).toBe('["a!?","b!?"]');
    expect((await output("list/output")).headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "content-length": "13",
    });
    expect((await output("all/output")).json()).toBe("a!?,b!?");
    expect((await output(`say/output?scope=${encodeURIComponent("list[1]")}`)).json()).toBe("b!");
    expect((await output("nobody/output")).json()).toMatchObject({ code: "step_not_found" });
    expect((await server.app.fastify.inject("/api/runs/none/steps/all/output")).statusCode).toBe(404);
  });

  test("every failed try has its time and its error", async () => {
    server.isBroken = true;
    const source = `name: tries
steps:
  - {id: f, type: flaky, retry: {attempts: 3, initial: 0.01, on: [BROKEN]}}`;
    await run(source, "t");
    const { steps } = await look<RunDetail>("/api/runs/t?include=steps");
    const { attempts, status } = steps[0]!;
    expect(status).toBe("failed");
    expect(attempts.map(({ number, error }) => [number, error?.code])).toEqual(
      Array.from({ length: attempts.length }, (_, at) => [at + 1, "BROKEN"]),
    );
    for (const { started_at, finished_at } of attempts)
      expect(Date.parse(finished_at!)).toBeGreaterThanOrEqual(Date.parse(started_at));
  });

  test("a large value is named by its size with the run, and whole by itself", async () => {
    const big = "x".repeat(60_000);
    await run("name: big\nsteps: [{id: b, type: template, template: '{{ inputs.text }}'}]", "b", { text: big });
    const { steps } = await look<RunDetail>("/api/runs/b?include=steps");
    expect(steps[0]!.output).toEqual({ truncated: true, size: 60_002 });
    expect(steps[0]!.inputs).toMatchObject({ truncated: true });
    const whole = await look<RunStep>("/api/runs/b/steps/b");
    expect([whole.output, (whole.inputs as { template: string }).template]).toEqual([big, big]);
  });

  test("a result that was taken over says from where", async () => {
    await run(EACH, "e", { list: ["a"], mark: "?" });
    const { id } = (await post("/api/runs/e/rerun", { step: "all" })).json<Run>();
    await server.weft.runs.wait(id, { timeoutMs: 10_000 });
    const { steps } = await look<RunDetail>(`/api/runs/${id}?include=steps`);
    expect(steps.map((step) => [step.id, step.copied_from, step.attempts.length])).toEqual([
      ["list", "e", 0],
      ["all", null, 1],
    ]);
  });

  test("a scope or a step that is not there is 404, and a scope alone is 400", async () => {
    await run(EACH, "e", { list: ["a"], mark: "?" });
    for (const [url, status, code] of [
      ["/api/runs/e?include=steps&scope=list[7]", 404, "step_not_found"],
      ["/api/runs/e/steps/nope", 404, "step_not_found"],
      ["/api/runs/e/steps/say", 404, "step_not_found"],
      ["/api/runs/none/steps/say", 404, "run_not_found"],
      ["/api/runs/e?scope=root", 400, "invalid_request"],
    ] as const) {
      const answer = await server.app.fastify.inject(url);
      expect([url, answer.statusCode, answer.json<{ code: string }>().code]).toEqual([url, status, code]);
    }
  });
});

describe("an export", () => {
  const exported = async (id: string): Promise<string> => {
    const answer = await server.app.fastify.inject(`/api/runs/${id}/export`);
    expect(answer.statusCode).toBe(200);
    return answer.body;
  };

  test("is a file that holds the run, its workflow, its events and its values, and is the same each time", async () => {
    const big = "long ".repeat(2000);
    const before = await run(EACH, "e", { list: ["a", big], mark: "?" });
    const answer = await server.app.fastify.inject("/api/runs/e/export");
    expect(answer.headers["content-disposition"]).toBe('attachment; filename="e.run.json"');
    const document = answer.json<RunExport>();
    expect(document).toMatchObject({ format: "weftwork.run/1", run: before, workflow: { name: "each", source: EACH } });
    expect(document.steps.map(({ scope, id, status }) => `${scope}/${id} ${status}`)).toContain(
      "list[1]/again succeeded",
    );
    expect(document.steps.find(({ scope, id }) => scope === "list[0]" && id === "say")!.output).toBe("a!");
    expect(Object.values(document.payloads).some((text) => text.includes(big))).toBe(true);
    expect(await exported("e")).toBe(answer.body);
  });

  test("is read back to the same run, byte for byte, whatever is in it", async () => {
    const value = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("x".repeat(600), "长".repeat(3000)),
      fc.integer(),
    );
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 12 }), fc.string(), fc.boolean(), async (list, mark, broken) => {
        const id = `p${(count += 1)}`;
        server.isBroken = broken;
        const source =
          `${EACH}\n  - {id: last, type: flaky, depends_on: [all], retry: {attempts: 1}}\nname: "prop"`.replace(
            "name: each\n",
            "",
          );
        const before = await run(source, id, { list, mark });
        expect(before.status).toBe(broken ? "failed" : "succeeded");
        const { run: after, state } = await readExport(await exported(id));
        expect(JSON.stringify(after)).toBe(JSON.stringify(before));
        expect(state.finishedAt).not.toBeNull();
      }),
      { numRuns: 30 },
    );
  });

  test("holds the plans of nested workflows, and what a rerun took over", async () => {
    await server.weft.workflows.publish("name: inner\nsteps: [{id: x, type: paid}]");
    const outer =
      "name: outer\nsteps:\n  - {id: call, type: workflow, workflow: inner}\n  - {id: end, type: flaky, depends_on: [call]}";
    await run(outer, "o");
    const { id } = (await post("/api/runs/o/rerun", { step: "end" })).json<Run>();
    const before = await server.weft.runs.wait(id, { timeoutMs: 10_000 });
    const text = await exported(id);
    expect(Object.keys((JSON.parse(text) as RunExport).workflow.nested)).toEqual(["inner@"]);
    expect((await readExport(text)).run).toEqual(before);
  });

  test("of an open run is read as it stands", async () => {
    await post("/api/runs", { workflow: "gated", id: "g" });
    await server.arrived();
    await expect.poll(async () => (await look<Run>("/api/runs/g")).status).toBe("running");
    const { run: open } = await readExport(await exported("g"));
    expect(open).toMatchObject({ id: "g", status: "running", finished_at: null });
  });

  test("that was changed, cut or made up is refused, and nothing else is thrown", async () => {
    await run(EACH, "e", { list: ["a", "y".repeat(3000)], mark: "?" });
    const text = await exported("e");
    const document = JSON.parse(text) as Record<string, unknown> & RunExport;
    const [hash] = Object.keys(document.payloads);
    const wrong: readonly unknown[] = [
      null,
      [],
      {},
      { ...document, format: "weftwork.run/2" },
      { ...document, payloads: {} },
      { ...document, payloads: { ...document.payloads, [hash!]: '"other"' } },
      { ...document, rows: document.rows.slice(0, -1) },
      { ...document, rows: document.rows.slice(1) },
      { ...document, rows: [...document.rows, ...document.rows] },
      { ...document, rows: document.rows.map((row) => ({ ...row, format: "9" })) },
      { ...document, run: { ...document.run, outputs: { all: "forged" } } },
      { ...document, workflow: { ...document.workflow, source: document.workflow.source.replace("!", "?") } },
      { ...document, workflow: 7 },
    ];
    for (const one of wrong)
      await expect(readExport(JSON.stringify(one))).rejects.toMatchObject({ code: "EXPORT_INVALID" });
    await expect(readExport(text.slice(0, -50))).rejects.toMatchObject({ code: "EXPORT_INVALID" });
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.constantFrom("0", '"', "}", "[", "x", "-"), async (at, sign) => {
        const changed = text.slice(0, at) + sign + text.slice(at + 1);
        const read = await readExport(changed).catch((error: { code?: string }) => error);
        // A change in a part for readers only, or back to the same text, leaves the run as it was.
        if ("run" in read) expect(read.run.id).toBe("e");
        else expect(read.code).toBe("EXPORT_INVALID");
      }),
      { numRuns: 100 },
    );
  });

  test("of a run that is not there is 404", async () => {
    expect((await server.app.fastify.inject("/api/runs/none/export")).statusCode).toBe(404);
  });
});

describe("a search", () => {
  test("finds a run by words of its inputs, its outputs and its error, with the other filters", async () => {
    await run("name: say\nsteps: [{id: s, type: template, template: 'Größe {{ inputs.text }}'}]", "a", {
      text: "今天天气很好",
    });
    server.isBroken = true;
    await post("/api/runs", { workflow: "fragile", id: "f" });
    await server.weft.runs.wait("f", { timeoutMs: 10_000 });
    const ids = async (q: string, more = ""): Promise<string[]> => {
      const page = await look<RunPage>(`/api/runs?q=${encodeURIComponent(q)}${more}`);
      expect(page.search).toMatchObject({ complete: true });
      return page.data.map(({ id }) => id);
    };
    expect(await ids("天气")).toEqual(["a"]);
    expect(await ids("grösse")).toEqual([]);
    expect(await ids("größe 今天")).toEqual(["a"]);
    expect(await ids("it is broken")).toEqual(["f"]);
    expect(await ids("broken", "&status=succeeded")).toEqual([]);
    expect(await ids("broken", "&workflow=fragile&status=failed")).toEqual(["f"]);
  });

  test("a list without words says nothing of it; a question without a word is refused", async () => {
    expect(await look("/api/runs")).not.toHaveProperty("search");
    expect((await server.app.fastify.inject("/api/runs?q=%3F%21")).statusCode).toBe(400);
    expect((await server.app.fastify.inject(`/api/runs?q=${"x".repeat(501)}`)).statusCode).toBe(400);
  });
});

describe("the client", () => {
  test("asks for details, a step, an export, a search and a rerun", async () => {
    const client = new WeftClient({ baseUrl: `http://127.0.0.1:${await server.port()}` });
    await client.publish(EACH);
    const before = await client.run({ workflow: "each", id: "c", inputs: { list: ["a", "needle"], mark: "?" } });
    expect(before.status).toBe("succeeded");
    expect((await client.detail("c", { scope: "list[1]" })).steps.map(({ output }) => output)).toEqual([
      "needle!",
      "needle!?",
    ]);
    expect((await client.step("c", "again", { scope: "list[1]" })).inputs).toMatchObject({ template: "needle!?" });
    expect((await client.list({ q: "needle" })).data.map(({ id }) => id)).toEqual(["c"]);
    const document = await client.export("c");
    expect(document.run).toEqual(before);
    expect(await new Response(await client.exportStream("c")).json()).toEqual(document);
    const again = await client.rerun("c", { step: "all", inputs: { mark: "!" } }, { idempotencyKey: "k" });
    expect(again).toMatchObject({ rerun_of: "c", reused: 0 });
    expect((await client.rerun("c", { step: "all", inputs: { mark: "!" } }, { idempotencyKey: "k" })).id).toBe(
      again.id,
    );
    expect((await client.wait(again.id)).outputs).toEqual({ all: "a!!,needle!!" });
    expect((await client.workflows()).map(({ name }) => name)).toContain("each");
  });
});

describe("Prefer: wait on a run and a task", () => {
  const get = (url: string, prefer: string) => server.app.fastify.inject({ url, headers: { prefer } });

  test.each(["/api/runs/g", "/api/tasks/g"])("%s answers when the run has ended", async (url) => {
    await post("/api/runs", { workflow: "gated", id: "g" });
    await server.arrived();
    const early = await get(url, "wait=0");
    expect([early.statusCode, early.headers["preference-applied"]]).toEqual([200, "wait=0"]);
    const waiting = get(url, "respond-async, wait=10");
    server.open();
    const late = await waiting;
    expect(late.headers["preference-applied"]).toBe("respond-async, wait=10");
    expect(["succeeded", "success"]).toContain(late.json<{ status: string }>().status);
  });

  test("a run that is not there is not waited for", async () => {
    expect((await get("/api/runs/none", "wait=30")).statusCode).toBe(404);
    expect((await get("/api/tasks/none", "wait=30")).statusCode).toBe(404);
  });
});
