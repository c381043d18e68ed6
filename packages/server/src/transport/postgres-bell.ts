import pg from "pg";

/** Hears when tickets were put up, on a connection that it makes anew when it breaks. A word may be lost meanwhile. */
export class PostgresBell {
  private readonly connection: pg.ClientConfig;
  private readonly channel: string;
  private readonly rings = new Map<string, Set<() => void>>();
  private client: pg.Client | null = null;
  private retry: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(connection: pg.ClientConfig, channel: string) {
    this.connection = connection;
    this.channel = channel;
  }

  /** Calls back when tickets of the pool were put up; the answer ends it. */
  add(pool: string, ring: () => void): () => void {
    let rings = this.rings.get(pool);
    if (!rings) this.rings.set(pool, (rings = new Set()));
    rings.add(ring);
    if (!this.client && !this.retry) void this.connect();
    return () => rings.delete(ring);
  }

  /** The pools that somebody waits for. */
  pools(): readonly string[] {
    return [...this.rings].filter(([, rings]) => rings.size > 0).map(([pool]) => pool);
  }

  ring(pool: string): void {
    for (const ring of this.rings.get(pool) ?? []) ring();
  }

  private async connect(): Promise<void> {
    const client = new pg.Client(this.connection);
    this.client = client;
    client.on("notification", ({ payload }) => {
      this.ring(payload ?? "");
    });
    client.on("error", () => this.reconnect(client));
    client.on("end", () => this.reconnect(client));
    try {
      await client.connect();
      await client.query(`listen ${pg.escapeIdentifier(this.channel)}`);
      // What came before this was heard by nobody.
      for (const rings of this.rings.values()) for (const ring of rings) ring();
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
      500 + Math.random() * 1000,
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
