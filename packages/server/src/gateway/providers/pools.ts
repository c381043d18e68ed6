import { Pool } from "undici";

/** How long an idle connection is kept, unless the server says less. */
const KEEP_ALIVE_MS = 300_000;
/** Connections to one origin at most, each kept when idle. How many calls run at once is decided elsewhere, below this. */
const CONNECTIONS_MAX = 256;

/** The connections to the servers of models: one pool for each origin, shared by all models there. */
export class ModelPools {
  private readonly pools = new Map<string, Pool>();

  /** The pool of an origin; one that waits differently long for a connection is another one. */
  get(origin: string, connectMs: number): Pool {
    const key = `${origin} ${connectMs}`;
    let pool = this.pools.get(key);
    if (!pool) {
      pool = new Pool(origin, {
        connections: CONNECTIONS_MAX,
        connect: { timeout: connectMs },
        keepAliveTimeout: KEEP_ALIVE_MS,
        // One call a connection: closing it is how a server learns at once that nobody wants the answer.
        pipelining: 1,
        allowH2: false,
        // Time is counted by `Patience`, which knows tokens from bytes.
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      this.pools.set(key, pool);
    }
    return pool;
  }

  /** Ends all connections; calls under way fail. */
  async close(): Promise<void> {
    const open = [...this.pools.values()];
    this.pools.clear();
    await Promise.all(open.map((pool) => pool.destroy()));
  }
}
