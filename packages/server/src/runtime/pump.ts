import type { Clock } from "./clock.ts";

/** Milliseconds that one stretch of synchronous work may take before others get the event loop. */
const SLICE_MS = 8;

/**
 * Does small pieces of work one after the other, without growing the stack: work that makes more work only queues it.
 * Gives way to the event loop after each slice, so that a run of pure steps cannot starve a heartbeat.
 */
export class Pump {
  private readonly clock: Clock;
  private readonly step: () => boolean;
  private running = false;
  private paused = false;

  /** `step` does one piece and says whether there may be more. */
  constructor(clock: Clock, step: () => boolean) {
    this.clock = clock;
    this.step = step;
  }

  run(): void {
    if (this.running || this.paused) return;
    this.running = true;
    const start = this.clock.monotonic();
    let more = true;
    for (let i = 1; more; i++) {
      more = this.step();
      if (more && i % 16 === 0 && this.clock.monotonic() - start > SLICE_MS) {
        this.paused = true;
        this.clock.soon(() => {
          this.paused = false;
          this.run();
        });
        break;
      }
    }
    this.running = false;
  }
}
