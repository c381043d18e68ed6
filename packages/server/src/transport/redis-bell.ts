import type { Redis } from "ioredis";

/** Hears when tickets were put up, on a connection of its own, which is made when the first consumer comes. */
export class RedisBell {
  private readonly connect: () => Redis;
  private readonly channel: string;
  private readonly rings = new Map<string, Set<() => void>>();
  private client: Redis | null = null;

  constructor(connect: () => Redis, channel: string) {
    this.connect = connect;
    this.channel = channel;
  }

  /** Tells all processes. Costs no waiting; that it is lost is no harm. */
  ring(client: Redis, pool: string): void {
    client.publish(this.channel, pool).catch(() => undefined);
  }

  /** Calls back when tickets of the pool were put up; the answer ends it. */
  add(pool: string, ring: () => void): () => void {
    let rings = this.rings.get(pool);
    if (!rings) this.rings.set(pool, (rings = new Set()));
    rings.add(ring);
    this.client ??= this.listen();
    return () => rings.delete(ring);
  }

  private listen(): Redis {
    const client = this.connect();
    client.on("message", (_channel, pool) => {
      for (const ring of this.rings.get(pool) ?? []) ring();
    });
    // The library subscribes again after each break. What came meanwhile was heard by nobody.
    client.on("ready", () => {
      for (const rings of this.rings.values()) for (const ring of rings) ring();
    });
    client.subscribe(this.channel).catch(() => undefined);
    return client;
  }

  close(): void {
    this.client?.disconnect();
  }
}
