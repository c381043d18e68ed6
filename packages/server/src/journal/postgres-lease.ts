import { Worker } from "node:worker_threads";
import type pg from "pg";
import type { LeaseData } from "./lease-thread.ts";
import { deadlineOf, LOST } from "./lease-thread.ts";
import { RENEW } from "./postgres-ownership.ts";
import { DEADLINE_MARGIN_MS } from "./rules.ts";

export interface Lease {
  /** On the scale of `performance.now()` of this thread. */
  deadline(): number;
  stop(): Promise<void>;
}

export interface LeaseOptions {
  readonly connection: pg.ClientConfig;
  /** How a transaction begins where the connection does not keep its settings; null: it does. */
  readonly opening: string | null;
  readonly workerKey: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** `process.hrtime.bigint()` before the worker's row was written. */
  readonly joinedAt: bigint;
}

/** Starts the thread that renews a lease. */
export function startLease(options: LeaseOptions): Lease {
  const { connection, opening, workerKey, leaseMs, heartbeatMs, joinedAt } = options;
  const cell = new SharedArrayBuffer(8);
  const shared = new BigInt64Array(cell);
  Atomics.store(shared, 0, deadlineOf(joinedAt, leaseMs, DEADLINE_MARGIN_MS));
  // Every thread's `performance` has its own origin; `hrtime` is one clock for the process.
  const offset = performance.now() - Number(process.hrtime.bigint()) / 1e6;
  const { types: _functions, options: settings, ...plain } = connection;
  const workerData: LeaseData = {
    cell,
    connection: opening === null && settings !== undefined ? { ...plain, options: settings } : plain,
    opening,
    renew: RENEW,
    workerKey,
    leaseMs,
    heartbeatMs,
    marginMs: DEADLINE_MARGIN_MS,
  };
  const thread = new Worker(new URL("./lease-thread.ts", import.meta.url), { workerData });
  // A thread that fails renews no more: the deadline passes, and the worker stops by itself.
  thread.on("error", () => undefined);
  thread.unref();
  return {
    deadline() {
      const at = Atomics.load(shared, 0);
      return at === LOST ? Number.NEGATIVE_INFINITY : Number(at) / 1e6 + offset;
    },
    async stop() {
      Atomics.store(shared, 0, LOST);
      thread.postMessage("stop", []);
      await thread.terminate();
    },
  };
}
