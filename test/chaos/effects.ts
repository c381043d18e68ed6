import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "../simulation/random.ts";

/** One request that was felt outside. */
export interface Call {
  /** Number of the call; its answer carries it, and the next step of the run says which it has read. */
  readonly id: number;
  /** The idempotency key: `run/scope/node#attempt`. */
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The call whose answer the step has read; null for a first step. */
  readonly read: number | null;
}

/** How long the world outside takes: most answers are quick, so that some are under way at every fault. */
const QUICK_MS = [2, 25] as const;
const SLOW_MS = [300, 2500] as const;
const SLOW_SHARE = 0.05;

/** Path of the effects that are answered without a pause. */
export const AT_ONCE = "at-once";

/** The world outside: notes what it is asked to do, and answers after a while. It lives as long as the suite. */
export class EffectLog {
  readonly calls: Call[] = [];
  private readonly server: Server;
  private readonly random: Random;

  private constructor(seed: number) {
    this.random = new Random(seed);
    this.server = createServer((request, response) => {
      void this.answer(request).then(
        (answer) => response.setHeader("content-type", "application/json").end(answer),
        () => response.destroy(),
      );
    });
  }

  static async open(seed: number): Promise<EffectLog> {
    const log = new EffectLog(seed);
    await once(log.server.listen(0, "127.0.0.1"), "listening");
    return log;
  }

  get url(): string {
    return `http://${this.host}/`;
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Calls that have come for each key. */
  byKey(): ReadonlyMap<string, readonly Call[]> {
    return Map.groupBy(this.calls, ({ key }) => key);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => void this.server.close(() => resolve()));
  }

  private async answer(request: IncomingMessage): Promise<string> {
    const at = Date.now();
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
    const { n, read } = JSON.parse(text) as { n: number; read: number };
    const id = this.calls.length + 1;
    this.calls.push({ id, key: String(request.headers["idempotency-key"]), at, read: read === 0 ? null : read });
    if (request.url === `/${AT_ONCE}`) return JSON.stringify({ n: n + 1, call: id });
    const [least, most] = this.random.chance(SLOW_SHARE) ? SLOW_MS : QUICK_MS;
    await sleep(this.random.between(least, most));
    return JSON.stringify({ n: n + 1, call: id });
  }
}
