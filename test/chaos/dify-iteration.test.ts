import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { temporaryFolder, Weft } from "../cli/weft.ts";
import { readRecorded } from "./record.ts";

/** A parallel iteration of a Dify file in a real process that is killed in the middle. */
const ITEMS = 50;
const ANSWERED_BEFORE = 20;

const node = (id: string, type: string, data: object, parentId?: string): object => ({
  id,
  data: { type, title: id, ...data },
  ...(parentId === undefined ? {} : { parentId }),
});
const edge = (source: string, target: string): object => ({ source, target });

function fileOf(url: string): string {
  const nodes = [
    node("start", "start", { variables: [] }),
    node("items", "code", {
      code_language: "javascript",
      code: `function main() { return { result: Array.from({ length: ${ITEMS} }, (_, at) => at) }; }`,
      variables: [],
      outputs: { result: { type: "array[number]" } },
    }),
    node("each", "iteration", {
      iterator_selector: ["items", "result"],
      output_selector: ["ask", "body"],
      start_node_id: "eachstart",
      is_parallel: true,
      parallel_nums: ITEMS,
    }),
    node("eachstart", "iteration-start", {}, "each"),
    node("ask", "http-request", { method: "get", url: `${url}/{{#each.item#}}`, body: { type: "none" } }, "each"),
    node("end", "end", { outputs: [{ variable: "output", value_selector: ["each", "output"] }] }),
  ];
  const edges = [edge("start", "items"), edge("items", "each"), edge("eachstart", "ask"), edge("each", "end")];
  return JSON.stringify({
    app: { name: "many", mode: "workflow" },
    kind: "app",
    version: "0.6.0",
    workflow: { graph: { nodes, edges } },
  });
}

/** Answers the first items at once and keeps the others waiting, until it is opened. */
class Gate {
  readonly calls = new Map<number, number>();
  readonly server: Server;
  private isOpen = false;
  private readonly held: ServerResponse[] = [];
  private answered = 0;

  constructor() {
    this.server = createServer((request, response) => {
      const item = Number((request.url ?? "/").slice(1));
      this.calls.set(item, (this.calls.get(item) ?? 0) + 1);
      if (!this.isOpen && this.answered === ANSWERED_BEFORE) return void this.held.push(response);
      this.answered += 1;
      response.end(`item ${item}`);
    });
  }

  async listen(): Promise<string> {
    await once(this.server.listen(0, "127.0.0.1"), "listening");
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  open(): void {
    this.isOpen = true;
    for (const response of this.held.splice(0)) response.destroy();
  }
}

const folder = temporaryFolder();
const gate = new Gate();
let server: Weft | null = null;
afterEach(async () => {
  server?.process.kill("SIGKILL");
  await server?.ended();
  gate.server.closeAllConnections();
  gate.server.close();
  folder.remove();
});

test(`kill -9 in an iteration of ${ITEMS} parallel items: finished items are not run again, and the order holds`, async () => {
  const url = await gate.listen();
  const open = async (): Promise<string> => {
    const env = { WEFT_HTTP_ALLOW: new URL(url).host };
    server = new Weft(["serve", "--port", "0", "--data", folder.path], { env });
    return (await server.shows(/http:\/\/\S+/))[0];
  };
  let address = await open();
  const put = { method: "PUT", headers: { "content-type": "application/yaml" }, body: fileOf(url) };
  expect((await fetch(`${address}/api/workflows`, put)).status).toBe(201);
  const body = JSON.stringify({ workflow: "many", id: "many", inputs: {} });
  await fetch(`${address}/api/runs`, { method: "POST", headers: { "content-type": "application/json" }, body });
  await recorded(address, ANSWERED_BEFORE);
  server!.process.kill("SIGKILL");
  await server!.ended();

  const { successes } = await readRecorded(folder.path, ["many"]);
  const done = [...successes].flatMap((key) => /each\[(\d+)\]\/ask#/.exec(key)?.[1] ?? []).map(Number);
  expect(done.length).toBe(ANSWERED_BEFORE);
  gate.open();
  address = await open();
  await (await fetch(`${address}/api/runs/many/events`)).arrayBuffer();
  const run = (await (await fetch(`${address}/api/runs/many`)).json()) as { outputs: unknown; dify: object };
  expect(run.outputs).toEqual({ output: Array.from({ length: ITEMS }, (_, at) => `item ${at}`) });
  expect(run.dify).toEqual({ status: "succeeded", exceptions_count: 0 });
  for (const item of done) expect(gate.calls.get(item), `item ${item}`).toBe(1);
  expect(gate.calls.size).toBe(ITEMS);
});

/** Resolves when so many items are told to have ended. */
async function recorded(address: string, wanted: number): Promise<void> {
  const stopped = new AbortController();
  const stream = await fetch(`${address}/api/runs/many/events`, { signal: stopped.signal });
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream.body!) {
    text += decoder.decode(chunk, { stream: true });
    const ended = text
      .split("\n")
      .filter((line) => line.startsWith("data:") && /"node":"ask"/.test(line) && /"output/.test(line));
    if (ended.length >= wanted) break;
  }
  stopped.abort();
}
