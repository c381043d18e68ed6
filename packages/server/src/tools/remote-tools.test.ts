import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Json, JsonObject } from "@weftwork/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { httpNode } from "../nodes/http.ts";
import { service, type Service } from "../nodes/http-service.testing.ts";
import type { NodeExecutor } from "../nodes/node.ts";
import { testTask } from "../nodes/test-task.ts";
import { readHost } from "../secrets/hosts.ts";
import { Secret } from "../secrets/secret.ts";
import type { SecretSource } from "../secrets/secrets.ts";
import { openToolbox } from "./open-toolbox.ts";
import type { OfferedTool, Toolbox } from "./tool.ts";

const KEY = "sk-live-42-secret";
const secrets: SecretSource = {
  load: async (_tenant, names) =>
    new Map(
      names.flatMap((name) =>
        name === "SHOP_KEY"
          ? [[name, { name, value: new Secret(KEY), hosts: [], place: "store" as const }]]
          : name === "OTHER_KEY"
            ? [[name, { name, value: new Secret(KEY), hosts: [readHost("example.com")!], place: "store" as const }]]
            : [],
      ),
    ),
};

let folder = "";
const open: NodeExecutor[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "weft-tools-"));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  for (const http of open) await http.close?.();
});

function box(config: Json, allow: readonly string[] = [], environment: Record<string, string> = {}): Toolbox {
  const http = httpNode({ allow });
  open.push(http);
  return openToolbox({
    config,
    folder,
    environment,
    http: (task) => http.execute(task),
    secrets,
    workflows: {
      describe: async () => ({ description: null, inputs: null }),
      run: async ({ inputs }) => inputs,
    },
    now: () => 0,
  });
}

const task = testTask({});
const context = { key: "run_1/root/step/1/call", signal: task.signal };

async function tool(tools: Toolbox, name: string): Promise<OfferedTool> {
  return (await tools.open([{ tool: name }], task)).tools[0]!;
}

