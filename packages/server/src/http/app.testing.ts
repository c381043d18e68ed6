import { request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import { completed, defineNode, failed } from "../nodes/define-node.ts";
import { openWeft, type Weft } from "../weft.ts";
import { createApp, type HttpApp } from "./app.ts";

/** A server over a memory store, with a node `gate` that waits until the test opens it, and one that can be broken. */
export interface TestApp {
  readonly app: HttpApp;
  readonly weft: Weft;
  readonly logged: string[];
  /** What was logged beside these messages. */
  readonly logFields: object[];
  /** Resolves when a task waits at the gate. */
  arrived(): Promise<void>;
  open(): void;
  /** Whether the node `flaky` fails; without being tried again. */
  isBroken: boolean;
  /** The port it listens at; the server starts at the first call. */
  port(): Promise<number>;
  close(): Promise<void>;
}

export const HELLO =
  "name: hello\ninputs: {text: string}\nsteps:\n  - {id: a, type: template, template: 'hi {{ inputs.text }}'}\n";
export const GATED =
  "name: gated\nsteps:\n  - {id: first, type: template, template: one}\n  - {id: wait, type: gate, depends_on: [first]}\n";
/** The last step fails while the server is broken; what is before it costs seven tokens. */
export const FRAGILE =
  "name: fragile\nsteps:\n  - {id: paid, type: paid}\n  - {id: last, type: flaky, depends_on: [paid]}\n";
export const JSON_TYPE = { "content-type": "application/json" };

export async function testApp(heartbeatMs?: number): Promise<TestApp> {
  const gate = Promise.withResolvers<void>();
  const arrival = Promise.withResolvers<void>();
  const logged: string[] = [];
  const logFields: object[] = [];
  const weft = await openWeft({
    nodes: [
      defineNode({
        type: "gate",
        config: z.unknown(),
        async execute(_config, task) {
          task.emit({ type: "text_delta", text: "so far, " });
          task.emit({ type: "text_delta", text: "so good" });
          arrival.resolve();
          await Promise.race([gate.promise, aborted(task.signal)]);
          return "opened";
        },
      }),
      defineNode({
        type: "flaky",
        config: z.unknown(),
        execute: () => (server.isBroken ? failed("BROKEN", "it is broken") : "fine"),
      }),
      defineNode({
        type: "paid",
        config: z.unknown(),
        execute: () => completed("paid for", { usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 } }),
      }),
    ],
  });
  for (const source of [HELLO, GATED, FRAGILE]) await weft.workflows.publish(source);
  const log = (fields: object, message: string): void => void (logged.push(message), logFields.push(fields));
  const app = createApp({
    weft,
    config: { host: "127.0.0.1", port: 0, bodyLimit: 100_000 },
    logger: { info: log, warn: log, error: log },
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  });
  let listening: Promise<string> | null = null;
  const server: TestApp = {
    isBroken: false,
    app,
    weft,
    logged,
    logFields,
    arrived: () => arrival.promise,
    open: () => gate.resolve(),
    async port() {
      await (listening ??= app.listen());
      return (app.fastify.server.address() as AddressInfo).port;
    },
    async close() {
      gate.resolve();
      await app.close();
      await weft.close({ graceMs: 1000 });
    },
  };
  return server;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** A GET whose answer is read as it comes. */
export function get(port: number, path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ port, host: "127.0.0.1", path, headers }, resolve).on("error", reject).end();
  });
}

/** Reads a stream until a text has come, or to its end. */
export async function readUntil(stream: AsyncIterable<Buffer>, wanted: string | null): Promise<string> {
  let text = "";
  for await (const chunk of { [Symbol.asyncIterator]: () => keepOpen(stream) }) {
    text += chunk.toString("utf8");
    if (wanted !== null && text.includes(wanted)) break;
  }
  return text;
}

/** An iterator whose early end does not destroy the stream, so that reading can go on. */
function keepOpen(stream: AsyncIterable<Buffer>): AsyncIterator<Buffer> {
  const iterator = stream[Symbol.asyncIterator]();
  return { next: () => iterator.next() };
}
