import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { openFloor } from "./floor.ts";
import type { ServerOrder } from "./http.ts";
import { TEXT } from "./workload.ts";

/** A bare HTTP server before the hand-written rows: answers like ours, with as many bytes. */
const [{ address, rows }] = (await once(process, "message")) as [ServerOrder];
const stopped = once(process, "disconnect");
const runs = await openFloor(address, rows);
const open = new Set<ServerResponse>();

const server = createServer((request, response) => {
  const waits = request.headers["prefer"] !== undefined;
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { workflow, inputs } = JSON.parse(Buffer.concat(chunks).toString()) as { workflow: string; inputs: object };
    const at = new Date().toISOString();
    open.add(response);
    const id = runs.begin(
      waits ? null : () => send(response, 202, { id, task_id: id, status: "running", links: linksOf(id) }),
      () => {
        open.delete(response);
        if (!waits) return;
        send(response, 200, {
          ...ENDED,
          id,
          workflow,
          inputs,
          created_at: at,
          started_at: at,
          finished_at: at,
          links: linksOf(id),
        });
      },
      (error) => response.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  });
});

const ENDED = {
  version: "1",
  status: "succeeded",
  outputs: { s2: TEXT },
  error: null,
  waiting_for: null,
  priority: "normal",
  metadata: {},
  usage: { input_tokens: 0, output_tokens: 0, total_tokens: 0 },
  cost: null,
};

function linksOf(id: string): Readonly<Record<string, string>> {
  const self = `/api/runs/${id}`;
  return { self, task: `/api/tasks/${id}`, events: `${self}/events`, cancel: `${self}/cancel` };
}

function send(response: ServerResponse, status: number, value: object): void {
  const text = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

server.listen(0, "127.0.0.1");
await once(server, "listening");
process.send!(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
await stopped;
server.close();
// Runs that were accepted are ended before the store is closed, as ours does.
while (open.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
await runs.close();
