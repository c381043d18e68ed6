import pg from "pg";
import type { PoolClient, QueryResult, QueryResultRow } from "pg";
import type { AppError } from "@weftwork/core";

/** A pool as its users see it: what several of them share, or one has for itself. */
export interface Connections {
  query<R extends QueryResultRow>(text: string, values?: unknown[]): Promise<QueryResult<R>>;
  connect(): Promise<PoolClient>;
  end(): Promise<void>;
}

/** Of those who wait for a connection and will not wait long, so many at most: the others are refused at once. */
const WAITING_MAX = 200;

/** Changes how many connections a pool may have. Those beyond are closed as soon as nobody uses them. */
export function resizePool(pool: pg.Pool, max: number): void {
  const shrinks = max < pool.options.max;
  pool.options.max = max;
  if (shrinks) shed(pool);
}

/** Closes connections that are beyond the size of the pool whenever one is put back. Once a pool. */
export function keepToSize(pool: pg.Pool): void {
  pool.on("release", () => {
    if (pool.totalCount > pool.options.max) setImmediate(() => shed(pool));
  });
}

function shed(pool: pg.Pool): void {
  if (pool.ending) return;
  for (let beyond = Math.min(pool.totalCount - pool.options.max, pool.idleCount); beyond > 0; beyond--) {
    // An idle one is handed out at once, and is not put back.
    pool.connect().then(
      (client) => client.release(true),
      () => undefined,
    );
  }
}

/**
 * A connection within a time, for callers who would rather be told. Throws what `busy` makes when all are in use for so
 * long; what the service itself answers is thrown as it is.
 */
export async function connectWithin(pool: pg.Pool, waitMs: number, busy: () => AppError): Promise<PoolClient> {
  if (pool.idleCount > 0 || pool.totalCount < pool.options.max) return pool.connect();
  if (pool.waitingCount >= WAITING_MAX) throw busy();
  const connecting = pool.connect();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), waitMs)));
  const client = await Promise.race([connecting, late]).finally(() => clearTimeout(timer));
  if (client !== null) return client;
  // It comes when nobody waits for it any more.
  connecting.then(
    (unused) => unused.release(),
    () => undefined,
  );
  throw busy();
}
