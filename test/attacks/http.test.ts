import { once } from "node:events";
import { connect as http2, constants } from "node:http2";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { attacked, exchange, rawConnection, type Attacked, type RawConnection } from "./server.ts";

const HELLO =
  "name: hello\ninputs: {text: string}\nsteps:\n  - {id: a, type: template, template: 'hi {{ inputs.text }}'}\n";

let server: Attacked;
beforeAll(async () => {
  server = await attacked();
  await server.weft.workflows.publish(HELLO);
});
afterAll(() => server.close());

const HEAD = "POST /api/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
const GET = "GET /livez HTTP/1.1\r\nHost: localhost\r\n";
/** A second request, hidden behind the first. It must never be answered. */
const SMUGGLED = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** How many answers stand in what came back. */
const answersIn = (text: string): number => text.split("HTTP/1.1 ").length - 1;

describe("A50 what can be read in two ways is answered 400 and cut off:", () => {
  test.each<[fact: string, bytes: string]>([
    ["two lengths", `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}${SMUGGLED}`],
    ["the same length twice", `${HEAD}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}${SMUGGLED}`],
    ["a list of lengths", `${HEAD}Content-Length: 2, 2\r\n\r\n{}${SMUGGLED}`],
    ["a length with a sign", `${HEAD}Content-Length: +2\r\n\r\n{}${SMUGGLED}`],
    ["a negative length", `${HEAD}Content-Length: -1\r\n\r\n${SMUGGLED}`],
    ["a length in hex", `${HEAD}Content-Length: 0x2\r\n\r\n{}${SMUGGLED}`],
    ["a length beyond all numbers", `${HEAD}Content-Length: 99999999999999999999999\r\n\r\n{}${SMUGGLED}`],
    ["length and chunks", `${HEAD}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ["chunks and length", `${HEAD}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ["chunked twice", `${HEAD}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ["chunked and then something else", `${HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ["something that looks like chunked", `${HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ["a blank before the colon", `${HEAD}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ["a folded header", `${HEAD}X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ["a chunk size that is none", `${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n${SMUGGLED}`],
    ["a chunk size with a sign", `${HEAD}Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n${SMUGGLED}`],
    [
      "a chunk size beyond all numbers",
      `${HEAD}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    ["a chunk longer than its size", `${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n${SMUGGLED}`],
    ["a chunk that ends in a bare line feed", `${HEAD}Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n${SMUGGLED}`],
    ["bare line feeds between headers", `GET /livez HTTP/1.1\nHost: localhost\n\n${SMUGGLED}`],
    ["a bare line feed in a header", `${GET}X: a\nContent-Length: 40\r\n\r\n${SMUGGLED}`],
    ["a bare carriage return in a header", `${GET}X: a\rContent-Length: 40\r\n\r\n${SMUGGLED}`],
    ["a NUL in a header", `${GET}X: a\0b\r\n\r\n${SMUGGLED}`],
    ["a header without a name", `${GET}: a\r\n\r\n${SMUGGLED}`],
    ["two hosts", `GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n${SMUGGLED}`],
    ["no host", `GET /livez HTTP/1.1\r\n\r\n${SMUGGLED}`],
    ["a blank in the path", `GET /live z HTTP/1.1\r\nHost: localhost\r\n\r\n${SMUGGLED}`],
    ["no version", `GET /livez\r\n\r\n${SMUGGLED}`],
    ["a version that never was", `GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n${SMUGGLED}`],
    ["a method that is none", `G\u0000T /livez HTTP/1.1\r\nHost: localhost\r\n\r\n${SMUGGLED}`],
    ["a header of a megabyte", `${GET}X: ${"x".repeat(1_000_000)}\r\n\r\n${SMUGGLED}`],
    ["10,000 headers", `${GET}${"a: b\r\n".repeat(10_000)}\r\n${SMUGGLED}`],
    ["a path of a megabyte", `GET /${"x".repeat(1_000_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n${SMUGGLED}`],
  ])("%s", async (_fact, bytes) => {
    const text = await exchange(server.port, bytes);
    // A sender that is cut off in the middle of a megabyte may see only the reset.
    if (text !== "") expect(text.split("\r\n", 1)[0]).toMatch(/^HTTP\/1\.1 (?:400|403|404|505) /);
    // A second answer can only say that what came behind is not read.
    expect(text.slice(9)).not.toMatch(/HTTP\/1\.1 (?!400 )/);
    expect(text).not.toContain('"ready"');
  });

  test("201 headers are refused, 150 are not, and none is passed over in silence", async () => {
    const many = (count: number) => `${GET}Connection: close\r\n${"a: b\r\n".repeat(count)}\r\n`;
    expect(await exchange(server.port, many(201))).toMatch(/^HTTP\/1\.1 400 [\s\S]*more than 200 headers/);
    expect(await exchange(server.port, many(150))).toMatch(/^HTTP\/1\.1 200 /);
    expect(await exchange(server.port, many(2300))).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("a body that a GET should not have is not taken for the next request", async () => {
    const text = await exchange(
      server.port,
      `${GET}Content-Length: ${SMUGGLED.length}\r\nConnection: close\r\n\r\n${SMUGGLED}`,
    );
    expect(answersIn(text)).toBe(1);
  });

  test("trailers of a chunked body name nothing that counts", async () => {
    const body = JSON.stringify({ workflow: "hello", inputs: { text: "a" } });
    const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\nHost: evil.example\r\nContent-Length: 5\r\n\r\n`;
    const text = await exchange(server.port, `${HEAD}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunk}`);
    expect([answersIn(text), text.slice(9, 12)]).not.toContain("500");
    expect(text).not.toContain("evil.example");
  });

  test.each(["x-http-method-override", "x-http-method", "x-method-override"])("%s changes nothing", async (name) => {
    const answer = await server.ask("POST", "/api/workflows?_method=PUT", {
      headers: { "content-type": "application/yaml", [name]: "PUT" },
      body: HELLO,
    });
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([404, { code: "route_not_found" }]);
  });

  test.each(["x-original-url", "x-rewrite-url", "x-forwarded-prefix"])("%s leads nowhere else", async (name) => {
    const answer = await server.ask("GET", "/livez", { headers: { [name]: "/api/stats" } });
    expect(JSON.parse(answer.text)).toEqual({ status: "ok" });
  });
});

describe("A51 who is slow or takes much is cut off:", () => {
  const limits = { headersMs: 300, requestMs: 700, connectionsPerAddress: 6, streamsPerAddress: 2 };
  let small: Attacked;
  beforeEach(async () => {
    small = await attacked({ limits });
    await small.weft.workflows.publish("name: long\nsteps:\n  - {id: a, type: wait, for: 1h}\n");
    await small.weft.runs.start({ workflow: "long", id: "long" });
  });
  afterEach(() => small.close());

  test.each<[fact: string, bytes: string]>([
    ["a connection that says nothing", ""],
    ["a head that never ends", "GET /livez HTTP/1.1\r\nHost: loc"],
    ["a body that never ends", `${HEAD}Content-Length: 100\r\n\r\n{`],
    ["a chunked body that never ends", `${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`],
  ])("%s", async (_fact, bytes) => {
    const text = await exchange(small.port, bytes);
    expect(text).toMatch(/^HTTP\/1\.1 408 [\s\S]*did not arrive whole in time/);
  });

  test("headers that come one byte at a time", async () => {
    const { socket, closed } = await rawConnection(small.port);
    socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n");
    const drip = setInterval(() => socket.write("a"), 20);
    expect(await closed).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(drip);
  });

  test("one connection more than an address may have is told so, and the others live", async () => {
    const held: RawConnection[] = [];
    for (let at = 0; at < limits.connectionsPerAddress; at++) {
      const one = await rawConnection(small.port);
      one.socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await expect.poll(one.received).toContain('"ok"');
      held.push(one);
    }
    const refused = await (await rawConnection(small.port)).closed;
    expect(refused).toMatch(/^HTTP\/1\.1 503 [\s\S]*open connections from one address/);
    // Another address of this machine has a count of its own.
    const other = await rawConnection(small.port, "127.0.0.2").catch(() => null);
    if (other) {
      other.socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
      expect(await other.closed).toMatch(/^HTTP\/1\.1 200 /);
    }
    held[0]!.socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    expect(answersIn(await held[0]!.closed)).toBe(2);
    for (const { socket } of held) socket.destroy();
    // The places are free again.
    await expect.poll(async () => (await small.ask("GET", "/livez")).status).toBe(200);
  });

  test("streams are counted apart: they take no place of a question, and have a limit of their own", async () => {
    const open = async (path: string): Promise<RawConnection> => {
      const one = await rawConnection(small.port);
      one.socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await expect.poll(one.received).toContain("\r\n\r\n");
      return one;
    };
    const STREAM = "/api/runs/long/events";
    const streams = [await open(STREAM), await open(STREAM)];
    for (const one of streams) expect(one.received()).toContain("text/event-stream");
    const third = await open(STREAM);
    expect(third.received()).toMatch(/^HTTP\/1\.1 503 [\s\S]*open streams from one address/);
    // It stays open for questions; with five more the address has all that it may have, beside its two streams.
    const plain = [third];
    while (plain.length < limits.connectionsPerAddress) plain.push(await open("/livez"));
    for (const one of plain.slice(1)) expect(one.received()).toContain('"ok"');
    expect(await (await rawConnection(small.port)).closed).toMatch(/^HTTP\/1\.1 503 [\s\S]*open connections/);
    streams[0]!.socket.destroy();
    // Its place goes to the next one, on a connection that has asked before.
    await expect
      .poll(async () => {
        third.socket.write(`GET ${STREAM} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        const before = third.received().length;
        await expect.poll(() => third.received().length).toBeGreaterThan(before);
        return third.received().slice(before);
      })
      .toContain("text/event-stream");
    for (const { socket } of [...streams, ...plain]) socket.destroy();
  });

  test("HTTP/2 is not spoken: its greeting is refused and an upgrade to it is passed over", async () => {
    expect(await exchange(server.port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).toMatch(/^HTTP\/1\.1 (?:400|505) /);
    const session = http2(`http://127.0.0.1:${server.port}`);
    const [error] = (await once(session, "error")) as [Error];
    expect(error).toBeInstanceOf(Error);
    expect(constants.NGHTTP2_PROTOCOL_ERROR).toBe(1);
    const upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    const { socket, received } = await rawConnection(server.port);
    socket.write(`${GET}${upgrade}`);
    await expect.poll(received).toMatch(/^HTTP\/1\.1 (?:200|400|404|426) /);
    expect(received()).not.toMatch(/^HTTP\/1\.1 101 /);
    socket.destroy();
  });
});

describe("A52 no web page can drive or frame the server, or be led away by it:", () => {
  const run = JSON.stringify({ workflow: "hello", inputs: { text: "a" } });

  test.each<[fact: string, headers: Record<string, string>, code: string]>([
    ["a name of its own that leads here", { host: "evil.example" }, "forbidden_host"],
    ["a name that ends like ours", { host: "localhost.evil.example" }, "forbidden_host"],
    ["a name with a user before it", { host: "localhost@evil.example" }, "forbidden_host"],
    ["an address in another notation", { host: "2130706433" }, "forbidden_host"],
    ["an address with a path", { host: "127.0.0.1/evil" }, "forbidden_host"],
    ["another origin", { origin: "https://evil.example" }, "forbidden_origin"],
    ["an origin that begins like ours", { origin: "http://localhost.evil.example" }, "forbidden_origin"],
    ["a sandboxed page", { origin: "null" }, "forbidden_origin"],
    ["another server of this machine", { origin: "http://localhost:1" }, "forbidden_origin"],
  ])("%s is refused before anything happens", async (_fact, headers, code) => {
    const before = (await server.weft.runs.stats()).runs.submitted;
    for (const path of ["/api/runs", "/api/runs/x/cancel", "/api/workflows", "/metrics", "/openapi.json"]) {
      for (const method of ["GET", "POST", "PUT"]) {
        const answer = await server.ask(method, path, {
          headers: { host: `localhost:${server.port}`, "content-type": "application/json", ...headers },
          body: method === "GET" ? "" : run,
        });
        expect([path, answer.status, JSON.parse(answer.text)]).toMatchObject([path, 403, { code }]);
      }
    }
    expect((await server.weft.runs.stats()).runs.submitted).toBe(before);
  });

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain;application/json",
    "",
    "application/json2",
  ])("a body of the type %j, which a form can send, is refused", async (type) => {
    for (const [method, path] of [
      ["POST", "/api/runs"],
      ["PUT", "/api/workflows"],
      ["POST", "/api/workflows/validate"],
    ] as const) {
      const answer = await server.ask(method, path, {
        headers: type === "" ? {} : { "content-type": type },
        body: run,
      });
      expect([path, answer.status]).toEqual([path, 415]);
    }
  });

  test("no answer allows another origin, sets a cookie, can be framed, or is guessed at", async () => {
    const asked = [
      ["GET", "/livez"],
      ["GET", "/readyz"],
      ["GET", "/metrics"],
      ["GET", "/openapi.json"],
      ["GET", "/docs"],
      ["GET", "/api/runs"],
      ["GET", "/api/runs/none"],
      ["GET", "/nowhere"],
      ["OPTIONS", "/api/runs"],
      ["POST", "/api/runs"],
    ] as const;
    for (const [method, path] of asked) {
      const { headers } = await server.ask(method, path, {
        headers: {
          "access-control-request-method": "POST",
          host: `localhost:${server.port}`,
          origin: `http://localhost:${server.port}`,
        },
      });
      const names = Object.keys(headers);
      expect(names.filter((name) => /^(?:access-control-|set-cookie|server$|x-powered-by)/.test(name))).toEqual([]);
      expect([path, headers["x-frame-options"], headers["x-content-type-options"]]).toEqual([path, "DENY", "nosniff"]);
    }
  });

  test("links are paths of their own, whatever the request calls the server", async () => {
    const headers = {
      "content-type": "application/json",
      host: `localhost:${server.port}`,
      "x-forwarded-host": "evil.example",
      "x-forwarded-proto": "https",
      forwarded: "host=evil.example",
    };
    const answer = await server.ask("POST", "/api/runs", { headers, body: run });
    expect(answer.status).toBe(202);
    expect(answer.headers["location"]).toMatch(/^\/api\/runs\/[\w-]+$/);
    expect(JSON.stringify(answer)).not.toContain("evil.example");
    const document = await server.ask("GET", "/openapi.json", { headers });
    expect(document.text).not.toContain("evil.example");
  });

  test.each([
    "//evil.example",
    "//evil.example/%2e%2e",
    "/\\evil.example",
    "/api/runs/..//evil.example",
    "/%0d%0aLocation:%20https://evil.example",
  ])("the path %j redirects nowhere", async (path) => {
    const text = await exchange(server.port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(text).not.toMatch(/\r\nlocation:/i);
  });
});
