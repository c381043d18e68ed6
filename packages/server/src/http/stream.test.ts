import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { get, JSON_TYPE, readUntil, testApp, type TestApp } from "./app.testing.ts";

let server: TestApp;
beforeEach(async () => void (server = await testApp(20)));
afterEach(() => server.close());

interface Event {
  readonly id: string | null;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

function eventsIn(text: string): Event[] {
  return text.split("\n\n").flatMap((block) => {
    const field = (name: string): string | null => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? null;
    const event = field("event");
    return event === null ? [] : [{ id: field("id"), event, data: JSON.parse(field("data")!) as Event["data"] }];
  });
}

const submit = (workflow: string, id: string, inputs: object = {}) =>
  server.app.fastify.inject({ method: "POST", url: "/api/runs", headers: JSON_TYPE, body: { workflow, id, inputs } });

describe("the events of a run", () => {
  test("of an ended run are all its events, each with its position, and then the end", async () => {
    await submit("hello", "h", { text: "x" });
    await server.weft.runs.wait("h");
    const answer = await get(await server.port(), "/api/runs/h/events");
    expect(answer.headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    });
    const text = await readUntil(answer, null);
    expect(text.match(/^retry: 2000$/gm)).toHaveLength(1);
    const events = eventsIn(text);
    expect(events.map((one) => one.event)).toEqual(["run_created", "task_completed", "run_completed"]);
    expect(new Set(events.map((one) => one.id)).size).toBe(3);
  });

  test("resume behind a position without gap or repeat, by header or query", async () => {
    await submit("hello", "h", { text: "x" });
    await server.weft.runs.wait("h");
    const port = await server.port();
    const all = eventsIn(await readUntil(await get(port, "/api/runs/h/events"), null));
    for (const [at, { id }] of all.slice(0, -1).entries()) {
      const byHeader = await get(port, "/api/runs/h/events?after=0.0", { "last-event-id": id! });
      expect(eventsIn(await readUntil(byHeader, null))).toEqual(all.slice(at + 1));
      const byQuery = await get(port, `/api/runs/h/events?after=${id!}`);
      expect(eventsIn(await readUntil(byQuery, null))).toEqual(all.slice(at + 1));
    }
    const upToDate = await get(port, "/api/runs/h/events", { "last-event-id": all.at(-1)!.id! });
    upToDate.resume();
    expect(upToDate.statusCode).toBe(204);
  });

  test("come live, with text put together and comments in between, and end with the run", async () => {
    const port = await server.port();
    await submit("gated", "g");
    const answer = await get(port, "/api/runs/g/events");
    await server.arrived();
    const first = await readUntil(answer, "\n:\n");
    server.open();
    const rest = await readUntil(answer, null);
    const events = eventsIn(first + rest);
    expect(events.at(0)?.event).toBe("run_created");
    expect(events.at(-1)?.event).toBe("run_completed");
    expect(new Set(events.map((one) => one.id)).size).toBe(events.length);
    const deltas = events.filter((one) => one.event === "text_delta");
    expect(deltas.map(({ data }) => data["text"]).join("")).toBe("so far, so good");
    for (const delta of deltas) expect(delta).toMatchObject({ data: { node: "wait", scope: "root", attempt: 1 } });
  });

  test("let go when the reader leaves", async () => {
    const port = await server.port();
    await submit("gated", "g");
    const answer = await get(port, "/api/runs/g/events");
    await readUntil(answer, "run_created");
    answer.destroy();
    await expect
      .poll(
        () =>
          new Promise<number>((resolve, reject) =>
            server.app.fastify.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
          ),
      )
      .toBe(0);
  });
});

describe("a server that drains", () => {
  test("is not ready, takes nothing new, lets waits and streams go, and still answers questions", async () => {
    const { fastify } = server.app;
    const port = await server.port();
    expect((await fastify.inject("/readyz")).json()).toEqual({ ready: true, reasons: [] });
    await submit("gated", "g");
    await server.arrived();
    const stream = await get(port, "/api/runs/g/events");
    const headers = { ...JSON_TYPE, prefer: "wait=600" };
    const waiting = fastify.inject({
      method: "POST",
      url: "/api/runs",
      headers,
      body: { workflow: "gated", id: "second" },
    });
    await readUntil(stream, "run_created");
    await expect.poll(() => server.weft.runs.get("second")).not.toBeNull();
    const drained = server.app.drain();
    await readUntil(stream, null);
    expect((await waiting).statusCode).toBe(202);
    await drained;
    const ready = await fastify.inject("/readyz");
    expect([ready.statusCode, ready.json<{ ready: boolean }>().ready]).toEqual([503, false]);
    expect((await fastify.inject("/livez")).statusCode).toBe(200);
    const refused = await submit("hello", "late", { text: "x" });
    expect([refused.statusCode, refused.headers["retry-after"]]).toEqual([503, "5"]);
    expect(refused.json()).toMatchObject({ code: "shutting_down", retryable: true });
    expect((await fastify.inject("/api/runs/g")).statusCode).toBe(200);
  });
});
