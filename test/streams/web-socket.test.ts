import { WeftClient, type RunMessage } from "@weftwork/sdk";
import { get } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket, type ClientOptions } from "ws";
import { served, telling, type Served } from "./served.ts";

let server: Served;
beforeEach(async () => {
  server = await served(20);
  await server.weft.workflows.publish(telling("tells", { count: 30, logs: true, gate: 15 }));
});
afterEach(() => server.close());

interface Seen {
  readonly messages: RunMessage[];
  /** `code reason` of the close, or the status of a handshake that was refused. */
  readonly end: Promise<string>;
  readonly socket: WebSocket;
  pings: number;
}

function connect(path: string, options: ClientOptions = {}): Seen {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, options);
  const messages: RunMessage[] = [];
  const end = new Promise<string>((resolve) => {
    socket.on("close", (code, reason) => resolve(`${code} ${reason.toString()}`));
    socket.on("unexpected-response", (_request, response) => {
      resolve(`refused ${response.statusCode}`);
      response.resume();
    });
    socket.on("error", () => undefined);
  });
  const seen: Seen = { messages, end, socket, pings: 0 };
  socket.on("message", (data: Buffer) => void messages.push(JSON.parse(data.toString()) as RunMessage));
  socket.on("ping", () => (seen.pings += 1));
  return seen;
}

describe("the stream by WebSocket", () => {
  test.each(["runs", "tasks"])("of %s is the same as the events, and closes with 1000 at the end", async (kind) => {
    const { run } = await server.weft.runs.start({ workflow: "tells" });
    const seen = connect(`/api/${kind}/${run.id}/stream`);
    await server.arrived();
    await expect.poll(() => seen.pings).toBeGreaterThan(1);
    server.open();
    expect(await seen.end).toBe("1000 the run has ended");
    const recorded: RunMessage[] = [];
    for await (const message of server.weft.runs.events(run.id)) recorded.push(message);
    expect(seen.messages).toEqual(recorded);
    const behind = connect(`/api/${kind}/${run.id}/stream?after=${recorded[20]!.id}`);
    expect(await behind.end).toBe("1000 the run has ended");
    expect(behind.messages).toEqual(recorded.slice(21));
  });

  test.each([
    { fact: "from a foreign web page", path: "/api/runs/x/stream", origin: "https://evil.example", end: "refused 403" },
    { fact: "to a name of somebody else", path: "/api/runs/x/stream", host: "evil.example", end: "refused 403" },
    { fact: "of no run", path: "/api/runs/none/stream", end: "4404 run_not_found" },
    { fact: "behind no position", path: "/api/runs/none/stream?after=then", end: "4400 invalid_request" },
    { fact: "of something else", path: "/api/stats", end: "refused 404" },
    { fact: "of what is no address", path: "//[", end: "refused 400" },
    { fact: "of an id that is none", path: "/api/runs/%E0/stream", end: "refused 400" },
  ])("$fact is refused", async ({ path, origin, host, end }) => {
    const headers = { ...(origin ? { origin } : {}), ...(host ? { host } : {}) };
    const seen = connect(path, { headers });
    expect(await seen.end).toBe(end);
    expect(seen.messages).toEqual([]);
  });

  test("from a page of the server itself is served", async () => {
    const { run } = await server.weft.runs.start({ workflow: "tells" });
    await server.arrived();
    server.open();
    const seen = connect(`/api/runs/${run.id}/stream`, { origin: server.url });
    expect(await seen.end).toBe("1000 the run has ended");
  });

  test("takes no large frames, and not many", async () => {
    const { run } = await server.weft.runs.start({ workflow: "tells" });
    await server.arrived();
    const large = connect(`/api/runs/${run.id}/stream`);
    large.socket.on("open", () => large.socket.send("x".repeat(5000)));
    expect(await large.end).toMatch(/^1009/);
    const many = connect(`/api/runs/${run.id}/stream`);
    many.socket.on("open", () => Array.from({ length: 101 }, () => many.socket.send("{}")));
    expect(await many.end).toBe("1008 this stream is read only");
    const few = connect(`/api/runs/${run.id}/stream`);
    few.socket.on("open", () => few.socket.send('{"type":"hello"}'));
    server.open();
    expect(await few.end).toBe("1000 the run has ended");
  });

  test("is closed with 1001 when the server drains, and none is opened any more", async () => {
    const { run } = await server.weft.runs.start({ workflow: "tells" });
    await server.arrived();
    const seen = connect(`/api/runs/${run.id}/stream`);
    await expect.poll(() => seen.messages.length).toBeGreaterThan(0);
    await server.app.drain();
    expect(await seen.end).toBe("1001 the server is shutting down");
    expect(await connect(`/api/runs/${run.id}/stream`).end).toBe("refused 503");
  });

  test("asked for without a handshake says what to do, and another upgrade is an ordinary request", async () => {
    const plain = await server.app.fastify.inject("/api/tasks/x/stream");
    expect([plain.statusCode, plain.headers["upgrade"], plain.json<{ code: string }>().code]).toEqual([
      426,
      "websocket",
      "upgrade_required",
    ]);
    const status = await new Promise((resolve) => {
      const headers = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "" };
      get(`${server.url}/livez`, { headers }, (response) => resolve(response.resume().statusCode));
    });
    expect(status).toBe(200);
  });

  test("is refused to a client with a key, which it could not send", async () => {
    const client = new WeftClient({ baseUrl: server.url, apiKey: "k" });
    await expect(client.stream("x", { transport: "websocket" }).next()).rejects.toThrow("carries no key");
  });

  test("of a run that is not there is a lasting error of the client", async () => {
    const client = new WeftClient({ baseUrl: server.url });
    await expect(client.stream("none", { transport: "websocket" }).next()).rejects.toMatchObject({
      name: "SocketClosed",
      code: 4404,
      reason: "run_not_found",
    });
  });
});

