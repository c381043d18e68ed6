/** Time as a turn needs it. */
export interface TurnClock {
  /** Milliseconds that never jump. */
  monotonic(): number;
  /** Calls back when the turn that is under way is over. */
  soon(callback: () => void): void;
}

/** How long one turn of the event loop may take requests in, and how many it takes in any case. */
const TAKES_MS = 50;
const TAKES_LEAST = 256;

/**
 * What waits in sockets is seen by nobody until the event loop comes to it, and then all of it in one turn: whoever comes
 * late in a long turn has waited for at least as long. They are let go, so that the turns stay short. This works in the
 * first moment of a flood, when nothing has been measured yet.
 */
export class Turn {
  private readonly clock: TurnClock;
  private beganAt: number | null = null;
  private taken = 0;

  constructor(clock: TurnClock) {
    this.clock = clock;
  }

  /** Whether one more request is taken in this turn. */
  hasTime(): boolean {
    const now = this.clock.monotonic();
    if (this.beganAt === null) {
      this.beganAt = now;
      this.taken = 0;
      this.clock.soon(() => (this.beganAt = null));
    }
    if (this.taken >= TAKES_LEAST && now - this.beganAt > TAKES_MS) return false;
    this.taken += 1;
    return true;
  }
}
