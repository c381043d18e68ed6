/** Looks over which the best rate is remembered, and for which the throttle stays on where it binds nobody. */
const LOOKS = 50;
/** Share of the best rate that is let in behind a pressure: the rest is what refusing costs. */
const SHARE = 0.5;
/** What is let in shrinks by this when the pressure comes back, and grows by this from look to look while there is none. */
const SHRINKS = 0.8;
const GROWS = 1.015;
/** And by this from look to look while the event loop has no time left and everybody who comes is late. */
const YIELDS = 0.98;
/** So many such looks more than others: the queue in the sockets stands, and is no burst. It counts as a pressure then. */
const STANDS = 3;
/** Let in between two looks in any case. */
const LEAST = 16;
/** What the most urgent class may take beyond the others. */
const RESERVE = 1.25;
/** Weight of the newest rate in the average. */
const SMOOTHING = 1 / 4;

/**
 * Lets in no more than can be done while more arrives, beginning with a pressure. Without it a door that is opened again
 * lets in all who wait before the next look sees them, and is shut again with more behind it than can be done in a second.
 *
 * What can be done is found out as an AIMD limit finds it: less by a fifth whenever the pressure is back, and a little
 * more with each look without one. It ends when fewer have come for a while than it would let in.
 *
 * A line that forms in sockets is no part of the pressure: nobody sees how long it is. It shows in that everybody who
 * comes is late, and the event loop has no time left; a burst is over soon, a line that stands is not, and only the second
 * is a reason to let in less (after "Controlling Queue Delay", Nichols and Jacobson, 2012).
 */
export class Throttle {
  private rate = 0;
  private readonly rates: number[] = [];
  private letIn = 0;
  private wasPressed = false;
  /** Looks at which everybody was late, less those at which not. */
  private queuedLooks = 0;
  /** Looks in a row between which it kept nobody out. */
  private idle = 0;
  /** Let in until the next look, of all but the most urgent; null: the throttle is off. */
  private most: number | null = null;

  /**
   * Between two looks so much ended; `pressed`: the pressure is above what is refused; `queued`: the event loop was at
   * work for all of the time, and everybody who came was late.
   */
  look(ended: number, pressed: boolean, queued: boolean): void {
    this.rate += (ended - this.rate) * SMOOTHING;
    this.rates.push(this.rate);
    if (this.rates.length > LOOKS) this.rates.shift();
    if (pressed) this.lookPressed();
    else if (this.most !== null) this.lookAt(this.most, queued);
    this.wasPressed = pressed;
    this.letIn = 0;
  }

  /** Whether one more may be let in now. */
  hasRoom(isUrgent: boolean): boolean {
    return this.most === null || this.letIn < (isUrgent ? this.most * RESERVE : this.most);
  }

  /** One was let in. */
  take(): void {
    this.letIn += 1;
  }

  /** Nobody is let in now, so what waits in sockets says nothing. */
  private lookPressed(): void {
    this.queuedLooks = 0;
    if (!this.wasPressed) this.tighten();
  }

  private lookAt(most: number, queued: boolean): void {
    this.queuedLooks = Math.max(0, this.queuedLooks + (queued ? 1 : -1));
    // Only where it was reached: what nobody has tried says nothing of what can be done.
    const wasReached = this.letIn >= most;
    this.idle = wasReached ? 0 : this.idle + 1;
    if (this.queuedLooks >= STANDS) this.tighten();
    else if (this.idle > LOOKS) this.most = null;
    else if (queued) this.most = Math.max(LEAST, most * YIELDS);
    else if (wasReached) this.most = most * GROWS;
  }

  private tighten(): void {
    this.idle = 0;
    this.queuedLooks = 0;
    this.most = Math.max(LEAST, this.most === null ? Math.max(...this.rates) * SHARE : this.most * SHRINKS);
  }
}
