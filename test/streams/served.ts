import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { completed, defineNode, failed } from "../../packages/server/src/nodes/define-node.ts";
import type { NodeExecutor } from "../../packages/server/src/nodes/node.ts";
import { createApp, type HttpApp } from "../../packages/server/src/http/app.ts";
import { openWeft, type Weft } from "../../packages/server/src/weft.ts";

/** A server over a memory store, with a node `tokens` that says a text piece by piece. */
export interface Served extends Gate {
  readonly weft: Weft;
  readonly app: HttpApp;
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

const CONFIG = z.object({
  /** Pieces of text to say. */
  count: z.number(),
  /** Characters of each. */
  chars: z.number().default(20),
  /** A log line after each piece, so that each is a message of its own. */
  logs: z.boolean().default(false),
  /** Milliseconds between two. */
  pace: z.number().default(0),
  /** Waits before this piece until the test goes on. */
  gate: z.number().default(-1),
  /** The first attempt fails before this piece. */
  failsAt: z.number().default(-1),
});

/** What the node says in an attempt; another one every time. */
export function said(count: number, chars: number, attempt: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${attempt}:${at}·`.padEnd(chars, "é"));
}

/** Lets nodes wait, and the test go on when they do. */
export interface Gate {
  /** Lets the nodes go on that stand at their gate. */
  open(): void;
  /** Resolves when a node has come to its gate. */
  arrived(): Promise<void>;
}

/** The node `tokens`. */
export function tokens(): Gate & { readonly node: NodeExecutor } {
  let gate = Promise.withResolvers<void>();
  let arrival = Promise.withResolvers<void>();
  const node = defineNode({
    type: "tokens",
    config: CONFIG,
    async execute({ count, chars, logs, pace, gate: gateAt, failsAt }, task) {
      const pieces = said(count, chars, task.attempt);
      for (const [at, text] of pieces.entries()) {
        if (at === failsAt && task.attempt === 1) return failed("BROKEN", "it broke midway", { retryable: true });
        if (at === gateAt) {
          arrival.resolve();
          await gate.promise;
        }
        if (task.signal.aborted) break;
        task.emit({ type: "text_delta", text });
        if (logs) task.emit({ type: "log", level: "info", message: `said ${at}` });
        if (pace > 0) await sleep(pace);
        else if (at % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
      }
      return completed(pieces.join(""));
    },
  });
  return {
    node,
    open() {
      gate.resolve();
      gate = Promise.withResolvers();
      arrival = Promise.withResolvers();
    },
    arrived: () => arrival.promise,
  };
}

export async function served(heartbeatMs = 15_000): Promise<Served> {
  const { node, open, arrived } = tokens();
  const weft = await openWeft({ nodes: [node] });
  const quiet = (): void => undefined;
  const app = createApp({
    weft,
    config: { host: "127.0.0.1", port: 0, bodyLimit: 100_000 },
    logger: { info: quiet, warn: quiet, error: quiet },
    heartbeatMs,
  });
  await app.listen();
  const { port } = app.fastify.server.address() as AddressInfo;
  return {
    weft,
    app,
    port,
    url: `http://127.0.0.1:${port}`,
    open,
    arrived,
    async close() {
      open();
      await app.close();
      await weft.close({ graceMs: 1000 });
    },
  };
}

/** A workflow of one step that says something. */
export function telling(name: string, config: object, more = ""): string {
  return `name: ${name}\nsteps:\n  - ${JSON.stringify({ id: "say", type: "tokens", ...config })}\n${more}`;
}
