import { fixedLimit } from "./fixed.ts";
import { Limiter, type LimiterClock, type Permit } from "./limiter.ts";
import { Turn, type TurnClock } from "./turn.ts";

/** Submissions of callers that are recorded at the same time, and how long one waits for its turn. */
export const SUBMISSIONS_MAX = 256;
const SUBMISSION_WAIT_MS = 500;
/**
 * Signs of a line in the sockets, in milliseconds: even the shortest turn of the event loop takes so long, or recording a
 * submission so long on average.
 */
const TURN_MS = 20;
const RECORDING_MS = 75;

/** Where submissions of callers come in: so many of a turn of the event loop, so many at the same time. */
export class Entrance {
  private readonly clock: TurnClock & LimiterClock;
  private readonly turn: Turn;
  private readonly door: Limiter;
  /** Recorded since the last look, and how long they took together. */
  private recorded = 0;
  private recordingMs = 0;

  constructor(clock: TurnClock & LimiterClock) {
    this.clock = clock;
    this.turn = new Turn(clock);
    this.door = new Limiter({ limit: fixedLimit(SUBMISSIONS_MAX), clock, waitMs: SUBMISSION_WAIT_MS });
  }

  /** Those that wait for a place. */
  get waiting(): number {
    return this.door.waiting;
  }

  /** A submission came. */
  came(): void {
    this.turn.came();
  }

  /** Whether there is time for it in this turn. */
  hasTime(): boolean {
    return this.turn.hasTime();
  }

  /** A place among those that are being recorded, or null when none is free in time. */
  async enter(): Promise<Permit | null> {
    const came = this.clock.monotonic();
    const permit = this.door.tryEnter() ?? (await this.door.enter());
    return permit && { leave: () => this.left(permit, came) };
  }

  /** Whether all who came since it was last asked have waited before anybody saw them, or long for their turn. */
  isLate(): boolean {
    const turnMs = this.turn.shortestMs() ?? 0;
    const recordingMs = this.recordingMs / Math.max(1, this.recorded);
    this.recorded = this.recordingMs = 0;
    return turnMs >= TURN_MS || recordingMs >= RECORDING_MS;
  }

  private left(permit: Permit, came: number): void {
    permit.leave();
    this.recorded += 1;
    this.recordingMs += this.clock.monotonic() - came;
  }
}
