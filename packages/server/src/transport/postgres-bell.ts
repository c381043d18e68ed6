import type pg from "pg";
import { PostgresListener } from "../connections/listener.ts";

/** Hears when tickets were put up. A word may be lost while its connection is down. */
export class PostgresBell {
  private readonly rings = new Map<string, Set<() => void>>();
  private readonly listener: PostgresListener;

  /** `deaf`: nothing comes through to this connection. */
  constructor(connection: pg.ClientConfig, channel: string, deaf: () => void) {
    this.listener = new PostgresListener({
      connection,
      channels: [channel],
      onDeaf: deaf,
      onNotification: (pool) => this.ring(pool),
      // What came before this was heard by nobody.
      onUp: () => this.rings.forEach((_, pool) => this.ring(pool)),
    });
  }

  /** Calls back when tickets of the pool were put up; the answer ends it. Connects with the first one. */
  add(pool: string, ring: () => void): () => void {
    let rings = this.rings.get(pool);
    if (!rings) this.rings.set(pool, (rings = new Set()));
    rings.add(ring);
    this.listener.start();
    return () => rings.delete(ring);
  }

  /** The pools that somebody waits for. */
  pools(): readonly string[] {
    return [...this.rings].filter(([, rings]) => rings.size > 0).map(([pool]) => pool);
  }

  ring(pool: string): void {
    for (const ring of this.rings.get(pool) ?? []) ring();
  }

  close(): Promise<void> {
    return this.listener.close();
  }
}
