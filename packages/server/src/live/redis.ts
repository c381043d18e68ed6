import type { Redis, RedisOptions } from "ioredis";
import { optional } from "../base/optional.ts";
import type { Envelope, OpenWire, Wire, WireEvents } from "./wire.ts";

type Settings = Omit<RedisOptions, "replyMapping">;

export interface RedisWireOptions {
  readonly url: string;
  /** The names of the channels begin with this. Processes meet where the service and the prefix are the same. */
  readonly prefix: string;
}

const BYTES_MAX = 256 * 1024;
const PAUSE_MS = 1;
const RETRY_MS = 200;
const RETRY_MS_MAX = 5000;

/**
 * PUBLISH and SUBSCRIBE, on a connection each. One channel is for all processes, one for each. Throws
 * `DEPENDENCY_MISSING` when the client is not installed.
 */
export async function redisWire(options: RedisWireOptions): Promise<OpenWire> {
  const client = await optional("ioredis", "live messages over Redis (WEFT_LIVE)", () => import("ioredis"));
  return (process, events) =>
    new RedisWire((settings) => new client.Redis(options.url, settings), options, process, events);
}

class RedisWire implements Wire {
  readonly bytesMax = BYTES_MAX;
  readonly pauseMs = PAUSE_MS;
  private readonly prefix: string;
  private readonly process: string;
  private readonly events: WireEvents;
  private readonly publisher: Redis;
  private readonly subscriber: Redis;
  private isUp = false;
  private closed = false;

  constructor(open: (settings: Settings) => Redis, options: RedisWireOptions, process: string, events: WireEvents) {
    this.prefix = options.prefix;
    this.process = process;
    this.events = events;
    const shared: Settings = {
      // Nothing waits for a service that is away: what is told is of now.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 5000,
      // Full jitter: the processes that lost the same server do not come back in one moment.
      retryStrategy: (times) => Math.random() * Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** times),
    };
    this.publisher = open({ ...shared, connectionName: `${options.prefix}:publisher`, commandTimeout: 5000 });
    this.subscriber = open({ ...shared, connectionName: `${options.prefix}:listener`, autoResubscribe: false });
    for (const client of [this.publisher, this.subscriber]) {
      // It comes back by itself; meanwhile sending fails.
      client.on("error", () => undefined);
      client.on("ready", () => void this.ready());
      client.on("close", () => this.lost());
    }
    this.subscriber.on("message", (_channel: string, text: string) => this.events.received(text));
  }

  async send(envelopes: readonly Envelope[]): Promise<void> {
    if (!this.isUp) throw new Error("the connection to Redis is down");
    const pipeline = this.publisher.pipeline();
    for (const { to, text } of envelopes) pipeline.publish(this.channel(to), text);
    for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
  }

  close(): Promise<void> {
    this.closed = true;
    this.publisher.disconnect();
    this.subscriber.disconnect();
    return Promise.resolve();
  }

  /** Up when both connections are, and the channels are listened to. */
  private async ready(): Promise<void> {
    if (this.isUp || this.publisher.status !== "ready" || this.subscriber.status !== "ready") return;
    try {
      await this.subscriber.subscribe(this.channel(null), this.channel(this.process));
    } catch {
      // The connection went again: the next one that is ready brings us back here.
      return;
    }
    if (this.isUp || this.closed || this.publisher.status !== "ready" || this.subscriber.status !== "ready") return;
    this.isUp = true;
    this.events.up();
  }

  private lost(): void {
    if (!this.isUp || this.closed) return;
    this.isUp = false;
    this.events.down();
  }

  private channel(to: string | null): string {
    return `${this.prefix}:${to ?? "all"}`;
  }
}
