import type { Schedule, ScheduleDetail } from "@weftwork/sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JSON_TYPE, testApp, type TestApp } from "./app.testing.ts";

let server: TestApp;
beforeEach(async () => void (server = await testApp()));
afterEach(() => server.close());

type Method = "GET" | "POST" | "PATCH" | "DELETE";

async function ask(method: Method, url: string, body?: object, headers: Record<string, string> = {}) {
  const answer = await server.app.fastify.inject({
    method,
    url,
    headers: { ...(body ? JSON_TYPE : {}), ...headers },
    ...(body ? { payload: JSON.stringify(body) } : {}),
  });
  return { status: answer.statusCode, headers: answer.headers, body: answer.body === "" ? null : answer.json<never>() };
}

const NIGHTLY = { name: "nightly", workflow: "hello", inputs: { text: "moon" }, cron: "30 2 * * *" };

describe("/api/schedules", () => {
  test("makes, shows, changes, pauses, resumes and removes a schedule, by its name or its id", async () => {
    const made = await ask("POST", "/api/schedules", { ...NIGHTLY, zone: "Europe/Berlin", jitter: "90s" });
    const { id } = made.body as unknown as Schedule;
    expect(made).toMatchObject({
      status: 201,
      headers: { location: `/api/schedules/${id}` },
      body: {
        name: "nightly",
        zone: "Europe/Berlin",
        catch_up: "last",
        overlap: "allow",
        jitter: "90s",
        status: "active",
        version: null,
        last_run: null,
      },
    });
    const shown = (await ask("GET", "/api/schedules/nightly")).body as unknown as ScheduleDetail;
    expect(shown.next).toHaveLength(5);
    expect([shown.next[0], shown.fires]).toEqual([shown.next_at, []]);
    expect((await ask("GET", "/api/schedules")).body).toMatchObject({ data: [{ id }], next_cursor: null });
    const changed = await ask("PATCH", `/api/schedules/${id}`, { cron: "@hourly", priority: "batch", jitter: 0 });
    expect(changed).toMatchObject({ status: 200, body: { cron: "@hourly", priority: "batch", jitter: "0s" } });
    expect((await ask("POST", `/api/schedules/${id}/pause`)).body).toMatchObject({ status: "paused", next_at: null });
    expect((await ask("POST", "/api/schedules/nightly/resume")).body).toMatchObject({ status: "active" });
    expect((await ask("DELETE", "/api/schedules/nightly")).status).toBe(204);
    expect(await ask("GET", `/api/schedules/${id}`)).toMatchObject({
      status: 404,
      body: { code: "schedule_not_found" },
    });
    expect((await ask("DELETE", "/api/schedules/nightly")).status).toBe(404);
  });

  test("begins its runs by itself, and says what became of its times", async () => {
    await ask("POST", "/api/schedules", { ...NIGHTLY, cron: "* * * * * *", metadata: { team: "a" } });
    const shown = async () => (await ask("GET", "/api/schedules/nightly")).body as unknown as ScheduleDetail;
    await expect.poll(async () => (await shown()).fires.length, { timeout: 8000 }).toBeGreaterThanOrEqual(2);
    const { fires, id } = await shown();
    expect(new Set(fires.map(({ outcome }) => outcome))).toEqual(new Set(["started"]));
    const run = await server.weft.runs.wait(fires[0]!.run!, { timeoutMs: 5000 });
    expect(run).toMatchObject({
      status: "succeeded",
      outputs: { a: "hi moon" },
      metadata: { team: "a", trigger: "schedule", schedule: id, due_at: fires[0]!.due_at },
    });
    const { body } = await server.app.fastify.inject("/metrics");
    expect(body).toMatch(/weft_schedule_fires_total\{outcome="started"\} \d+/);
    expect(body).toMatch(/weft_schedule_lag_seconds_count \d+/);
  });

  test("begins a run by hand, once for an idempotency key", async () => {
    await ask("POST", "/api/schedules", NIGHTLY);
    const begun = await ask("POST", "/api/schedules/nightly/trigger", undefined, { "idempotency-key": "k" });
    const { run } = begun.body as unknown as { run: string };
    expect(begun).toMatchObject({
      status: 202,
      headers: { location: `/api/runs/${encodeURIComponent(run)}` },
      body: { created: true },
    });
    const again = await ask("POST", "/api/schedules/nightly/trigger", undefined, { "idempotency-key": "k" });
    expect(again).toMatchObject({ headers: { "idempotency-replayed": "true" }, body: { run, created: false } });
    expect((await server.weft.runs.wait(run, { timeoutMs: 5000 }))?.status).toBe("succeeded");
    expect((await ask("GET", "/api/schedules/nightly")).body).toMatchObject({
      last_run: run,
      fires: [{ outcome: "triggered", run }],
    });
  });

  test("of a workflow that is taken away records why, and goes on", async () => {
    await server.weft.workflows.publish("name: shaky\nsteps:\n  - {id: a, type: template, template: x}\n");
    await ask("POST", "/api/schedules", { name: "s", workflow: "shaky", cron: "* * * * * *" });
    await server.weft.workflows.publish(
      "name: shaky\ninputs: {text: string}\nsteps:\n  - {id: a, type: template, template: '{{ inputs.text }}'}\n",
    );
    const shown = async () => (await ask("GET", "/api/schedules/s")).body as unknown as ScheduleDetail;
    await expect.poll(async () => (await shown()).failures, { timeout: 8000 }).toBeGreaterThanOrEqual(2);
    expect(await shown()).toMatchObject({ status: "active", last_error: { code: "INVALID_INPUTS" } });
    expect((await ask("PATCH", "/api/schedules/s", { name: "other" })).status).toBe(200);
    expect((await ask("PATCH", "/api/schedules/other", { inputs: { text: 5 } })).status).toBe(422);
    await ask("PATCH", "/api/schedules/other", { inputs: { text: "now" } });
    const other = async () => (await ask("GET", "/api/schedules/other")).body as unknown as ScheduleDetail;
    await expect.poll(async () => (await other()).failures, { timeout: 8000 }).toBe(0);
  });

  test("previews the times of a rule", async () => {
    const asked = { cron: "30 2 * * *", zone: "Europe/Berlin", after: "2026-03-28T12:00:00Z", count: 2 };
    expect(await ask("POST", "/api/schedules/preview", asked)).toEqual({
      status: 200,
      headers: expect.anything() as unknown,
      body: {
        cron: "30 2 * * *",
        zone: "Europe/Berlin",
        times: ["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"],
      },
    });
    expect(await ask("POST", "/api/schedules/preview", { cron: "nonsense" })).toMatchObject({
      status: 422,
      body: { code: "schedule_invalid" },
    });
  });

  test.each([
    [{ ...NIGHTLY, workflow: "nowhere" }, 404],
    [{ ...NIGHTLY, inputs: { text: 5 } }, 422],
    [{ ...NIGHTLY, cron: "0 0 30 2 *" }, 422],
    [{ ...NIGHTLY, zone: "Mars/Olympus" }, 422],
    [{ ...NIGHTLY, catch_up: "some" }, 400],
    [{ ...NIGHTLY, every: "1h" }, 400],
    [{ ...NIGHTLY, starts_at: "tomorrow" }, 400],
    [{ ...NIGHTLY, jitter: "soon" }, 422],
    [{ ...NIGHTLY, root: "daily" }, 400],
    [{ name: "nightly", cron: "* * * * *" }, 400],
    [{ name: "nightly", workflow: "hello", inputs: { text: "x" } }, 422],
  ])("%j is refused with %i", async (body, status) => {
    expect((await ask("POST", "/api/schedules", body)).status).toBe(status);
    expect((await ask("GET", "/api/schedules")).body).toMatchObject({ data: [] });
  });

  test("a second one of the same name is refused", async () => {
    await ask("POST", "/api/schedules", NIGHTLY);
    expect(await ask("POST", "/api/schedules", NIGHTLY)).toMatchObject({
      status: 409,
      body: { code: "schedule_exists" },
    });
  });
});

