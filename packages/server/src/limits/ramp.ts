const FIRST_A_SECOND = 64;
const SECOND_MS = 1000;

/**
 * How fast runs are loaded after a takeover (O18): 64 in the first second and twice as many in each one after, so that
 * what one process held does not fall upon another in one moment, and is moving again soon all the same.
 * Times are milliseconds that never jump.
 */
export class Ramp {
  /** Null: no takeover is under way. */
  private beganAt: number | null = null;
  private loaded = 0;

  /** How many more may be loaded now. */
  room(now: number): number {
    if (this.beganAt === null) return Infinity;
    const seconds = Math.floor((now - this.beganAt) / SECOND_MS);
    return Math.max(0, FIRST_A_SECOND * (2 ** (seconds + 1) - 1) - this.loaded);
  }

  /** So many runs of a dead owner were taken over; `all`: there are no more. */
  took(count: number, all: boolean, now: number): void {
    if (count > 0) {
      this.beganAt ??= now;
      this.loaded += count;
    }
    if (!all) return;
    this.beganAt = null;
    this.loaded = 0;
  }
}
