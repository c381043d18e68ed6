import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WeftClient, WeftError, type RunMessage } from "@weftwork/sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testApp, type TestApp } from "../../packages/server/src/http/app.testing.ts";

let server: TestApp;
let weft: WeftClient;
beforeEach(async () => {
  server = await testApp(20);
  weft = new WeftClient({ baseUrl: `http://127.0.0.1:${await server.port()}/` });
});
afterEach(() => server.close());

const PEOPLE =
  "name: people\nsteps:\n  - {id: s, type: wait, signal: go}\n  - {id: ok, type: approval, depends_on: [s]}\n";

describe("runs", () => {
  test("one is started, awaited and read", async () => {
    const started = await weft.start({ workflow: "hello", id: "h", inputs: { text: "x" } });
    expect(started).toMatchObject({ id: "h", task_id: "h" });
    expect(await weft.wait("h")).toMatchObject({ status: "succeeded", outputs: { a: "hi x" } });
    expect(await weft.get("h")).toMatchObject({ id: "h", status: "succeeded" });
    expect(await weft.task("h")).toMatchObject({ status: "success", steps: [{ name: "a", status: "completed" }] });
    expect((await weft.detail("h")).steps).toMatchObject([{ id: "a", output: "hi x" }]);
  });

  test("one is run to its end in one call", async () => {
    const run = await weft.run({ workflow: "hello", inputs: { text: "y" } });
    expect(run).toMatchObject({ status: "succeeded", outputs: { a: "hi y" } });
  });

  test("a repeat with the same idempotency key is the same run", async () => {
    const submission = { workflow: "hello", inputs: { text: "x" } };
    const first = await weft.start(submission, { idempotencyKey: "k 1" });
    expect((await weft.start(submission, { idempotencyKey: "k 1" })).id).toBe(first.id);
    expect((await weft.run(submission, { idempotencyKey: "k 1" })).id).toBe(first.id);
  });

  test("the events are followed to the end, with the text of a step as it comes", async () => {
    await weft.start({ workflow: "gated", id: "g" });
    const seen: RunMessage[] = [];
    for await (const message of weft.stream("g")) {
      seen.push(message);
      if (message.event === "task_completed") server.open();
    }
    expect([seen.at(0)?.event, seen.at(-1)?.event]).toEqual(["run_created", "run_completed"]);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    const behind: string[] = [];
    for await (const { event } of weft.stream("g", { after: seen.at(-2)!.id })) behind.push(event);
    expect(behind).toEqual(["run_completed"]);
  });

  test("one is cancelled, and says why", async () => {
    await weft.start({ workflow: "gated", id: "g" });
    await server.arrived();
    await weft.cancel("g", { reason: "no longer needed" });
    expect(await weft.wait("g")).toMatchObject({ status: "cancelled" });
  });

  test("signals and decisions reach the steps that wait for them", async () => {
    await weft.publish(PEOPLE);
    for (const [id, approved] of [
      ["yes", true],
      ["no", false],
    ] as const) {
      await weft.start({ workflow: "people", id });
      await weft.signal(id, { name: "go", payload: { a: 1 }, id: "s-1" });
      await weft.signal(id, { name: "go", payload: { a: 1 }, id: "s-1" });
      await waitsAt(id, "ok");
      await weft.decide(id, { step: "ok", approved, by: "ann" });
      expect((await weft.wait(id)).finished_at).not.toBeNull();
    }
    expect((await weft.detail("no")).steps[1]).toMatchObject({ id: "ok", handle: "rejected" });
  });

  test("one is begun again from a step, or from the one that failed", async () => {
    server.isBroken = true;
    await weft.run({ workflow: "fragile", id: "f" });
    server.isBroken = false;
    const again = await weft.retry("f");
    expect(again).toMatchObject({ rerun_of: "f", reused: 1, reused_tokens: 7 });
    expect(await weft.wait(again.id)).toMatchObject({ status: "succeeded" });
    expect(await weft.rerun("f", { step: "paid", scope: "root" })).toMatchObject({ reused: 0 });
  });

  test("they are listed, in pages and by filter, and counted", async () => {
    for (const id of ["a", "b", "c"]) await weft.run({ workflow: "hello", id, inputs: { text: id } });
    const first = await weft.list({ limit: 2, status: ["succeeded", "failed"], workflow: "hello" });
    expect(first.data.map(({ id }) => id)).toEqual(["c", "b"]);
    const second = await weft.list({ limit: 2, cursor: first.next_cursor! });
    expect([second.data.map(({ id }) => id), second.next_cursor]).toEqual([["a"], null]);
    expect((await weft.stats()).runs).toMatchObject({ submitted: 3, succeeded: 3 });
  });
});

