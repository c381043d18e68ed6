import type { Clock } from "../runtime/clock.ts";
import type { Consumer, Ticket, Transport } from "../transport/transport.ts";

/** Consumers stay open for this long after the last one who waits. */
const LINGER_MS = 30_000;
/** Tickets only wake somebody: many may be in hand. */
const PREFETCH = 16;

interface Bell {
  readonly consumer: Consumer;
  /** In the order in which they came. */
  readonly waiting: Set<() => void>;
  stopClosing: () => void;
}

/**
 * Wakes those who wait for tasks of a pool when a ticket of it comes. A ticket that finds nobody is dropped: its task
 * stands in the store, and whoever comes looks there first.
 */
export class Bells {
  private readonly transport: Transport;
  private readonly clock: Clock;
  private readonly bells = new Map<string, Bell>();

  constructor(transport: Transport, clock: Clock) {
    this.transport = transport;
    this.clock = clock;
  }

  /** Resolves when a ticket of one of the pools came, after the time, or when the signal aborts. */
  async wait(pools: readonly string[], ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const bells = pools.map((pool) => this.bell(pool));
    for (const { waiting } of bells) waiting.add(wake);
    const cancel = this.clock.after(ms, wake);
    signal.addEventListener("abort", wake, { once: true });
    try {
      await promise;
    } finally {
      cancel();
      signal.removeEventListener("abort", wake);
      for (const { waiting } of bells) waiting.delete(wake);
      for (const pool of pools) this.closeSoon(pool);
    }
  }

  async close(): Promise<void> {
    const open = [...this.bells.values()];
    this.bells.clear();
    for (const { waiting, stopClosing } of open) {
      stopClosing();
      for (const wake of waiting) wake();
    }
    await Promise.all(open.map(({ consumer }) => consumer.close()));
  }

  private bell(pool: string): Bell {
    let bell = this.bells.get(pool);
    if (!bell) {
      const waiting = new Set<() => void>();
      const consumer = this.transport.consume(pool, {
        prefetch: PREFETCH,
        handle: async (tickets) => ring(waiting, tickets),
      });
      this.bells.set(pool, (bell = { consumer, waiting, stopClosing: () => undefined }));
    }
    bell.stopClosing();
    return bell;
  }

  private closeSoon(pool: string): void {
    const bell = this.bells.get(pool);
    if (!bell || bell.waiting.size > 0) return;
    bell.stopClosing();
    bell.stopClosing = this.clock.after(LINGER_MS, () => {
      if (bell.waiting.size > 0 || this.bells.get(pool) !== bell) return;
      this.bells.delete(pool);
      void bell.consumer.close();
    });
  }
}

/** One for each ticket, those who have waited the longest first. */
function ring(waiting: Set<() => void>, tickets: readonly Ticket[]): void {
  let left = tickets.length;
  for (const wake of waiting) {
    if (left === 0) return;
    left -= 1;
    waiting.delete(wake);
    wake();
  }
}