function json(response: ServerResponse, value: Json, status = 200, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

const SHOP = {
  openapi: "3.0.3",
  info: { title: "Shop", version: "1" },
  servers: [{ url: "http://169.254.169.254/" }],
  paths: {
    "/orders/{id}": {
      parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
      get: {
        operationId: "getOrder",
        summary: "One order.",
        parameters: [
          { name: "fields", in: "query", schema: { type: "array", items: { type: "string" } } },
          { name: "x-trace", in: "header", schema: { type: "string" } },
          { $ref: "#/components/parameters/Page" },
        ],
      },
    },
    "/orders": {
      post: {
        operationId: "create order",
        requestBody: {
          required: true,
          content: { "application/json": { schema: { $ref: "#/components/schemas/Order" } } },
        },
      },
    },
    "/away": { get: { operationId: "away", parameters: [{ $ref: "https://example.com/p.yaml#/P" }] } },
    "/cookie": { get: { parameters: [{ name: "c", in: "cookie", required: true, schema: {} }] } },
  },
  components: {
    parameters: { Page: { name: "page", in: "query", schema: { type: "integer", nullable: true } } },
    schemas: {
      Order: {
        type: "object",
        required: ["item"],
        properties: { item: { type: "string" }, parent: { $ref: "#/components/schemas/Order" } },
        example: { item: "x".repeat(100) },
      },
    },
  },
} satisfies JsonObject;

function shopFile(): string {
  writeFileSync(join(folder, "shop.json"), JSON.stringify(SHOP));
  return "shop.json";
}

describe("an OpenAPI description", () => {
  const config = (url: string, more: JsonObject = {}) => ({
    shop: { kind: "openapi", file: shopFile(), url, ...more },
  });

  test("makes its operations tools, with schemas that stand alone", async () => {
    const { tools } = await box(config("https://shop.example")).open([{ tool: "shop" }], task);
    expect(tools.map(({ name }) => name)).toEqual(["getOrder", "create_order"]);
    expect(tools[0]).toMatchObject({
      description: "One order.",
      parameters: {
        required: ["id"],
        properties: { id: { type: "string" }, page: { type: ["integer", "null"] }, fields: { type: "array" } },
      },
    });
    expect(tools[1]!.parameters).toMatchObject({
      properties: { body: { $ref: "#/$defs/Order" } },
      $defs: { Order: { properties: { parent: { $ref: "#/$defs/Order" } } } },
    });
    expect(JSON.stringify(tools[1]!.parameters)).not.toContain("example");
  });

  test("is called at the configured address, each argument in its place, with key and credentials", async () => {
    const shop = await service((request, response) =>
      json(response, { ok: true, auth: request.headers.authorization! }),
    );
    const tools = box(config(`${shop.url}/v1/`, { auth: { bearer: "{{ secrets.SHOP_KEY }}" } }), [shop.target]);
    const get = await tool(tools, "shop/getOrder");
    const value = await get.call({ id: "a/../b?c", fields: ["x", "y"], page: 2, "x-trace": "t" }, context);
    const [asked] = shop.requests;
    expect(asked!.url).toBe("/v1/orders/a%2F..%2Fb%3Fc?fields=x&fields=y&page=2");
    expect(asked!.headers).toMatchObject({ "x-trace": "t", authorization: `Bearer ${KEY}` });
    // What a service sends back of its credentials is hidden.
    expect(value).toEqual({ ok: true, auth: "Bearer ***" });
    const create = await tool(tools, "shop/create_order");
    await create.call({ body: { item: "tea" } }, context);
    expect(shop.requests[1]).toMatchObject({ method: "POST", headers: { "idempotency-key": context.key } });
    expect(JSON.parse(shop.requests[1]!.body.toString())).toEqual({ item: "tea" });
  });

  test.each(["", ".", ".."])("an argument %j cannot climb out of the path", async (id) => {
    const shop = await service((_, response) => json(response, {}));
    const get = await tool(box(config(shop.url), [shop.target]), "shop/getOrder");
    await expect(get.call({ id }, context)).rejects.toMatchObject({ code: "TOOL_FAILED" });
    expect(shop.requests).toEqual([]);
  });

  test("a private address is refused, whoever wrote it", async () => {
    const shop = await service((_, response) => json(response, {}));
    const get = await tool(box(config(shop.url)), "shop/getOrder");
    await expect(get.call({ id: "1" }, context)).rejects.toMatchObject({ code: "REQUEST_BLOCKED" });
    expect(shop.requests).toEqual([]);
  });

  test("a secret that is bound to another host is not sent", async () => {
    const shop = await service((_, response) => json(response, {}));
    const headers = { "x-key": "{{ secrets.OTHER_KEY }}" };
    const get = await tool(box(config(shop.url, { headers }), [shop.target]), "shop/getOrder");
    await expect(get.call({ id: "1" }, context)).rejects.toMatchObject({ code: "SECRET_NOT_ALLOWED" });
    expect(shop.requests).toEqual([]);
  });

  test("a variable of the environment is hidden in what comes back, errors included", async () => {
    const shop = await service((request, response) => json(response, { said: String(request.headers["x-key"]) }, 400));
    const headers = { "x-key": "key ${TOKEN}" };
    const get = await tool(box(config(shop.url, { headers }), [shop.target], { TOKEN: KEY }), "shop/getOrder");
    const failed: unknown = await get.call({ id: "1" }, context).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "REQUEST_STATUS", details: { status: 400, body: '{"said":"***"}' } });
    expect(shop.requests[0]!.headers["x-key"]).toBe(`key ${KEY}`);
  });

  test("a service that does not answer is given up", async () => {
    const shop = await service(() => undefined);
    const get = await tool(box(config(shop.url, { timeout: "50ms" }), [shop.target]), "shop/getOrder");
    await expect(get.call({ id: "1" }, context)).rejects.toMatchObject({ code: "TOOL_FAILED" });
  });
});

