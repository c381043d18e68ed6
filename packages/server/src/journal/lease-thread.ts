import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import pg from "pg";

/**
 * The thread that renews one worker's lease, on a connection of its own: neither a busy event loop nor a busy pool can
 * lose a lease (F5, F20).
 *
 * The shared cell holds the time, on the process's monotonic clock in nanoseconds, after which the worker must be still:
 * that of sending the last renewal that succeeded, plus the lease, less a margin. It is `LOST` when another worker has
 * taken the lease away, and then for good.
 */
export interface LeaseData {
  readonly cell: SharedArrayBuffer;
  readonly connection: pg.ClientConfig;
  /** How the transaction of a renewal begins where the connection does not keep its settings; null: it does. */
  readonly opening: string | null;
  readonly renew: string;
  readonly workerKey: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly marginMs: number;
}

export const LOST = -(2n ** 63n);

/** The deadline that a renewal sent at `sentAt` gives, in nanoseconds. */
export function deadlineOf(sentAt: bigint, leaseMs: number, marginMs: number): bigint {
  return sentAt + BigInt(Math.round((leaseMs - marginMs) * 1e6));
}

async function keepLease(data: LeaseData, stopped: AbortSignal): Promise<void> {
  const deadline = new BigInt64Array(data.cell);
  let client: pg.Client | null = null;
  while (!stopped.aborted) {
    const sentAt = process.hrtime.bigint();
    let pause = data.heartbeatMs;
    try {
      if (!client) {
        client = new pg.Client(data.connection);
        client.on("error", () => undefined);
        await client.connect();
      }
      if (data.opening !== null) await client.query(data.opening);
      // Without a name: a pooler may not know it, and it is asked every few seconds only.
      const { rowCount } = await client.query(data.renew, [data.workerKey, data.leaseMs]);
      if (data.opening !== null) await client.query("commit");
      if (stopped.aborted) break;
      if (!rowCount) {
        Atomics.store(deadline, 0, LOST);
        break;
      }
      Atomics.store(deadline, 0, deadlineOf(sentAt, data.leaseMs, data.marginMs));
    } catch {
      // Whatever it was, the lease runs on meanwhile: try soon, on a new connection.
      void client?.end().catch(() => undefined);
      client = null;
      pause = data.heartbeatMs / 4;
    }
    const spent = Number(process.hrtime.bigint() - sentAt) / 1e6;
    await sleep(Math.max(10, pause - spent), undefined, { signal: stopped }).catch(() => undefined);
  }
  await client?.end().catch(() => undefined);
}

if (parentPort) {
  const stop = new AbortController();
  parentPort.once("message", () => stop.abort());
  await keepLease(workerData as LeaseData, stop.signal);
  parentPort.close();
}
