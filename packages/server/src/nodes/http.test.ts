import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import type { JsonObject } from "@weftwork/core";
import { afterEach, describe, expect, test } from "vitest";
import { httpNode, type HttpOptions } from "./http.ts";
import type { Outcome } from "./node.ts";
import { testTask } from "./test-task.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Service {
  readonly url: string;
  readonly target: string;
  readonly server: Server;
  readonly requests: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[];
}

/** A real server on loopback that notes what it was asked. */
async function service(handler: Handler): Promise<Service> {
  const requests: Service["requests"] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      handler(request, response);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${target}`, target, server, requests };
}

/** A node that may reach these services. */
function nodeFor(services: readonly Service[], options: HttpOptions = {}) {
  return httpNode({ ...options, allow: services.map(({ target }) => target) });
}

async function ask(to: Service, config: JsonObject = {}, options: HttpOptions = {}): Promise<Outcome> {
  return nodeFor([to], options).execute(testTask({ url: to.url + "/", ...config }));
}

const json: Handler = (_request, response) => {
  response.setHeader("content-type", "application/json; charset=utf-8").end('{"ok":true}');
};

describe("what is sent", () => {
  test("a GET has no body and no idempotency key", async () => {
    const to = await service(json);
    await ask(to);
    expect(to.requests[0]).toMatchObject({ method: "GET", url: "/", body: "" });
    expect(to.requests[0]!.headers).not.toHaveProperty("idempotency-key");
    expect(to.requests[0]!.headers).not.toHaveProperty("content-type");
  });

  test("every other method carries the key of the task, or the author's own", async () => {
    const to = await service(json);
    for (const method of ["post", "PUT", "PATCH", "DELETE"]) await ask(to, { method });
    await ask(to, { method: "POST", headers: { "Idempotency-Key": "mine" } });
    const keys = to.requests.map(({ headers }) => headers["idempotency-key"]);
    expect(keys).toEqual([...Array.from({ length: 4 }, () => "run_1/root/step/1"), "mine"]);
  });

  test("a body is JSON, text as it is, or a form when the author says so", async () => {
    const to = await service(json);
    await ask(to, { method: "POST", body: { name: "Ada", tags: [1, 2] } });
    await ask(to, { method: "POST", body: "plain ☕" });
    const form = { "Content-Type": "application/x-www-form-urlencoded" };
    await ask(to, { method: "POST", headers: form, body: { a: "1 & 2", b: [3, 4], none: null } });
    expect(to.requests.map(({ headers, body }) => [headers["content-type"], body])).toEqual([
      ["application/json", '{"name":"Ada","tags":[1,2]}'],
      ["text/plain; charset=utf-8", "plain ☕"],
      ["application/x-www-form-urlencoded", "a=1+%26+2&b=3&b=4"],
    ]);
  });

  test("the query is added to that of the URL, encoded", async () => {
    const to = await service(json);
    await ask(to, { url: `${to.url}/find?a=1`, query: { q: "x&y=z", many: ["p", "q"], none: null, on: true } });
    expect(to.requests[0]!.url).toBe("/find?a=1&q=x%26y%3Dz&many=p&many=q&on=true");
  });

  test("authorisation as bearer, basic or any header", async () => {
    const to = await service(json);
    await ask(to, { auth: { bearer: "t0ken" } });
    await ask(to, { auth: { basic: { username: "ada", password: "pä:ss" } } });
    await ask(to, { auth: { header: "X-Api-Key", value: "k" } });
    const [bearer, basic, header] = to.requests.map(({ headers }) => headers);
    expect(bearer!.authorization).toBe("Bearer t0ken");
    expect(basic!.authorization).toBe(`Basic ${Buffer.from("ada:pä:ss").toString("base64")}`);
    expect(header!["x-api-key"]).toBe("k");
  });

  test.each<[string, JsonObject]>([
    ["a line break in a header's value", { headers: { "x-a": "1\r\nx-b: 2" } }],
    ["a line break in a header's name", { headers: { "x-a: 1\r\nx-b": "2" } }],
    ["characters beyond Latin-1 in a header", { headers: { "x-a": "☕" } }],
    ["its own Host", { headers: { Host: "inside" } }],
    ["its own Content-Length", { headers: { "content-length": "3" } }],
    ["its own Transfer-Encoding", { headers: { "Transfer-Encoding": "chunked" } }],
    ["its own Connection", { headers: { connection: "upgrade" } }],
    ["a line break in a token", { auth: { bearer: "a\r\nx-b: 2" } }],
    ["Host by way of auth", { auth: { header: "host", value: "inside" } }],
    ["a colon in a user name", { auth: { basic: { username: "a:b", password: "c" } } }],
    ["two kinds of authorisation", { auth: { bearer: "a", header: "b", value: "c" } }],
    ["a method that is none", { method: "GET / HTTP/1.1" }],
    ["CONNECT", { method: "CONNECT" }],
    ["a relative URL", { url: "/path" }],
    ["a body with HEAD", { method: "HEAD", body: "x" }],
  ])("%s is refused before anything is sent", async (_what, config) => {
    const to = await service(json);
    expect(await ask(to, config)).toMatchObject({ type: "failed", failure: { code: "STEP_FAILED", retryable: false } });
    expect(to.requests).toEqual([]);
  });

  test("a body over the limit is refused with its size", async () => {
    const to = await service(json);
    const outcome = await ask(to, { method: "POST", body: "x".repeat(101) }, { requestBytesMax: 100 });
    expect(outcome).toMatchObject({ failure: { code: "PAYLOAD_TOO_LARGE", details: { size: 101, limit: 100 } } });
    expect(to.requests).toEqual([]);
  });
});

describe("what comes back", () => {
  test("status, headers and the body: JSON where it says so", async () => {
    const to = await service((_request, response) => {
      response.writeHead(201, [
        ["Content-Type", "application/problem+json"],
        ["X-Many", "a"],
        ["X-Many", "b"],
        ["Set-Cookie", "c=1"],
      ] as never);
      response.end('{"n":[1,2]}');
    });
    const outcome = await ask(to);
    expect(outcome).toMatchObject({
      type: "completed",
      output: { status: 201, headers: { "x-many": "a, b", "set-cookie": ["c=1"] }, body: { n: [1, 2] } },
    });
  });

  test.each<[string, string | null, string | Buffer, JsonObject, unknown]>([
    ["text is text", "text/plain", "héllo", {}, "héllo"],
    ["a byte order mark is not part of the text", "text/plain", "\uFEFFa", {}, "a"],
    ["text without a charset that is not UTF-8 is Windows-1252", "text/html", Buffer.from([0x63, 0xe9]), {}, "cé"],
    ["a named charset is used", "text/plain; charset=iso-8859-2", Buffer.from([0xb1]), {}, "ą"],
    ["JSON as text when asked", "application/json", '{"a":1}', { response: "text" }, '{"a":1}'],
    ["text as JSON when asked", "text/plain", "[1]", { response: "json" }, [1]],
    ["no content type is text", null, "[1]", {}, "[1]"],
    ["bytes as base64 when asked", "image/png", Buffer.from([0xff, 0x00]), { response: "bytes" }, "/wA="],
    ["an empty JSON body is null", "application/json", "", {}, null],
    ["an empty body is empty text", "text/plain", "", {}, ""],
  ])("%s", async (_fact, type, body, config, expected) => {
    const to = await service((_request, response) => {
      if (type !== null) response.setHeader("content-type", type);
      response.end(body);
    });
    expect(await ask(to, config)).toMatchObject({ type: "completed", output: { body: expected } });
  });

  test.each<[string, string, string | Buffer, JsonObject]>([
    ["broken JSON", "application/json", '{"a":', {}],
    ["text that should be JSON", "text/html", "<p>busy</p>", { response: "json" }],
    ["bytes that are no text", "application/octet-stream", Buffer.from([0xff, 0xfe, 0x00, 0x9f]), {}],
    ["text that is not in the charset it names", "text/plain; charset=utf-8", Buffer.from([0xff]), {}],
  ])("%s fails, and asking again would not help", async (_what, type, body, config) => {
    const to = await service((_request, response) => void response.setHeader("content-type", type).end(body));
    expect(await ask(to, config)).toMatchObject({ failure: { code: "REQUEST_FAILED", retryable: false } });
  });

  test("HEAD and 204 have no body, whatever their headers say", async () => {
    const to = await service((request, response) => {
      response.statusCode = request.method === "HEAD" ? 200 : 204;
      response.setHeader("content-encoding", "gzip");
      if (request.method === "HEAD") response.setHeader("content-length", 99_999_999);
      response.end();
    });
    expect(await ask(to, { method: "HEAD" })).toMatchObject({ output: { status: 200, body: "" } });
    expect(await ask(to)).toMatchObject({ output: { status: 204, body: "" } });
  });

  test.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
  ] as const)("%s is unpacked", async (encoding, compress) => {
    const to = await service((_request, response) => {
      response.setHeader("content-encoding", encoding).end(compress("packed text"));
    });
    expect(await ask(to)).toMatchObject({ output: { body: "packed text" } });
    expect(to.requests[0]!.headers["accept-encoding"]).toContain(encoding);
  });
});

describe("answers that are too much", () => {
  const limit = 100_000;

  test.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
  ] as const)("a %s bomb of 20 MB ends at the limit", async (encoding, compress) => {
    const bomb = compress(Buffer.alloc(20_000_000));
    const to = await service((_request, response) => {
      response.setHeader("content-encoding", encoding).end(bomb);
    });
    const outcome = await ask(to, {}, { responseBytesMax: limit });
    expect(outcome).toMatchObject({ failure: { code: "RESULT_TOO_LARGE", retryable: false, details: { limit } } });
    const size = outcome.type === "failed" ? Number(outcome.failure.details?.["size"]) : NaN;
    expect(size).toBeLessThan(limit + 1_000_000);
  });

  test("a body that is announced too large is not read", async () => {
    const to = await service((_request, response) => {
      response.setHeader("content-length", limit + 1).flushHeaders();
    });
    const outcome = await ask(to, {}, { responseBytesMax: limit });
    expect(outcome).toMatchObject({ failure: { code: "RESULT_TOO_LARGE", details: { size: limit + 1, limit } } });
  });

  test("an endless body ends at the limit and its connection is closed", async () => {
    const closed = Promise.withResolvers<void>();
    const to = await service((_request, response) => {
      const chunk = Buffer.alloc(16_384, "x");
      const more = (): void => {
        while (response.write(chunk));
        response.once("drain", more);
      };
      response.once("close", () => closed.resolve());
      more();
    });
    const outcome = await ask(to, {}, { responseBytesMax: limit });
    expect(outcome).toMatchObject({ failure: { code: "RESULT_TOO_LARGE" } });
    await closed.promise;
  });

  test("encodings one over the other are refused", async () => {
    const to = await service((_request, response) => {
      response.setHeader("content-encoding", "gzip, gzip").end(gzipSync(gzipSync("a")));
    });
    expect(await ask(to)).toMatchObject({ failure: { code: "REQUEST_FAILED", retryable: false } });
  });
});

describe("statuses from 400", () => {
  test.each([
    [400, false],
    [401, false],
    [404, false],
    [408, true],
    [409, false],
    [425, true],
    [429, true],
    [500, true],
    [503, true],
  ])("%i fails the step; may be tried again: %s", async (status, retryable) => {
    const to = await service((_request, response) => {
      response.statusCode = status;
      response.end('{"why":"because"}');
    });
    expect(await ask(to, { url: `${to.url}/a?token=s3cret` })).toEqual(
      expect.objectContaining({
        type: "failed",
        failure: {
          code: "REQUEST_STATUS",
          message: `${to.url} answered with status ${status}.`,
          retryable,
          details: { target: to.url, status, body: '{"why":"because"}' },
        },
      }),
    );
  });

  test.each<[string, string, number | undefined]>([
    ["seconds", "7", 7000],
    ["at most an hour", "86400", 3_600_000],
    ["a date that has passed", "Wed, 21 Oct 2015 07:28:00 GMT", 0],
    ["nonsense", "soon", undefined],
  ])("Retry-After as %s", async (_form, value, expected) => {
    const to = await service((_request, response) => {
      response.writeHead(429, { "retry-after": value }).end();
    });
    const outcome = await ask(to);
    expect((outcome as { retryAfterMs?: number }).retryAfterMs).toBe(expected);
  });

  test("of a large error page only an excerpt is kept", async () => {
    const to = await service((_request, response) => {
      response.writeHead(500, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(50_000_000, "x")));
    });
    const outcome = await ask(to);
    expect(JSON.stringify(outcome).length).toBeLessThan(2000);
    expect(outcome).toMatchObject({ failure: { code: "REQUEST_STATUS", details: { status: 500 } } });
  });
});

/** Sends whoever asks for `/` elsewhere. */
function redirect(status: number, location: () => string): Handler {
  return (request, response) => {
    if (request.url === "/") response.writeHead(status, { location: location() }).end();
    else json(request, response);
  };
}

describe("redirects", () => {
  test.each([
    [301, "POST", "GET"],
    [302, "POST", "GET"],
    [303, "PUT", "GET"],
    [307, "POST", "POST"],
    [308, "PUT", "PUT"],
    [301, "PUT", "PUT"],
    [303, "HEAD", "HEAD"],
  ])("%i after %s goes on with %s", async (status, method, then) => {
    const to = await service(redirect(status, () => "/next"));
    const body = method === "HEAD" ? {} : { body: { a: 1 } };
    await ask(to, { method, headers: { authorization: "keep" }, ...body });
    const next = to.requests[1]!;
    expect(next).toMatchObject({ method: then, url: "/next", headers: { authorization: "keep" } });
    expect(next.body).toBe(then === "GET" || then === "HEAD" ? "" : '{"a":1}');
    expect("idempotency-key" in next.headers).toBe(then !== "GET" && then !== "HEAD");
  });

  test("another origin gets no credential under any name", async () => {
    const other = await service(json);
    const to = await service(redirect(307, () => `${other.url}/next`));
    const headers = { Authorization: "a", Cookie: "b", "X-Api-Key": "c", "X-Secret": "d", Accept: "text/html" };
    await nodeFor([to, other]).execute(testTask({ url: to.url, method: "POST", headers, body: { a: 1 } }));
    expect(to.requests[0]!.headers).toMatchObject({ authorization: "a", cookie: "b", "x-api-key": "c" });
    const seen = other.requests[0]!;
    expect(seen).toMatchObject({ method: "POST", body: '{"a":1}', headers: { accept: "text/html" } });
    for (const name of ["authorization", "cookie", "x-api-key", "x-secret"])
      expect(seen.headers).not.toHaveProperty(name);
  });

  test.each([
    ["a private address", "http://10.0.0.1/"],
    ["cloud metadata", "http://169.254.169.254/latest/meta-data/"],
    ["another port of the same host", "http://127.0.0.1:1/"],
    ["another name of the same host", "http://localhost:8080/"],
    ["a file", "file:///etc/passwd"],
    ["a URL with credentials", "http://a:b@example.com/"],
  ])("to %s is refused as the first request would be", async (_where, location) => {
    const to = await service(redirect(302, () => location));
    expect(await ask(to)).toMatchObject({ failure: { code: "REQUEST_BLOCKED", retryable: false } });
    expect(to.requests).toHaveLength(1);
  });

  test("three are followed, a fourth is not", async () => {
    let hops = 3;
    const to = await service((request, response) => {
      if (hops-- > 0) response.writeHead(302, { location: `/${hops}` }).end();
      else json(request, response);
    });
    expect(await ask(to)).toMatchObject({ type: "completed", output: { body: { ok: true } } });
    hops = 4;
    expect(await ask(to)).toMatchObject({ failure: { code: "REQUEST_FAILED", retryable: false } });
  });

  test("a redirect that names no place is an answer", async () => {
    const to = await service((_request, response) => void response.writeHead(304).end());
    expect(await ask(to)).toMatchObject({ type: "completed", output: { status: 304 } });
  });
});

describe("when it does not go well", () => {
  test("nobody listens: may be tried again", async () => {
    const to = await service(json);
    await new Promise((resolve) => servers.pop()!.close(resolve));
    expect(await ask(to)).toMatchObject({ failure: { code: "REQUEST_FAILED", retryable: true } });
  });

  test("the connection breaks in the middle of the body: may be tried again", async () => {
    const to = await service((_request, response) => {
      response.setHeader("content-length", 100);
      response.write("half", () => response.destroy());
    });
    expect(await ask(to)).toMatchObject({ failure: { code: "REQUEST_FAILED", retryable: true } });
  });

  test("a compressed body that is damaged is a failed request", async () => {
    const to = await service((_request, response) => {
      response.setHeader("content-encoding", "gzip").end("this is not gzip");
    });
    expect(await ask(to)).toMatchObject({ failure: { code: "REQUEST_FAILED" } });
  });

  test("the signal closes the connection, before the answer and within it", async () => {
    for (const answerFirst of [false, true]) {
      const controller = new AbortController();
      const closed = Promise.withResolvers<void>();
      const to = await service((_request, response) => {
        response.once("close", () => closed.resolve());
        if (answerFirst) response.write("drip", () => controller.abort());
        else controller.abort();
      });
      const outcome = nodeFor([to]).execute(testTask({ url: to.url }, { signal: controller.signal }));
      expect(await outcome).toMatchObject({ type: "failed" });
      await closed.promise;
    }
  });

  test("a body that drips for ever ends with the step's timeout", async () => {
    const drips = await service((_request, response) => {
      const timer = setInterval(() => response.write("x"), 5);
      response.once("close", () => clearInterval(timer));
    });
    const task = testTask({ url: drips.url }, { signal: AbortSignal.timeout(50) });
    expect(await nodeFor([drips]).execute(task)).toMatchObject({ type: "failed" });
  });

  test("a task that was aborted already sends nothing", async () => {
    const to = await service(json);
    const connections: Socket[] = [];
    to.server.on("connection", (socket) => connections.push(socket));
    const outcome = await nodeFor([to]).execute(testTask({ url: to.url }, { signal: AbortSignal.abort() }));
    expect(outcome).toMatchObject({ type: "failed" });
    expect(to.requests).toEqual([]);
  });

  test("connections are used again", async () => {
    const to = await service(json);
    let connections = 0;
    to.server.on("connection", () => connections++);
    const node = nodeFor([to]);
    for (let i = 0; i < 10; i++) await node.execute(testTask({ url: to.url }));
    expect(to.requests).toHaveLength(10);
    // The next request may begin a moment before the last connection counts as free.
    expect(connections).toBeLessThanOrEqual(2);
  });
});
