import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { AppError, isJsonObject, type Json, type JsonObject } from "@weftwork/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { httpGuard, type Address } from "./http-guard.ts";
import { httpNode } from "./http.ts";
import type { Outcome } from "./node.ts";
import { testTask } from "./test-task.ts";

let server: Server;
let port = 0;
let asked: string[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.headers.host ?? "");
    response.end("reached");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

/** Names that lead where a test says; everything else is unknown. */
function names(table: Readonly<Record<string, readonly string[]>>): (name: string) => Promise<readonly Address[]> {
  return async (name) => {
    const addresses = table[name];
    if (!addresses) throw new Error(`getaddrinfo ENOTFOUND ${name}`);
    return addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  };
}

async function get(url: string, options: Parameters<typeof httpNode>[0] = {}): Promise<Outcome> {
  return httpNode(options).execute(testTask({ url }));
}

function failureOf(outcome: Outcome): { code: string; details: JsonObject } {
  if (outcome.type !== "failed") throw new Error(`expected a failure, got ${outcome.type}`);
  const details: Json = outcome.failure.details ?? {};
  return { code: outcome.failure.code, details: isJsonObject(details) ? details : {} };
}

describe("what is refused by default", () => {
  test.each([
    "http://127.0.0.1/",
    "http://localhost/",
    "http://localhost./",
    "http://LOCALHOST/",
    "https://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0/",
    "http://0.0.0.0/",
    "http://１２７.０.０.１/",
    "http://①②⑦.0.0.1/",
    "http://127。0。0。1/",
    "http://%31%32%37.0.0.1/",
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://[ff02::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http:127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "http://127.0.0.1\\@example.com/",
    " http://127.0.0.1/\n",
    "http://user@127.0.0.1/",
    "http://example.com@127.0.0.1/",
    "https://user:password@example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "ftp://example.com/",
    "data:text/plain,hello",
    "unix:/var/run/docker.sock",
    "javascript:alert(1)",
    "http://example.com:22/",
    "http://example.com:25/",
    "http://example.com:6379/",
    "http://example.com:5432/",
  ])("%j", async (url) => {
    expect(failureOf(await get(url)).code).toBe("REQUEST_BLOCKED");
  });

  test("a refusal names host and port, never the credentials in the URL", async () => {
    const { details } = failureOf(await get("https://ada:s3cret@example.com/path?q=1"));
    expect(details["target"]).toBe("example.com:443");
    expect(JSON.stringify(details)).not.toContain("s3cret");
  });

  test("a name that leads to a private address, whatever else it leads to", async () => {
    const resolve = names({
      "one.test": ["10.0.0.7"],
      "mixed.test": ["93.184.216.34", "127.0.0.1"],
      "six.test": ["2606:4700:4700::1111", "fd00:ec2::254"],
    });
    for (const name of ["one.test", "mixed.test", "six.test"]) {
      const { code, details } = failureOf(await get(`http://${name}:${port}/`, { resolve }));
      expect(code).toBe("REQUEST_BLOCKED");
      expect(JSON.stringify(details)).not.toContain("10.0.0.7");
    }
    expect(asked).toEqual([]);
  });
});

describe("what an operator has opened", () => {
  test("exactly the host and port that were named", async () => {
    const allow = [`127.0.0.1:${port}`];
    expect(await get(`http://127.0.0.1:${port}/`, { allow })).toMatchObject({ output: { body: "reached" } });
    expect(await get(`http://2130706433:${port}/`, { allow })).toMatchObject({ output: { body: "reached" } });
    for (const url of [`http://localhost:${port}/`, `http://127.0.0.2:${port}/`, `http://127.0.0.1:${port + 1}/`]) {
      expect(failureOf(await get(url, { allow })).code).toBe("REQUEST_BLOCKED");
    }
  });

  test("a name is opened whatever it resolves to; the connection keeps it as Host and resolves it once", async () => {
    asked = [];
    const resolved: string[] = [];
    const lookup = names({ "inside.test": ["127.0.0.1"] });
    const resolve = (name: string) => (resolved.push(name), lookup(name));
    const outcome = await get(`http://inside.test:${port}/`, { allow: [`inside.test:${port}`], resolve });
    expect(outcome).toMatchObject({ output: { status: 200, body: "reached" } });
    expect(asked).toEqual([`inside.test:${port}`]);
    expect(resolved).toEqual(["inside.test"]);
  });

  test("credentials in the URL and other schemes stay refused", async () => {
    const allow = [`127.0.0.1:${port}`];
    expect(failureOf(await get(`http://a:b@127.0.0.1:${port}/`, { allow })).code).toBe("REQUEST_BLOCKED");
    expect(failureOf(await get(`ftp://127.0.0.1:${port}/`, { allow })).code).toBe("REQUEST_BLOCKED");
  });

  test("an entry that is not host:port is a mistake of the configuration, all of them counted", () => {
    for (const entry of ["*", "*:80", "example.com", "http://example.com:80", "a@b:80", "example.com:0", "a:99999"]) {
      expect(() => httpGuard({ allow: [entry, "ok.test:80"] })).toThrow(AppError);
    }
    expect(() => httpGuard({ allow: ["*", "?"] })).toThrow(/2 mistake/);
    expect(() => httpGuard({ allow: ["[::1]:80", "EXAMPLE.com:443"] })).not.toThrow();
  });
});

