import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import type { WeftOptions } from "weftwork";

export const TRANSPORTS = ["postgres", "redis", "rabbitmq"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** Where a service answers, for tests and benchmarks. */
const URLS: Readonly<Record<"redis" | "rabbitmq", { readonly variable: string; readonly url: string }>> = {
  redis: { variable: "WEFT_TEST_REDIS_URL", url: "redis://127.0.0.1:6379" },
  rabbitmq: { variable: "WEFT_TEST_RABBITMQ_URL", url: "amqp://127.0.0.1:5672" },
};

/** With Redis, what processes tell each other goes over it as well. */
export function transportOf(name: string): Pick<WeftOptions, "transport" | "live"> {
  if (name !== "redis" && name !== "rabbitmq") return {};
  const url = urlOf(name);
  return { transport: { type: name, url }, ...(name === "redis" ? { live: { type: name, url } } : {}) };
}

function urlOf(name: "redis" | "rabbitmq"): string {
  const { variable, url } = URLS[name];
  return process.env[variable] ?? url;
}

/** The transports whose service answers; the others are named on standard error. */
export async function transportsHere(asked: readonly TransportName[]): Promise<readonly TransportName[]> {
  const here: TransportName[] = [];
  for (const name of asked) {
    if (name === "postgres" || (await answers(urlOf(name)))) here.push(name);
    else process.stderr.write(`no ${name} answers on loopback (see ${URLS[name].variable}): passed over\n`);
  }
  return here;
}

function answers(url: string): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname,
      port: Number(port || (protocol === "redis:" ? 6379 : 5672)),
      timeout: 1000,
    });
    const end = (found: boolean): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}

/** Processes that do tasks, ended by whoever started them. */
export class WorkerProcesses {
  private readonly children: readonly ChildProcess[];

  private constructor(children: readonly ChildProcess[]) {
    this.children = children;
  }

  /** Resolves when all of them work. `own`: they advance runs as well. */
  static async start(count: number, store: string, transport: TransportName, own = false): Promise<WorkerProcesses> {
    const program = fileURLToPath(new URL("worker.ts", import.meta.url));
    const children = Array.from({ length: count }, () => fork(program, [store, transport, own ? "own" : "work"]));
    await Promise.all(
      children.map(async (child) => {
        const ended = once(child, "exit").then(([code]) => {
          throw new Error(`a worker ended with ${String(code)} before it was ready`);
        });
        await Promise.race([once(child, "message"), ended]);
        ended.catch(() => undefined);
      }),
    );
    return new WorkerProcesses(children);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.children.map(async (child) => {
        if (child.exitCode !== null) return;
        const ended = once(child, "exit");
        child.kill("SIGTERM");
        await ended;
      }),
    );
  }
}
