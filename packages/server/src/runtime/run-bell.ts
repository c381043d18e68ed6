import type { Live } from "../live/live.ts";
import type { Clock } from "./clock.ts";
import { leavesChannel, type RunNotice } from "./owner.ts";

/**
 * Pauses between two looks at a run that another process may hold. The first are short, for its end may have been told
 * before that process knew that somebody listens here; later it is a guard for bells that do not arrive (F30).
 */
const PAUSES_MS = [50, 150, 300, 600, 1200, 2000] as const;

/** Rings when a process lets go of a run: it has ended, or waits for long, or goes on elsewhere. */
export class RunBell {
  private readonly clock: Clock;
  private readonly unsubscribe: () => void;
  private looks = 0;
  private rung = false;
  private wake: (() => void) | null = null;

  constructor(live: Live<RunNotice>, clock: Clock, runKey: number) {
    this.clock = clock;
    const ring = (): void => {
      this.rung = true;
      this.wake?.();
    };
    this.unsubscribe = live.subscribe(leavesChannel(runKey), ring, () => {
      this.looks = 0;
      ring();
    });
  }

  /**
   * Resolves when it is time to look again; at the latest at a (monotonic) time, or when the signal comes. True: it has
   * rung.
   */
  async next(until: number, signal: AbortSignal | undefined): Promise<boolean> {
    const pause = PAUSES_MS[Math.min(this.looks, PAUSES_MS.length - 1)]!;
    this.looks += 1;
    if (!this.rung && !signal?.aborted) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          cancel();
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        const cancel = this.clock.after(Math.min(pause, until - this.clock.monotonic()), wake);
        signal?.addEventListener("abort", wake, { once: true });
        this.wake = wake;
      });
    }
    const hasRung = this.rung;
    this.rung = false;
    this.wake = null;
    return hasRung;
  }

  close(): void {
    this.unsubscribe();
  }
}
