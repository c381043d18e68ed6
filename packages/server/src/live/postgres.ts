import { PostgresListener } from "../connections/listener.ts";
import type { Envelope, OpenWire, Wire, WireEvents } from "./wire.ts";

export interface PostgresWireOptions {
  readonly url: string;
  /** The names of the channels begin with this. Letters, digits and `_`, 20 characters at most. */
  readonly prefix?: string;
}

/** A notification carries less than 8000 bytes. */
const BYTES_MAX = 7900;
/** Each sending is a transaction, and they wait for each other in the whole server. */
const PAUSE_MS = 5;
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
  readonly pauseMs = PAUSE_MS;
  private readonly prefix: string;
  private readonly listener: PostgresListener;

  constructor(url: string, prefix: string, process: string, events: WireEvents) {
    this.prefix = prefix;
    this.listener = new PostgresListener({
      connection: {
        connectionString: url,
        application_name: "weftwork live",
        connectionTimeoutMillis: 5000,
        query_timeout: 10_000,
        keepAlive: true,
        // A notification is worth no wait for the disk: whoever needs it for certain looks into the journal.
        options: "-c synchronous_commit=off -c statement_timeout=10000",
      },
      channels: [this.channel(null), this.channel(process)],
      onNotification: events.received,
      onUp: events.up,
      onDown: events.down,
    });
    this.listener.start();
  }

  async send(envelopes: readonly Envelope[]): Promise<void> {
    const channels = envelopes.map(({ to }) => this.channel(to));
    await this.listener.ask({ name: "notify", text: NOTIFY, values: [channels, envelopes.map(({ text }) => text)] });
  }

  close(): Promise<void> {
    return this.listener.close();
  }

  private channel(to: string | null): string {
    return `${this.prefix}_${to ?? "all"}`;
  }
}
