import { CodelQueue } from "./codel.ts";
import type { Limit } from "./limit.ts";

/** Time as a limiter needs it: milliseconds that never jump. */
export interface LimiterClock {
  monotonic(): number;
  after(ms: number, callback: () => void): () => void;
}

/** A place under the limit. It is given back once. */
export interface Permit {
  /** `dropped`: the target refused for load, or did not answer in time. */
  leave(dropped?: boolean): void;
}

interface Waiting {
  readonly enter: (permit: Permit | null) => void;
}

/**
 * The gate that enforces a limit. Whoever finds no place waits in a queue with controlled delay, and is refused when his
 * time is over.
 *
 * G1. No more are inside than the limit says; after it fell, nobody enters until enough have left.
 * G2. A place that is left goes to one that waits, before anybody new.
 */
export class Limiter {
  private readonly limit: Limit;
  private readonly clock: LimiterClock;
  private readonly waitMs: number;
  private readonly queue = new CodelQueue<Waiting>();
  private inside = 0;
  private cancel: (() => void) | null = null;

  /** `waitMs`: how long one may wait for a place. */
  constructor({
    limit,
    clock,
    waitMs,
  }: {
    readonly limit: Limit;
    readonly clock: LimiterClock;
    readonly waitMs: number;
  }) {
    this.limit = limit;
    this.clock = clock;
    this.waitMs = waitMs;
    limit.onChange(() => this.admit());
  }

  get inflight(): number {
    return this.inside;
  }

  get waiting(): number {
    return this.queue.size;
  }

  /** A place at once, or null. */
  tryEnter(): Permit | null {
    return this.queue.size === 0 && this.inside < this.limit.current() ? this.permit() : null;
  }

  /** A place as soon as there is one; null: the time was over before. */
  async enter(): Promise<Permit | null> {
    const permit = this.tryEnter();
    if (permit) return permit;
    const { promise, resolve } = Promise.withResolvers<Permit | null>();
    const now = this.clock.monotonic();
    this.queue.push({ enter: resolve }, now, now + this.waitMs);
    this.watch();
    return promise;
  }

  private permit(): Permit {
    this.inside += 1;
    const began = this.clock.monotonic();
    let left = false;
    return {
      leave: (dropped = false) => {
        if (left) return;
        left = true;
        const inflight = this.inside;
        this.inside -= 1;
        this.limit.sample(this.clock.monotonic() - began, inflight, dropped);
        this.admit();
      },
    };
  }

  private admit(): void {
    if (this.queue.size === 0) return;
    const now = this.clock.monotonic();
    for (const { enter } of this.queue.expired(now)) enter(null);
    while (this.inside < this.limit.current()) {
      const next = this.queue.take(now);
      if (!next) return;
      next.enter(this.permit());
    }
  }

  /** Refuses those whose time is over, also while nobody leaves. */
  private watch(): void {
    this.cancel ??= this.clock.after(Math.max(1, this.waitMs / 4), () => {
      this.cancel = null;
      this.admit();
      if (this.queue.size > 0) this.watch();
    });
  }
}
