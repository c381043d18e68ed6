import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as tcpServer, type AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { Json } from "@weftwork/core";
import { afterEach, describe, expect, test } from "vitest";
import { openWeft, type Weft } from "../../packages/server/src/index.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Target {
  /** `127.0.0.1:port` */
  readonly at: string;
  readonly port: number;
  readonly asked: readonly IncomingMessage[];
}

/** A server on loopback that notes every request. */
async function target(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Target> {
  const asked: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { at: `127.0.0.1:${port}`, port, asked };
}

const ok = (_request: IncomingMessage, response: ServerResponse): void => void response.end("CANARY-INSIDE");

/** Runs one http step with the fields given, by the engine of the product, and says how it ended. */
async function call(
  fields: Readonly<Record<string, Json>>,
  options: {
    readonly httpAllow?: readonly string[];
    readonly inputs?: Readonly<Record<string, Json>>;
    readonly timeout?: string;
  } = {},
): Promise<{ readonly status: string; readonly code: string | null; readonly text: string }> {
  const weft: Weft = await openWeft({ httpAllow: options.httpAllow ?? [], problem: () => undefined });
  closing.push(() => weft.close({ graceMs: 0 }));
  const step = { id: "call", type: "http", retry: 1, timeout: options.timeout ?? "5s", ...fields };
  const source = JSON.stringify({ name: "out", steps: [step] });
  const { plan, problems } = weft.workflows.validate(source);
  if (plan === null) return { status: "refused", code: problems[0]!.code, text: JSON.stringify(problems) };
  await weft.workflows.publish(source);
  const { run } = await weft.runs.start({ workflow: "out", inputs: options.inputs ?? {} });
  const ended = await weft.runs.wait(run.id, { timeoutMs: 20_000 });
  return { status: ended!.status, code: ended!.error?.code ?? null, text: JSON.stringify(ended) };
}

/** What is refused before a byte is sent: nobody was asked, and nothing of the inside is in the answer. */
function expectRefused(outcome: Awaited<ReturnType<typeof call>>): void {
  expect(outcome.status, outcome.text).not.toBe("succeeded");
  expect(outcome.text).not.toContain("CANARY-INSIDE");
}

describe("A12 private addresses are closed until an operator opens a single one:", () => {
  test.each([
    "127.0.0.1",
    "localhost",
    "[::1]",
    "0.0.0.0",
    "[::]",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "[fe80::1]",
    "[fc00::1]",
    "224.0.0.1",
    "[ff02::1]",
    "255.255.255.255",
    "240.0.0.1",
    "0.1.2.3",
    "192.0.2.1",
    "198.18.0.1",
    "metadata.localhost",
  ])("%s", async (host) => {
    const inside = await target(ok);
    for (const port of [inside.port, 80]) {
      const outcome = await call({ url: `http://${host}:${port}/` });
      expectRefused(outcome);
      expect([host, port, outcome.code]).toEqual([host, port, "REQUEST_BLOCKED"]);
    }
    expect(inside.asked).toEqual([]);
  });

  test("the one that is named is reached, and its neighbours are not", async () => {
    const [open, shut] = [await target(ok), await target(ok)];
    const httpAllow = [open.at];
    expect(await call({ url: `http://${open.at}/` }, { httpAllow })).toMatchObject({ status: "succeeded" });
    expectRefused(await call({ url: `http://${shut.at}/` }, { httpAllow }));
    // The address under another name is another target.
    expectRefused(await call({ url: `http://localhost:${open.port}/` }, { httpAllow }));
    expect([open.asked.length, shut.asked.length]).toEqual([1, 0]);
  });

  test("a URL that is made of inputs is held to the same", async () => {
    const inside = await target(ok);
    for (const url of [`http://${inside.at}/`, `http://${inside.at}#.example.com`, `http://example.com@${inside.at}/`])
      expectRefused(await call({ url: "{{ inputs.url }}" }, { inputs: { url } }));
    expectRefused(await call({ url: "http://{{ inputs.host }}/x" }, { inputs: { host: inside.at } }));
    expect(inside.asked).toEqual([]);
  });
});

describe("A13 an address is what the parser makes of it, however it is written:", () => {
  test.each([
    "2130706433",
    "0x7f000001",
    "017700000001",
    "0x7f.1",
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "0x7f.0.0.0x1",
    "127.0.0.1.",
    "localhost.",
    "LOCALHOST",
    "１２７.０.０.１",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[::127.0.0.1]",
    "[fe80::1%25lo]",
    "%31%32%37.0.0.1",
    "0",
  ])("%s", async (host) => {
    const inside = await target(ok);
    expectRefused(await call({ url: `http://${host}:${inside.port}/` }));
    expect(inside.asked).toEqual([]);
  });

  test.each([
    (at: string) => `http://example.com@${at}/`,
    (at: string) => `http://example.com:80@${at}/`,
    (at: string) => `http://${at}\\@example.com/`,
    (at: string) => `http:\\\\${at}/`,
    (at: string) => `http:/${at}/`,
    (at: string) => `http:${at}/`,
    (at: string) => `\thttp://${at}/`,
    (at: string) => `ht\ntp://${at}/`,
    (at: string) => `http://${at}\t/`,
    (at: string) => `//${at}/`,
    (at: string) => `${at}/`,
  ])("%s", async (write) => {
    const inside = await target(ok);
    expectRefused(await call({ url: write(inside.at) }));
    expect(inside.asked).toEqual([]);
  });
});

describe("A15 every hop of a redirect is a new request:", () => {
  test("to a private address", async () => {
    const inside = await target(ok);
    const door = await target(
      (_request, response) => void response.writeHead(302, { location: `http://${inside.at}/` }).end(),
    );
    const outcome = await call({ url: `http://${door.at}/` }, { httpAllow: [door.at] });
    expectRefused(outcome);
    expect([outcome.code, door.asked.length, inside.asked.length]).toEqual(["REQUEST_BLOCKED", 1, 0]);
  });

  test.each([
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "ftp://127.0.0.1/",
    "data:text/plain,CANARY-INSIDE",
    "javascript:1",
    "http://127.0.0.1:22/",
    "http://[::1]:6379/",
    "//127.0.0.1:1/",
  ])("to %s", async (location) => {
    const door = await target((_request, response) => void response.writeHead(302, { location }).end());
    const outcome = await call({ url: `http://${door.at}/` }, { httpAllow: [door.at] });
    expectRefused(outcome);
    expect(door.asked).toHaveLength(1);
  });

  test("20 times ends at the third", async () => {
    const door = await target((request, response) => {
      const count = Number(request.url!.slice(1)) || 0;
      response.writeHead(302, { location: `/${count + 1}` }).end("x");
    });
    const outcome = await call({ url: `http://${door.at}/` }, { httpAllow: [door.at] });
    expectRefused(outcome);
    expect(door.asked).toHaveLength(4);
    expect(outcome.text).toContain("more than 3 times");
  });

  test("to another origin loses its credentials, to the same one it keeps them", async () => {
    const other = await target(ok);
    const door = await target((request, response) => {
      const location = request.url === "/" ? "/same" : `http://${other.at}/`;
      response.writeHead(307, { location }).end();
    });
    const headers = { authorization: "Bearer CANARY-KEY", cookie: "a=CANARY-KEY", "x-api-key": "CANARY-KEY" };
    const outcome = await call(
      { url: `http://${door.at}/`, method: "POST", body: "x", headers },
      { httpAllow: [door.at, other.at] },
    );
    expect(outcome.status).toBe("succeeded");
    expect(door.asked.map((request) => request.headers["authorization"])).toEqual([
      "Bearer CANARY-KEY",
      "Bearer CANARY-KEY",
    ]);
    expect(other.asked).toHaveLength(1);
    const { authorization, cookie } = other.asked[0]!.headers;
    expect([authorization, cookie]).toEqual([undefined, undefined]);
  });
});

describe("A16 only http and https, at ports where they are spoken:", () => {
  test.each([
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "gopher://example.com/_x",
    "ftp://example.com/",
    "data:text/plain,CANARY-INSIDE",
    "unix:/run/docker.sock",
    "http+unix://%2frun%2fdocker.sock/",
    "jar:http://example.com!/",
    "ws://example.com/",
    "javascript:1",
    "ldap://example.com/",
    "http://example.com:22/",
    "http://example.com:25/",
    "http://example.com:6379/",
    "http://example.com:5432/",
    "http://example.com:0/",
    "http://example.com:99999/",
  ])("%s", async (url) => {
    const outcome = await call({ url });
    expectRefused(outcome);
    expect(outcome.text).not.toContain("root:");
  });
});

test("A17 no proxy of the environment is asked, and NO_PROXY opens nothing", async () => {
  const proxy = await target(ok);
  const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
  const before = Object.fromEntries([...names, "NO_PROXY", "no_proxy"].map((name) => [name, process.env[name]]));
  for (const name of names) process.env[name] = `http://${proxy.at}`;
  process.env["NO_PROXY"] = process.env["no_proxy"] = "127.0.0.1,localhost,*";
  try {
    const open = await target((_request, response) => void response.end("direct"));
    const outcome = await call({ url: `http://${open.at}/` }, { httpAllow: [open.at] });
    expect([outcome.status, open.asked.length]).toEqual(["succeeded", 1]);
    expectRefused(await call({ url: `http://${proxy.at}/` }));
    expect(proxy.asked).toEqual([]);
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
});

test("A18 the guard does not ask whether a credential is attached", async () => {
  const inside = await target(ok);
  for (const auth of [undefined, { type: "bearer", token: "x" }, { type: "basic", username: "a", password: "b" }])
    expectRefused(await call({ url: `http://${inside.at}/`, ...(auth === undefined ? {} : { auth }) }));
  expect(inside.asked).toEqual([]);
});

describe("A19 nothing that is sent can begin a header or a request of its own:", () => {
  test.each<[fact: string, fields: Readonly<Record<string, Json>>]>([
    ["a line break in the value of a header", { headers: { x: "{{ inputs.evil }}" } }],
    ["a line break in the name of a header", { headers: { "x\r\nEvil": "1" } }],
    ["a colon in the name of a header", { headers: { "x: y\r\nEvil": "1" } }],
    ["a NUL in a header", { headers: { x: "a\0b" } }],
    ["a Host of its own", { headers: { host: "evil.example" } }],
    ["a Content-Length of its own", { method: "POST", body: "abc", headers: { "content-length": "1" } }],
    ["a Transfer-Encoding of its own", { method: "POST", body: "abc", headers: { "transfer-encoding": "chunked" } }],
    ["a Connection of its own", { headers: { connection: "upgrade" } }],
    ["an Upgrade", { headers: { upgrade: "h2c" } }],
    ["a line break in the method", { method: "GET / HTTP/1.1\r\nEvil: 1\r\n\r\nGET" }],
    ["a method that opens a tunnel", { method: "CONNECT" }],
    ["a line break in a token", { auth: { type: "bearer", token: "{{ inputs.evil }}" } }],
  ])("%s is refused", async (_fact, fields) => {
    const open = await target(ok);
    const outcome = await call(
      { url: `http://${open.at}/`, ...fields },
      { httpAllow: [open.at], inputs: { evil: "a\r\nEvil: 1" } },
    );
    expect(outcome.status).not.toBe("succeeded");
    expect(open.asked).toEqual([]);
  });

  test("line breaks in the path and the query are characters of the path and the query", async () => {
    const open = await target((_request, response) => void response.end("fine"));
    const url = "http://{{ inputs.at }}/a{{ inputs.evil }}b";
    const outcome = await call(
      { url, query: { q: "{{ inputs.evil }}" } },
      { httpAllow: [open.at], inputs: { at: open.at, evil: " HTTP/1.1\r\nEvil: 1\r\n\r\n" } },
    );
    for (const { headers, url: path } of open.asked) {
      expect(headers["evil"]).toBeUndefined();
      expect(path).not.toMatch(/[\r\n ]/);
    }
    expect(open.asked.length).toBeLessThanOrEqual(1);
    expect(["succeeded", "failed"]).toContain(outcome.status);
  });
});

describe("A20 an answer takes no more than it may:", () => {
  test("a bomb of gzip, as text and as a value", async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const open = await target(
      (_request, response) =>
        void response.writeHead(200, { "content-encoding": "gzip", "content-type": "text/plain" }).end(bomb),
    );
    const outcome = await call({ url: `http://${open.at}/` }, { httpAllow: [open.at], timeout: "20s" });
    expect(outcome.status, outcome.text.slice(0, 500)).toBe("failed");
    expect(outcome.text.length).toBeLessThan(10_000);
  });

  test("a bomb inside a bomb", async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(20_000_000)));
    const open = await target(
      (_request, response) =>
        void response.writeHead(200, { "content-encoding": "gzip, gzip", "content-type": "text/plain" }).end(bomb),
    );
    const outcome = await call({ url: `http://${open.at}/` }, { httpAllow: [open.at], timeout: "20s" });
    expect(outcome.status).toBe("failed");
  });

  test("chunks without end are cut at the limit of a text, long before the time is over", async () => {
    let sent = 0;
    const open = await target((_request, response) => {
      response.writeHead(200, { "content-type": "text/plain" });
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(64 * 1024))) sent += 64 * 1024;
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    const outcome = await call(
      { url: `http://${open.at}/`, response: "text" },
      { httpAllow: [open.at], timeout: "20s" },
    );
    expect([outcome.status, outcome.code]).not.toContain("succeeded");
    expect(sent).toBeLessThan(200_000_000);
  });

  test("a byte now and then, and a head that never comes, end with the time of the step", async () => {
    const drip = await target((_request, response) => {
      response.writeHead(200, { "content-type": "text/plain" });
      const timer = setInterval(() => response.write("x"), 50);
      response.once("close", () => clearInterval(timer));
    });
    const silent = tcpServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    closing.push(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    for (const at of [drip.at, `127.0.0.1:${port}`]) {
      const outcome = await call({ url: `http://${at}/` }, { httpAllow: [at], timeout: "500ms" });
      expect([outcome.status, outcome.code]).toEqual(["failed", "STEP_TIMEOUT"]);
    }
  });

  test("a head of a megabyte", async () => {
    const open = tcpServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(1_000_000)}\r\n\r\n`));
    }).listen(0, "127.0.0.1");
    await once(open, "listening");
    closing.push(() => open.close());
    const at = `127.0.0.1:${(open.address() as AddressInfo).port}`;
    const outcome = await call({ url: `http://${at}/` }, { httpAllow: [at] });
    expect(outcome.status).toBe("failed");
    expect(outcome.text.length).toBeLessThan(10_000);
  });
});