describe("polling for messages", () => {
  const poll = (id: string, query: string) =>
    server.app.fastify.inject({ url: `/api/runs/${id}/events${query}`, headers: { accept: "application/json" } });

  test("answers at once with what is there, else with what comes, and says when the run has ended", async () => {
    const { run } = await server.weft.runs.start({ workflow: "tells" });
    await server.arrived();
    const read: RunMessage[] = [];
    const at = { next: "0.0", done: false };
    const page = async (wait: number): Promise<number> => {
      const answer = await poll(run.id, `?wait=${wait}&after=${at.next}`);
      expect([answer.statusCode, answer.headers["content-type"]]).toEqual([200, "application/json; charset=utf-8"]);
      const body = answer.json<{ data: RunMessage[]; next: string; done: boolean }>();
      read.push(...body.data);
      Object.assign(at, { next: body.next, done: body.done });
      return body.data.length;
    };
    // The text that is put together for a moment comes by itself.
    await expect.poll(async () => (await page(0), read.filter(({ event }) => event === "log").length)).toBe(15);
    expect(await page(0.05)).toBe(0);
    expect(at).toEqual({ next: read.at(-1)!.id, done: false });
    const waiting = page(60);
    server.open();
    expect(await waiting).toBeGreaterThan(0);
    while (!at.done) await page(60);
    const recorded: RunMessage[] = [];
    for await (const message of server.weft.runs.events(run.id)) recorded.push(message);
    expect(read).toEqual(recorded);
    expect(await page(60)).toBe(0);
    expect(at.done).toBe(true);
  });

  test.each(["?wait=61", "?wait=x", "?after=then", "?after=1~2", "?behind=1.1", "?after=99.1"])(
    "with %s is refused",
    async (query) => {
      const { run } = await server.weft.runs.start({ workflow: "tells" });
      const answer = await poll(run.id, query);
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, "invalid_request"]);
    },
  );

  test("is answered empty when the server drains", async () => {
    const { run } = await server.weft.runs.start({ workflow: "tells" });
    await server.arrived();
    let last = "";
    await expect
      .poll(async () => {
        const { data, next } = (await poll(run.id, `?after=${last || "0.0"}`)).json<{ data: []; next: string }>();
        last = next;
        return data.length;
      })
      .toBe(0);
    const waiting = poll(run.id, `?wait=60&after=${last}`);
    await expect.poll(() => server.app.fastify.server.listening).toBe(true);
    await server.app.drain();
    expect((await waiting).json()).toEqual({ data: [], next: last, done: false });
  });
});
