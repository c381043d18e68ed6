import type pg from "pg";
import type { PoolClient, QueryResult, QueryResultRow } from "pg";
import type { AppError } from "@weftwork/core";

/** A pool as its users see it: what several of them share, or one has for itself. */
export interface Connections {
  query<R extends QueryResultRow>(text: string, values?: unknown[]): Promise<QueryResult<R>>;
  connect(): Promise<PoolClient>;
  end(): Promise<void>;
}

/** Of those who wait for a connection and will not wait long, so many at most: the others are refused at once. */
const WAITING_MAX = 2000;
/** Nobody waits longer than this, however fast the others come to their turn. */
const WAIT_MS_MAX = 10_000;

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

/** When a connection of a pool was last put back. */
const putBackAt = new WeakMap<pg.Pool, number>();

/**
 * A connection, for callers who would rather be told than wait for one that does not come. Throws what `busy` makes when
 * all are in use and none was put back for `stallMs`: a pool that is only in demand is waited for, one whose connections
 * are stuck is not. What the service itself answers is thrown as it is.
 */
export async function connectWithin(pool: pg.Pool, stallMs: number, busy: () => AppError): Promise<PoolClient> {
  if (pool.idleCount > 0 || pool.totalCount < pool.options.max) return pool.connect();
  if (pool.waitingCount >= WAITING_MAX) throw busy();
  if (!putBackAt.has(pool)) {
    putBackAt.set(pool, 0);
    pool.on("release", () => putBackAt.set(pool, performance.now()));
  }
  const connecting = pool.connect();
  const since = performance.now();
  for (;;) {
    const moved = Math.max(since, putBackAt.get(pool)!);
    const left = moved + stallMs - performance.now();
    const client = left > 0 ? await Promise.race([connecting, pause(left)]) : null;
    if (client !== null) return client;
    if (putBackAt.get(pool)! > moved && performance.now() - since < WAIT_MS_MAX) continue;
    // It comes when nobody waits for it any more.
    connecting.then(
      (unused) => unused.release(),
      () => undefined,
    );
    throw busy();
  }
}

function pause(ms: number): Promise<null> {
  return new Promise((resolve) => void setTimeout(() => resolve(null), ms).unref());
}
