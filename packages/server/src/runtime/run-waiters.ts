import type { Clock } from "./clock.ts";
import type { HotRun } from "./hot-run.ts";

/** Those who wait until a run leaves this process: it has ended, or is given up. */
export class RunWaiters {
  private readonly clock: Clock;
  private readonly byRun = new Map<number, Set<(run: HotRun | null) => void>>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Resolves with the run when it leaves; with null when the (monotonic) time is over or the signal has come. */
  leaving(run: HotRun, signal: AbortSignal | undefined, until: number): Promise<HotRun | null> {
    return new Promise((resolve) => {
      const waiters = this.of(run);
      const stop = (): void => tell(null);
      const cancelTimer = until === Infinity ? null : this.clock.after(until - this.clock.monotonic(), stop);
      const tell = (left: HotRun | null): void => {
        waiters.delete(tell);
        cancelTimer?.();
        signal?.removeEventListener("abort", stop);
        resolve(left);
      };
      waiters.add(tell);
      signal?.addEventListener("abort", stop, { once: true });
      if (signal?.aborted) stop();
    });
  }

  left(run: HotRun): void {
    const waiters = this.byRun.get(run.key);
    this.byRun.delete(run.key);
    if (waiters) for (const tell of waiters) tell(run);
  }

  private of({ key }: HotRun): Set<(run: HotRun | null) => void> {
    let waiters = this.byRun.get(key);
    if (!waiters) this.byRun.set(key, (waiters = new Set()));
    return waiters;
  }
}
