import { fork } from "node:child_process";
import { once } from "node:events";
import { Pool } from "undici";
import type { Contender, OpenContender, Task } from "./contender.ts";
import type { RowShape } from "./row-shape.ts";
import { INPUTS } from "./workload.ts";

/** What a server process is told first; it answers with its origin, and ends when this process closes the channel. */
export interface ServerOrder {
  readonly address: string;
  readonly source: string;
  readonly rows: readonly RowShape[];
}

export const httpWeftwork: Contender = (address, task) => overHttp("./http-weftwork.ts", address, task);
export const httpFloor: Contender = (address, task) => overHttp("./http-floor.ts", address, task);

const CONNECTIONS = 64;

/** A server in a process of its own, and this process as the one that loads it. */
async function overHttp(script: string, address: string, task: Task): Promise<OpenContender> {
  const { workload, variant, rows } = task;
  const child = fork(new URL(script, import.meta.url), { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const exited = once(child, "exit");
  child.send({ address, source: workload.source(variant), rows } satisfies ServerOrder);
  const [origin] = (await Promise.race([once(child, "message"), exited])) as [string | number | null];
  if (typeof origin !== "string") throw new TypeError(`${script} ended before it listened (${origin})`);
  const pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1 });
  const request = {
    path: "/api/runs",
    method: "POST" as const,
    headers: {
      "content-type": "application/json",
      ...(workload.http === "wait" ? { prefer: "wait=30" } : {}),
    },
    body: JSON.stringify({ workflow: workload.workflow, inputs: INPUTS }),
  };
  const expected = workload.http === "wait" ? 200 : 202;
  return {
    async run() {
      const { statusCode, body } = await pool.request(request);
      const text = await body.text();
      if (statusCode !== expected) throw new Error(`the server answered ${statusCode}: ${text.slice(0, 500)}`);
      if (expected === 200 && !text.includes('"status":"succeeded"')) throw new Error(`a run ended otherwise: ${text}`);
    },
    async close() {
      await pool.close();
      if (child.connected) child.disconnect();
      const [code] = (await exited) as [number | null];
      if (code !== 0) throw new Error(`${script} ended with ${code}`);
    },
  };
}
