import pg from "pg";

/**
 * Listens for words about inputs, on a connection that it makes anew when it breaks. A word may be lost meanwhile: the
 * inbox is polled as well (F30).
 */
export class PostgresListener {
  private readonly connection: pg.ClientConfig;
  private readonly channel: string;
  private readonly listeners = new Set<(workerKey: number) => void>();
  private client: pg.Client | null = null;
  private retry: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(connection: pg.ClientConfig, channel: string) {
    this.connection = connection;
    this.channel = channel;
  }

  add(listener: (workerKey: number) => void): () => void {
    this.listeners.add(listener);
    if (!this.client && !this.retry) void this.connect();
    return () => this.listeners.delete(listener);
  }

  private async connect(): Promise<void> {
    const client = new pg.Client(this.connection);
    this.client = client;
    client.on("notification", ({ payload }) => {
      for (const listener of this.listeners) listener(Number(payload));
    });
    client.on("error", () => this.reconnect(client));
    client.on("end", () => this.reconnect(client));
    try {
      await client.connect();
      await client.query(`listen ${pg.escapeIdentifier(this.channel)}`);
    } catch {
      this.reconnect(client);
    }
  }

  private reconnect(client: pg.Client): void {
    if (this.client !== client) return;
    this.client = null;
    client.end().catch(() => undefined);
    if (this.closed) return;
    this.retry = setTimeout(
      () => {
        this.retry = null;
        void this.connect();
      },
      1000 + Math.random() * 1000,
    ).unref();
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.retry) clearTimeout(this.retry);
    const { client } = this;
    this.client = null;
    await client?.end().catch(() => undefined);
  }
}