describe("a schedule trigger of a Dify file", () => {
  const file = (data: object): string =>
    JSON.stringify({
      app: { name: "report", mode: "workflow" },
      kind: "app",
      version: "0.6.0",
      workflow: {
        graph: {
          nodes: [
            { id: "daily", data: { type: "trigger-schedule", ...data } },
            { id: "end", data: { type: "end", outputs: [] } },
          ],
          edges: [{ source: "daily", target: "end" }],
        },
      },
    });

  test("has its times in the list, and begins by a schedule that takes them", async () => {
    await server.weft.workflows.publish(
      file({ mode: "visual", frequency: "daily", timezone: "Asia/Shanghai", visual_config: { time: "2:30 PM" } }),
    );
    const before = await ask("GET", "/api/triggers");
    expect(before.body).toMatchObject({
      data: [
        { node: "daily", type: "schedule", active: false, cron: "30 14 * * *", zone: "Asia/Shanghai", schedule: null },
      ],
    });
    const made = await ask("POST", "/api/schedules", { name: "r", workflow: "report", root: "daily" });
    expect(made).toMatchObject({ status: 201, body: { cron: "30 14 * * *", zone: "Asia/Shanghai", root: "daily" } });
    expect((await ask("GET", "/api/triggers")).body).toMatchObject({ data: [{ active: true, schedule: "r" }] });
    const { run } = (await ask("POST", "/api/schedules/r/trigger")).body as unknown as { run: string };
    expect((await server.weft.runs.wait(run, { timeoutMs: 5000 }))?.status).toBe("succeeded");
  });

  test("that says no time needs one to be given", async () => {
    await server.weft.workflows.publish(file({}));
    const made = await ask("POST", "/api/schedules", { name: "r", workflow: "report", root: "daily" });
    expect(made).toMatchObject({ status: 422, body: { detail: expect.stringContaining("says no time") as unknown } });
    const given = { name: "r", workflow: "report", root: "daily", cron: "@daily" };
    expect((await ask("POST", "/api/schedules", given)).status).toBe(201);
  });
});
