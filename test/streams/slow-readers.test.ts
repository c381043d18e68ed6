import { request, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WeftClient, type RunMessage } from "@weftwork/sdk";
import { afterEach, beforeEach, expect, test } from "vitest";
import { said, served, telling, type Served } from "./served.ts";

let server: Served;
let sockets: Socket[];
beforeEach(async () => {
  server = await served();
  sockets = [];
  server.app.fastify.server.on("connection", (socket) => void sockets.push(socket));
});
afterEach(() => server.close());

/** What one connection may hold in this process: the mark of a socket, and the message that passed it. */
const SOCKET_BYTES_MAX = 64 * 1024 + 32 * 1024;

function open(id: string, after?: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = after === undefined ? {} : { "last-event-id": after };
    request(`${server.url}/api/runs/${id}/events`, { headers }, resolve).on("error", reject).end();
  });
}

/** Reads messages until so many have come, or to the end. */
async function read(response: IncomingMessage, most = Infinity): Promise<RunMessage[]> {
  const messages: RunMessage[] = [];
  let text = "";
  response.setEncoding("utf8");
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop()!;
    for (const block of blocks) {
      const [, id, event, data] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? [];
      if (id !== undefined) messages.push({ id, event: event!, data: JSON.parse(data!) as RunMessage["data"] });
      if (messages.length >= most) return messages;
    }
  }
  return messages;
}

test("a reader that takes nothing holds a bounded buffer, slows nobody, and has everything in the end (F66)", async () => {
  const [count, chars] = [900, 4000];
  await server.weft.workflows.publish(telling("long", { count, chars }));
  const { run } = await server.weft.runs.start({ workflow: "long" });
  const slow = await open(run.id);
  slow.pause();
  const fast = read(await open(run.id));
  expect((await server.weft.runs.wait(run.id))?.status).toBe("succeeded");
  const expected = await fast;
  expect(expected.at(-1)?.event).toBe("run_completed");
  const held = sockets.map(({ writableLength }) => writableLength);
  // The slow one is still open, and the system took what it takes: the rest waits in the stream log, not here.
  expect(Math.max(...held)).toBeLessThanOrEqual(SOCKET_BYTES_MAX);
  const bytes = expected.reduce((sum, message) => sum + JSON.stringify(message).length, 0);
  expect(bytes).toBeGreaterThan(3_000_000);
  const seen = await read(slow);
  expect(seen).toEqual(expected);
  const text = seen.map(({ data, event }) => (event === "text_delta" ? String(data["text"]) : "")).join("");
  expect(text).toBe(said(count, chars, 1).join(""));
});

test("many readers that lose their connections at once, and come back at once, each have everything once", async () => {
  const readers = 200;
  await server.weft.workflows.publish(telling("many", { count: 200, logs: true, gate: 100 }));
  const { run } = await server.weft.runs.start({ workflow: "many" });
  await server.arrived();
  const begun = await Promise.all(
    Array.from({ length: readers }, async (_, at) => {
      const response = await open(run.id);
      const messages = await read(response, 10 + (at % 180));
      response.destroy();
      return messages;
    }),
  );
  const back = await Promise.all(begun.map((messages) => open(run.id, messages.at(-1)!.id)));
  const rest = back.map((response) => read(response));
  server.open();
  const all = (await Promise.all(rest)).map((messages, at) => [...begun[at]!, ...messages]);
  const expected: RunMessage[] = [];
  for await (const message of server.weft.runs.events(run.id)) expected.push(message);
  expect(expected.length).toBeGreaterThan(400);
  const ids = expected.map(({ id }) => id).join(" ");
  expect(new Set(all.map((messages) => messages.map(({ id }) => id).join(" ")))).toEqual(new Set([ids]));
  expect(all[7]).toEqual(expected);
});

test("the lines that steps wrote are listed in pages, by step, during the run and after it", async () => {
  await server.weft.workflows.publish(telling("logged", { count: 25, logs: true, gate: 20 }));
  const client = new WeftClient({ baseUrl: server.url });
  const { id } = await client.start({ workflow: "logged" });
  await server.arrived();
  expect((await client.logs(id)).data).toHaveLength(20);
  server.open();
  await client.wait(id);
  const lines: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await client.logs(id, { limit: 7, ...(cursor ? { cursor } : {}) });
    for (const { message, level, node, scope, attempt } of page.data) {
      expect({ level, node, scope, attempt }).toEqual({ level: "info", node: "say", scope: "root", attempt: 1 });
      lines.push(message);
    }
    cursor = page.next_cursor;
  }
  expect(lines).toEqual(Array.from({ length: 25 }, (_, at) => `said ${at}`));
  expect((await client.logs(id, { node: "say", limit: 3 })).data).toHaveLength(3);
  expect((await client.logs(id, { node: "other" })).data).toEqual([]);
  await expect(client.logs("none")).rejects.toMatchObject({ code: "run_not_found" });
  await expect(client.logs(id, { limit: 0 })).rejects.toMatchObject({ code: "invalid_request" });
  await expect(client.logs(id, { cursor: "nonsense" })).rejects.toMatchObject({ code: "invalid_request" });
});

test("what is beyond the limit of an attempt is not told, and that it was cut off is", async () => {
  await server.weft.workflows.publish(telling("endless", { count: 70, chars: 65_000 }));
  const { run } = await server.weft.runs.start({ workflow: "endless" });
  const seen = await read(await open(run.id));
  const cut = seen.findIndex(({ event }) => event === "stream_truncated");
  const told = seen.reduce(
    (sum, { event, data }) => sum + (event === "text_delta" ? String(data["text"]).length : 0),
    0,
  );
  expect(seen[cut]?.data).toMatchObject({ reason: "attempt_limit", limit: 4_000_000, offset: told });
  expect(told).toBeGreaterThan(3_900_000);
  expect(seen.slice(cut + 1).map(({ event }) => event)).toEqual(["task_completed", "run_completed"]);
  expect((await server.weft.runs.get(run.id))?.outputs).toEqual({ say: said(70, 65_000, 1).join("") });
});