describe("workflows", () => {
  test("one is published, listed, shown, drawn and checked", async () => {
    const published = await weft.publish(PEOPLE);
    expect(published).toMatchObject({ name: "people", version: "0.0.1", created: true });
    expect((await weft.publish(PEOPLE)).created).toBe(false);
    expect((await weft.workflows()).map(({ name }) => name)).toContain("people");
    expect((await weft.workflow("people", { version: "0.0.1" })).source).toBe(PEOPLE);
    expect(await weft.versions("people")).toHaveLength(1);
    expect((await weft.plan("people")).edges).toEqual([{ from: "s", to: "ok", handle: null, order_only: false }]);
    expect((await weft.validate("name: x\nsteps: [{id: a, type: nope}]")).valid).toBe(false);
  });
});

describe("errors", () => {
  test("a problem of the server has its code, its status and whether to come back", async () => {
    const error = await weft.get("none").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WeftError);
    expect(error).toMatchObject({
      code: "run_not_found",
      status: 404,
      message: "There is no run none.",
      retryAfterMs: null,
      problem: { retryable: false, request_id: expect.stringMatching(/^req_/) as unknown },
    });
  });

  test.each([
    ["starting", () => weft.start({ workflow: "nope" }), "workflow_not_found"],
    ["following", () => weft.wait("none"), "run_not_found"],
    ["publishing", () => weft.publish("name: bad\nsteps: []"), "invalid_workflow"],
    ["a filter", () => weft.list({ limit: 0 }), "invalid_request"],
    ["a retry of nothing that failed", async () => weft.retry((await weft.run(HELLO)).id), "retry_not_possible"],
  ])("%s that is refused is a problem at once", async (_, call, code) => {
    await expect(call()).rejects.toMatchObject({ name: "WeftError", code });
  });

  test("a page of a proxy is a problem as well, and a pause is told", async () => {
    const proxy = await answering((response) =>
      response.writeHead(503, { "content-type": "text/html", "retry-after": "7" }).end("<h1>busy</h1>"),
    );
    const error = await new WeftClient({ baseUrl: proxy.url }).stats().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "unexpected_answer", status: 503, retryAfterMs: 7000 });
    expect((error as WeftError).problem.retryable).toBe(true);
    proxy.server.close();
  });

  test("a wait is given up when its caller says so", async () => {
    await weft.start({ workflow: "gated", id: "g" });
    const stop = new AbortController();
    const waiting = weft.wait("g", { signal: stop.signal });
    await server.arrived();
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
  });

  test("a stream that a server which goes down lets go at once is not asked for without a pause", async () => {
    let asked = 0;
    const stop = new AbortController();
    const draining = await answering((response) => {
      asked += 1;
      if (asked > 1) stop.abort();
      response.writeHead(200, { "content-type": "text/event-stream" }).end("retry: 40\n\n");
    });
    const begun = performance.now();
    await expect(new WeftClient({ baseUrl: draining.url }).wait("x", { signal: stop.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(performance.now() - begun).toBeGreaterThan(30);
    draining.server.close();
  });

  test("the key of a client is a bearer token", async () => {
    let authorization: string | undefined;
    const keyed = await answering((response, headers) => {
      ({ authorization } = headers);
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
    await new WeftClient({ baseUrl: keyed.url, apiKey: "secret" }).stats();
    expect(authorization).toBe("Bearer secret");
    keyed.server.close();
  });
});

async function waitsAt(id: string, step: string): Promise<void> {
  await expect.poll(async () => (await weft.get(id)).waiting_for?.step).toBe(step);
}

const HELLO = { workflow: "hello", inputs: { text: "x" } };

type Answer = (response: ServerResponse, headers: IncomingHttpHeaders) => void;

/** A server that answers everything alike. */
async function answering(answer: Answer): Promise<{ readonly url: string; readonly server: Server }> {
  const other = createServer((request, response) => answer(response, request.headers));
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(other.address() as AddressInfo).port}`, server: other };
}
