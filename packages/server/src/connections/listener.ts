import pg from "pg";

export interface PostgresListenerOptions {
  /** How the connection is made: its address, what it calls itself, its settings and its time limits. */
  readonly connection: pg.ClientConfig;
  /** Names as they are, not quoted; 63 bytes at most. */
  readonly channels: readonly string[];
  /** Every notification of any of the channels, in the order in which the server sends them. Empty: it had no payload. */
  readonly onNotification: (payload: string) => void;
  /** All channels are heard from now on. Called again after each `onDown`: what was said meanwhile nobody has heard. */
  readonly onUp?: () => void;
  /** The connection has broken after it was up; another one is on its way. Not called for `close`. */
  readonly onDown?: () => void;
}

const RETRY_MS = 200;
const RETRY_MS_MAX = 5000;

/**
 * LISTEN on a connection of its own, which is made anew whenever it breaks, for as long as that takes. A notification is
 * a hint: those of the time in which the connection was down are lost, so whoever listens looks as well (F30).
 *
 * Behind a pooler that shares connections between transactions nothing is heard, and nothing is said of it.
 */
export class PostgresListener {
  private readonly options: PostgresListenerOptions;
  /** The present try, from its beginning until it breaks. */
  private client: pg.Client | null = null;
  /** The same once all channels are heard. */
  private listening: pg.Client | null = null;
  private retry: NodeJS.Timeout | null = null;
  /** Tries in a row that did not come to listen. */
  private failures = 0;
  private closed = false;

  constructor(options: PostgresListenerOptions) {
    this.options = options;
  }

  /** The connection while it listens: its owner may ask something else on it. Null while it is down. */
  get connection(): pg.Client | null {
    return this.listening;
  }

  /** Begins to connect, once; does not wait for the server. Nothing after `close`. */
  start(): void {
    if (!this.client && !this.retry && !this.closed) void this.connect();
  }

  /** Nothing is called any more. Resolves when the connection has ended. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.retry) clearTimeout(this.retry);
    const { client } = this;
    this.client = null;
    this.listening = null;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const { connection, channels, onNotification, onUp } = this.options;
    const client = new pg.Client(connection);
    this.client = client;
    client.on("notification", ({ payload }) => {
      if (this.client === client) onNotification(payload ?? "");
    });
    client.on("error", () => this.reconnect(client));
    client.on("end", () => this.reconnect(client));
    try {
      await client.connect();
      for (const channel of channels) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch {
      this.reconnect(client);
      return;
    }
    if (this.client !== client) return;
    this.listening = client;
    this.failures = 0;
    onUp?.();
  }

  private reconnect(client: pg.Client): void {
    // It was given up before: by its other event, or by `close`.
    if (this.client !== client) return;
    const wasUp = this.listening !== null;
    this.client = null;
    this.listening = null;
    client.end().catch(() => undefined);
    // Full jitter: the processes that lost the same server do not come back in one moment.
    const pause = Math.random() * Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** this.failures);
    this.failures += 1;
    this.retry = setTimeout(() => {
      this.retry = null;
      void this.connect();
    }, pause).unref();
    if (wasUp) this.options.onDown?.();
  }
}