test("a name that points elsewhere on the second question is not asked a second time", async () => {
  const answers = [["127.0.0.1"], ["93.184.216.34"]];
  let questions = 0;
  const resolve = async (): Promise<readonly Address[]> =>
    (answers[questions++] ?? []).map((address) => ({ address, family: 4 }));
  expect(failureOf(await get(`http://rebind.test:${port}/`, { resolve })).code).toBe("REQUEST_BLOCKED");
  expect(questions).toBe(1);
});

test("a name that does not resolve is a failed request that may be tried again", async () => {
  const outcome = await get("http://nowhere.test/", { resolve: names({}) });
  expect(outcome).toMatchObject({ failure: { code: "REQUEST_FAILED", retryable: true } });
});

test("a proxy named by the environment is not used", async () => {
  asked = [];
  process.env["HTTP_PROXY"] = process.env["http_proxy"] = `http://127.0.0.1:${port}`;
  try {
    const outcome = await get("http://inside.test:8080/", { resolve: names({ "inside.test": ["10.0.0.1"] }) });
    expect(failureOf(outcome).code).toBe("REQUEST_BLOCKED");
    expect(asked).toEqual([]);
  } finally {
    delete process.env["HTTP_PROXY"];
    delete process.env["http_proxy"];
  }
});

test("a name server that never answers ends with the time for connecting", async () => {
  const outcome = await get("http://silent.test/", { resolve: () => new Promise(() => {}), connectTimeoutMs: 20 });
  expect(outcome).toMatchObject({ failure: { code: "REQUEST_FAILED", retryable: true } });
  expect(JSON.stringify(outcome)).toContain("Connect Timeout");
});

describe("ports", () => {
  /** What a guard without any other reason says of a port: null when it may be used. */
  function refusedBy(ports: readonly string[] | undefined, url: string): boolean {
    try {
      httpGuard(ports ? { ports } : {}).check(new URL(url));
      return false;
    } catch {
      return true;
    }
  }

  test.each([
    ["http://example.com/", false],
    ["https://example.com/", false],
    ["https://example.com:80/", false],
    ["http://example.com:1024/", false],
    ["http://example.com:8080/", false],
    ["http://example.com:65535/", false],
    ["http://example.com:81/", true],
    ["http://example.com:444/", true],
    ["http://example.com:1023/", true],
    ["http://example.com:3306/", true],
    ["http://example.com:11211/", true],
    ["http://example.com:27017/", true],
    ["http://example.com:2375/", true],
  ])("%s is refused by default: %s", (url, refused) => expect(refusedBy(undefined, url)).toBe(refused));

  test.each([
    [["443"], "https://example.com/", false],
    [["443"], "http://example.com/", true],
    [["8000-8999"], "http://example.com:8500/", false],
    [["8000-8999"], "http://example.com:9000/", true],
    [["1-65535"], "http://example.com:6379/", true],
    [["1-65535", "6379"], "http://example.com:6379/", false],
  ])("with %j, %s is refused: %s", (ports, url, refused) => expect(refusedBy(ports, url)).toBe(refused));

  test("a list that is none is a mistake of the configuration", () => {
    for (const entry of ["http", "0", "70000", "9-8", "", "80-"]) {
      expect(() => httpGuard({ ports: [entry, "80"] })).toThrow(AppError);
    }
  });

  test("a target that an operator has opened may have any port", () => {
    expect(() =>
      httpGuard({ allow: ["inside.test:81"], ports: ["443"] }).check(new URL("http://inside.test:81/")),
    ).not.toThrow();
  });
});
