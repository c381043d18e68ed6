import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { postgresTransport } from "./postgres.ts";
import { rabbitmqTransport } from "./rabbitmq.ts";
import { redisTransport } from "./redis.ts";
import type { Transport, TransportOptions } from "./transport.ts";

/** Opens a driver by name: `postgres URL`, `redis URL PREFIX`, `rabbitmq URL PREFIX`. */
export function openNamed([kind, url, prefix]: readonly string[], options: TransportOptions): Promise<Transport> {
  if (kind === "postgres") return postgresTransport({ ...options, url: url! });
  if (kind === "redis") return redisTransport({ ...options, url: url!, prefix: prefix! });
  if (kind === "rabbitmq") return rabbitmqTransport({ ...options, url: url!, prefix: prefix! });
  throw new Error(`no transport ${kind}`);
}

const PROGRAM = import.meta.filename;

/** A process that takes messages and never finishes one. The last word names the pool. */
export async function hangingProcess(
  words: readonly string[],
): Promise<{ holds(count: number): Promise<void>; kill(): Promise<void> }> {
  const child = spawn(process.execPath, [PROGRAM, ...words], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async holds(count) {
      for (let held = 0; held < count; held++) {
        if ((await lines.next()).done) throw new Error("the process ended");
      }
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

if (process.argv[1] === PROGRAM) {
  const words = process.argv.slice(2);
  const problem = (message: string): void => void process.stderr.write(`${message}\n`);
  const transport = await openNamed(words, { problem });
  transport.consume(words.at(-1)!, {
    prefetch: 100,
    handle: () => {
      process.stdout.write("held\n");
      return new Promise(() => undefined);
    },
  });
}
