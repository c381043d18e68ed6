/** Time as a turn needs it. */
export interface TurnClock {
  /** Milliseconds that never jump. */
  monotonic(): number;
  /** Calls back when the turn that is under way is over. */
  soon(callback: () => void): void;
}

/** How long one turn of the event loop may take requests in, and how many it takes in any case: a burst. */
const TAKES_MS = 50;
const TAKES_LEAST = 256;
/** What a turn takes at least, of both, in a flood that lasts. */
const SHARE_MIN = 1 / 8;
/** Requests in one turn from which, and up to which, the next takes less and more. */
const CROWD = 80;
const FEW = 40;
const SHRINKS = 0.7;
const GROWS = 1.1;

/**
 * What waits in sockets is seen by nobody until the event loop comes to it, and then all of it in one turn: whoever comes
 * late in a long turn has waited for at least as long. They are let go, so that the turns stay short. This works in the
 * first moment of a flood, when nothing has been measured yet.
 *
 * A flood that lasts is more than a burst: what its turns take leaves no time to answer the others, who then wait where
 * nobody sees them. So from turn to turn less is taken, until all are answered.
 */
export class Turn {
  private readonly clock: TurnClock;
  private beganAt: number | null = null;
  private lastBeganAt: number | null = null;
  private shortest = Number.POSITIVE_INFINITY;
  private taken = 0;
  private share = 1;
  private seen = 0;

  constructor(clock: TurnClock) {
    this.clock = clock;
  }

  /** A request came. */
  came(): void {
    if (this.beganAt !== null) return;
    const now = this.clock.monotonic();
    if (this.lastBeganAt !== null) this.shortest = Math.min(this.shortest, now - this.lastBeganAt);
    this.beganAt = this.lastBeganAt = now;
    this.taken = 0;
    this.seen = 0;
    this.clock.soon(() => this.end());
  }

  /** Whether this request, which came, is taken in this turn. */
  hasTime(): boolean {
    this.seen += 1;
    const late = this.clock.monotonic() - (this.beganAt ?? 0);
    if (this.taken >= TAKES_LEAST * this.share && late > TAKES_MS * this.share) return false;
    this.taken += 1;
    return true;
  }

  /**
   * The shortest time since it was last asked from one turn with requests to the next, in milliseconds; null: there were
   * no two. Everybody has waited in a socket for about half of it at least.
   */
  shortestMs(): number | null {
    const { shortest } = this;
    this.shortest = Number.POSITIVE_INFINITY;
    return Number.isFinite(shortest) ? shortest : null;
  }

  private end(): void {
    this.beganAt = null;
    if (this.seen >= CROWD) this.share = Math.max(SHARE_MIN, this.share * SHRINKS);
    else if (this.seen <= FEW) this.share = Math.min(1, this.share * GROWS);
  }
}