/** A server of the revisions with a handshake, or of the one without. */
function mcpServer(options: { modern?: boolean; stream?: boolean } = {}): Promise<Service> {
  const { modern = false, stream = false } = options;
  const answer = (message: JsonObject, request: IncomingMessage): { status: number; value: JsonObject | null } => {
    const { id = null, method, params } = message;
    const isOld = !modern && request.headers["mcp-session-id"] === "s-1" && !request.headers["mcp-method"];
    const meta = ((params as JsonObject | undefined)?.["_meta"] ?? {}) as JsonObject;
    const isNew =
      modern &&
      request.headers["mcp-protocol-version"] === "2026-07-28" &&
      request.headers["mcp-method"] === method &&
      meta["io.modelcontextprotocol/protocolVersion"] === "2026-07-28";
    const result = (value: JsonObject) => ({ status: 200, value: { jsonrpc: "2.0", id, result: value } });
    const error = (code: number, words: string, status = 200) => ({
      status,
      value: { jsonrpc: "2.0", id, error: { code, message: words } },
    });
    if (method === "initialize") {
      if (modern) return error(-32_601, "no such method", 400);
      return result({
        protocolVersion: "2025-06-18",
        capabilities: { tools: {} },
        serverInfo: { name: "t", version: "1" },
      });
    }
    if (!isOld && !isNew) return error(-32_600, "no session", 400);
    if (method === "notifications/initialized") return { status: 202, value: null };
    if (method === "tools/list") {
      const more = (params as JsonObject | undefined)?.["cursor"] === "2";
      const inputSchema = { type: "object", properties: { q: { type: "string" } }, required: ["q"] };
      const tools = more
        ? [{ name: "fail", inputSchema }]
        : [{ name: "find docs", description: "Finds.", inputSchema }];
      return result(more ? { tools } : { tools, nextCursor: "2" });
    }
    const { name, arguments: args } = params as { name: string; arguments: JsonObject };
    if (modern && request.headers["mcp-name"] !== name) return error(-32_020, "headers do not fit", 400);
    if (name === "fail") return result({ isError: true, content: [{ type: "text", text: "no such page" }] });
    const content = [
      { type: "text", text: `found ${String(args["q"])}` },
      { type: "image", mimeType: "image/png", data: "AAAA" },
    ];
    return result({ content, resultType: "complete" });
  };
  return service((request, response, body) => {
    if (request.method === "DELETE") return void response.writeHead(405).end();
    const { status, value } = answer(JSON.parse(body.toString()) as JsonObject, request);
    const session = modern ? {} : { "mcp-session-id": "s-1" };
    if (value === null) response.writeHead(status, session).end();
    else if (stream && status === 200) {
      response.writeHead(200, { "content-type": "text/event-stream", ...session });
      response.write(': hello\r\n\r\ndata: {"jsonrpc":"2.0","method":"notifications/progress"}\r\n\r\n');
      response.end(`event: message\ndata: ${JSON.stringify(value)}\n\n`);
    } else json(response, value, status, session);
  });
}

