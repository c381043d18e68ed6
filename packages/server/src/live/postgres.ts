import pg from "pg";
import type { Envelope, OpenWire, Wire, WireEvents } from "./wire.ts";

export interface PostgresWireOptions {
  readonly url: string;
  /** The names of the channels begin with this. Letters, digits and `_`, 20 characters at most. */
  readonly prefix?: string;
}

/** A notification carries less than 8000 bytes. */
const BYTES_MAX = 7900;
const RETRY_MS = 200;
const RETRY_MS_MAX = 5000;
const NOTIFY = "select pg_notify(channel, text) from unnest($1::text[], $2::text[]) as told (channel, text)";

/**
 * LISTEN and NOTIFY on one connection, made anew when it breaks. One channel is for all processes, one for each.
 *
 * Needs a connection of its own: behind a pooler that shares connections between transactions nothing is heard, and
 * whoever listens goes on by looking (F30).
 */
export function postgresWire({ url, prefix = "weft_live" }: PostgresWireOptions): OpenWire {
  return (process, events) => new PostgresWire(url, prefix, process, events);
}

class PostgresWire implements Wire {
  readonly bytesMax = BYTES_MAX;
  private readonly url: string;
  private readonly prefix: string;
  private readonly process: string;
  private readonly events: WireEvents;
  private client: pg.Client | null = null;
  /** The connection on which this process listens, once it does. */
  private listening: pg.Client | null = null;
  private retry: NodeJS.Timeout | null = null;
  private failures = 0;
  private closed = false;

  constructor(url: string, prefix: string, process: string, events: WireEvents) {
    this.url = url;
    this.prefix = prefix;
    this.process = process;
    this.events = events;
    void this.connect();
  }

  async send(envelopes: readonly Envelope[]): Promise<void> {
    const { listening } = this;
    if (!listening) throw new Error("the connection of the notifications is down");
    const channels = envelopes.map(({ to }) => this.channel(to));
    await listening.query({ name: "notify", text: NOTIFY, values: [channels, envelopes.map(({ text }) => text)] });
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.retry) clearTimeout(this.retry);
    const { client } = this;
    this.client = null;
    this.listening = null;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.url,
      application_name: "weftwork live",
      connectionTimeoutMillis: 5000,
      query_timeout: 10_000,
      keepAlive: true,
      // A notification is worth no wait for the disk: whoever needs it for certain looks into the journal.
      options: "-c synchronous_commit=off -c statement_timeout=10000",
    });
    this.client = client;
    client.on("notification", ({ payload }) => {
      if (payload !== undefined) this.events.received(payload);
    });
    client.on("error", () => this.reconnect(client));
    client.on("end", () => this.reconnect(client));
    try {
      await client.connect();
      for (const to of [null, this.process]) await client.query(`listen ${pg.escapeIdentifier(this.channel(to))}`);
      if (this.client !== client) return;
      this.listening = client;
      this.failures = 0;
      this.events.up();
    } catch {
      this.reconnect(client);
    }
  }

  private reconnect(client: pg.Client): void {
    if (this.client !== client) return;
    const wasUp = this.listening !== null;
    this.client = null;
    this.listening = null;
    client.end().catch(() => undefined);
    if (this.closed) return;
    // Full jitter: the processes that lost the same server do not come back in one moment.
    const pause = Math.random() * Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** this.failures);
    this.failures += 1;
    this.retry = setTimeout(() => {
      this.retry = null;
      void this.connect();
    }, pause).unref();
    if (wasUp) this.events.down();
  }

  private channel(to: string | null): string {
    return `${this.prefix}_${to ?? "all"}`;
  }
}
