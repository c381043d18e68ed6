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
      const { rowCount } = await client.query({
        name: "renew",
        text: data.renew,
        values: [data.workerKey, data.leaseMs],
      });
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