describe("an MCP server", () => {
  test.each([
    ["with a handshake", {}],
    ["with a handshake, answering in events", { stream: true }],
    ["without a handshake", { modern: true }],
    ["without a handshake, answering in events", { modern: true, stream: true }],
  ])("%s is spoken to", async (_kind, options) => {
    const server = await mcpServer(options);
    const tools = box({ docs: { kind: "mcp", url: `${server.url}/mcp` } }, [server.target]);
    const opened = await tools.open([{ tool: "docs" }], task);
    expect(opened.tools.map(({ name, reference }) => [name, reference])).toEqual([
      ["find_docs", "docs/find docs"],
      ["fail", "docs/fail"],
    ]);
    expect(await opened.tools[0]!.call({ q: "tea" }, context)).toBe("found tea\n[image image/png, not shown]");
    await expect(opened.tools[1]!.call({ q: "" }, context)).rejects.toMatchObject({
      code: "TOOL_FAILED",
      details: { reason: "no such page" },
    });
    await opened.close();
    const ended = server.requests.filter(({ method }) => method === "DELETE").length;
    expect(ended).toBe("modern" in options ? 0 : 1);
    expect(server.requests.some(({ headers }) => String(headers["idempotency-key"]).startsWith(context.key))).toBe(
      true,
    );
  });

  test("only the tools that the configuration names are offered", async () => {
    const server = await mcpServer();
    const tools = box({ docs: { kind: "mcp", url: server.url, only: ["fail"] } }, [server.target]);
    expect(tools.problem("docs/find docs")).toContain("no tool find docs");
    const opened = await tools.open([{ tool: "docs" }], task);
    expect(opened.tools.map(({ name }) => name)).toEqual(["fail"]);
    await opened.close();
  });

  test("nobody is asked before a task opens it", async () => {
    const server = await mcpServer();
    const tools = box({ docs: { kind: "mcp", url: server.url } }, [server.target]);
    expect(tools.problem("docs/anything")).toBeNull();
    expect(server.requests).toEqual([]);
  });

  test("a private address is refused", async () => {
    const server = await mcpServer();
    const tools = box({ docs: { kind: "mcp", url: server.url } });
    await expect(tools.open([{ tool: "docs" }], task)).rejects.toMatchObject({ code: "REQUEST_BLOCKED" });
    expect(server.requests).toEqual([]);
  });

  test.each([
    ["a page of a web server", 200, "<html>"],
    ["an answer to another request", 200, '{"jsonrpc":"2.0","id":99,"result":{}}'],
    ["a sign-in", 401, "{}"],
    ["an unknown revision", 200, '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"9"}}'],
    ["an error of the protocol", 200, '{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"closed"}}'],
  ])("%s is a failure with words", async (_what, status, body) => {
    const server = await service((_, response) => {
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    });
    const tools = box({ docs: { kind: "mcp", url: server.url } }, [server.target]);
    await expect(tools.open([{ tool: "docs" }], task)).rejects.toMatchObject({
      code: "TOOL_FAILED",
      message: expect.stringMatching(/^The tool docs failed: .*(?:status|revision|closed)/),
    });
  });
});

describe("a web page", () => {
  test("is read as text", async () => {
    const page = await service((_, response) => {
      const html = `<!doctype html><html><head><title>Tea &amp; more</title><style>p{}</style></head>
        <body><script>if (a < b) alert("</p>")</script><h1>Tea</h1><p>Green<br>and black &#x2014; 3 &lt; 4.</p>
        <!-- hidden <p> --><a title="a>b" href="/x">Order</a></body></html>`;
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html);
    });
    const fetch = await tool(box(null, [page.target]), "fetch_page");
    expect(await fetch.call({ url: page.url }, context)).toEqual({
      title: "Tea & more",
      text: "Tea\n\nGreen\nand black — 3 < 4.\nOrder",
      cut: false,
    });
    expect(page.requests[0]!.method).toBe("GET");
  });

  test("is cut where it is too long", async () => {
    const page = await service((_, response) => {
      response.writeHead(200, { "content-type": "text/plain" }).end("x".repeat(500));
    });
    const fetch = await tool(box(null, [page.target]), "fetch_page");
    expect(await fetch.call({ url: page.url, max_length: 100 }, context)).toEqual({
      title: "",
      text: "x".repeat(100),
      cut: true,
    });
  });

  test.each([
    "http://127.0.0.1:1/",
    "http://169.254.169.254/latest",
    "http://localhost/",
    "file:///etc/passwd",
    "http://[::1]/",
  ])("%s is refused", async (url) => {
    const fetch = await tool(box(null), "fetch_page");
    await expect(fetch.call({ url }, context)).rejects.toMatchObject({ code: "REQUEST_BLOCKED" });
  });
});

describe("names", () => {
  test("tools of the same name get their set before it", async () => {
    const file = shopFile();
    const url = "https://shop.example";
    const tools = box({ shop: { kind: "openapi", file, url }, other: { kind: "openapi", file, url } });
    const opened = await tools.open(
      [{ tool: "shop" }, { tool: "other" }, { tool: "workflow:采购 流程" }, { tool: "shop/getOrder" }],
      task,
    );
    expect(opened.tools.map(({ name }) => name)).toEqual([
      "getOrder",
      "create_order",
      "other_getOrder",
      "other_create_order",
      "workflow",
      "shop_getOrder",
    ]);
  });
});
