import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { temporaryFolder, Weft, type Ended } from "./weft.ts";

const folder = temporaryFolder();
afterAll(() => folder.remove());

const SHOP = `openapi: 3.1.0
info: { title: Shop, version: "1" }
paths:
  /orders/{id}:
    get:
      operationId: get_order
      parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
`;
const CONFIG = `tools:
  shop:
    kind: openapi
    file: shop.yaml
    url: https://shop.example/v1
    headers: { x-key: "{{ secrets.SHOP_KEY }}" }
`;
const WORKFLOW = `workflow:
  name: orders
  steps:
    - { id: ask, type: agent, prompt: Where is order 7?, tools: [shop/get_order] }
`;
const CASES = `cases:
  - name: an operation is answered by the script of the test
    models:
      - { nth: 1, answer: { tool_calls: [{ name: get_order, arguments: { id: 7 } }] } }
      - { when: on its way, answer: { text: It is on its way. } }
    http:
      - url: https://shop.example/v1/orders/7
        answer: { json: { state: on its way } }
    expect:
      outputs: { ask: It is on its way. }
      calls: { model: 2, http: 1 }
`;

beforeAll(() => {
  mkdirSync(join(folder.path, "config"));
  write("config/shop.yaml", SHOP);
  write("orders.yaml", WORKFLOW);
  write("orders.test.yaml", CASES);
});

function write(name: string, text: string): void {
  writeFileSync(join(folder.path, name), text);
}

function weft(...args: readonly string[]): Promise<Ended> {
  return new Weft(args, { cwd: folder.path }).ended();
}

test("weft validate knows the tools of the configuration, and names those that are not there", async () => {
  write("config/base.yaml", CONFIG);
  write("wrong.yaml", WORKFLOW.replace("get_order", "get_orders"));
  const { code, stdout } = await weft("validate", "orders.yaml", "wrong.yaml");
  expect(code).toBe(0);
  expect(stdout).toContain("Every step can run on this machine");
  expect(stdout).toContain("ask (agent): the tool set shop has no tool get_orders (did you mean get_order?)");
});

test("weft test answers the requests of tools from the script", async () => {
  write("config/base.yaml", CONFIG);
  const { code, stdout } = await weft("test", "orders.yaml");
  expect(stdout).toContain("1 passed");
  expect(code).toBe(0);
});

test("A34 a tool set that would start a program is refused, with what to do instead", async () => {
  write("config/base.yaml", "tools: { files: { command: npx, args: [-y, some-server] } }\n");
  const { code, stderr } = await weft("validate", "orders.yaml");
  expect(code).not.toBe(0);
  expect(stderr).toContain("/tools/files/command MCP servers are reached over HTTP only; none is started as a program");
});
