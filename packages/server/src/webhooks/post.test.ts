import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { httpGuard, type HttpGuard } from "../nodes/http-guard.ts";
import { httpPost, retryAfterMs, type PostReply } from "./post.ts";

let server: Server;
let port: number;
let asked: string[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  asked = [];
  answer = (_, response) => void response.end("fine");
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.host}`);
    request.resume();
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
});
afterEach(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

async function sent(
  path: string,
  {
    guard = httpGuard({ allow: [`127.0.0.1:${port}`] }),
    timeoutMs = 15_000,
  }: { guard?: HttpGuard; timeoutMs?: number } = {},
): Promise<PostReply> {
  const post = httpPost(guard, timeoutMs);
  const url = path.startsWith("http") ? path : `http://127.0.0.1:${port}${path}`;
  try {
    return await post.send({ url, headers: {}, body: "{}", signal: new AbortController().signal });
  } finally {
    await post.close();
  }
}

test("a redirect is an answer and is not followed", async () => {
  answer = (_, response) => void response.writeHead(302, { location: "/elsewhere" }).end();
  expect(await sent("/hook")).toMatchObject({ status: 302 });
  expect(asked).toEqual([`POST /hook 127.0.0.1:${port}`]);
});

test("of an answer without end only the beginning is read", async () => {
  let closed: () => void = () => {};
  const left = new Promise<void>((resolve) => (closed = resolve));
  answer = (_, response) => {
    response.writeHead(200);
    response.on("close", closed);
    const fill = (): void => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
      response.once("drain", fill);
    };
    fill();
  };
  const reply = await sent("/hook");
  expect([reply.status, reply.answer.length]).toEqual([200, 4096]);
  await left;
});

test("one that is silent, or drips, is left when its time is over; a status that came by then counts", async () => {
  answer = () => {};
  expect(await sent("/silent", { timeoutMs: 200 })).toMatchObject({
    status: null,
    error: "no answer within 0.2 s",
  });
  answer = (_, response) => void response.writeHead(200).write("dr");
  expect(await sent("/drips", { timeoutMs: 2000 })).toMatchObject({ status: 200, error: null });
});

test("what cannot be reached says why", async () => {
  const gone = port;
  const guard = httpGuard({ allow: [`127.0.0.1:${gone}`] });
  await new Promise((resolve) => server.close(resolve));
  expect(await sent(`http://127.0.0.1:${gone}/`, { guard })).toMatchObject({
    status: null,
    error: expect.stringContaining("ECONNREFUSED") as string,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

test("nothing private is connected to, whatever its name is and whichever of its addresses is private", async () => {
  const refused = { status: null, error: expect.stringContaining("WEFT_HTTP_ALLOW") as string };
  const resolve = async () => [
    { address: "93.184.216.34", family: 4 },
    { address: "127.0.0.1", family: 4 },
  ];
  for (const url of [`http://127.0.0.1:${port}/`, `http://[::ffff:127.0.0.1]:${port}/`, "http://169.254.169.254/"])
    expect([url, await sent(url, { guard: httpGuard() })]).toEqual([url, expect.objectContaining(refused)]);
  expect(await sent(`http://both.example.com:${port}/`, { guard: httpGuard({ resolve }) })).toMatchObject(refused);
  expect(asked).toEqual([]);
});

test.each([
  ["7", 7000],
  [" 7 ", 7000],
  ["0", 0],
  ["Fri, 01 Jan 2027 00:00:10 GMT", 10_000],
  ["Fri, 01 Jan 2027 00:00:00 GMT", 0],
  ["9999999999", 86_400_000],
  ["soon", null],
  [undefined, null],
])("Retry-After %j is %j ms", (value, expected) => {
  expect(retryAfterMs(value, Date.UTC(2027, 0, 1))).toBe(expected);
});
