/** Looks for which the best rate is remembered, and the throttle stays on after the last pressure. */
const LOOKS = 50;
/** Share of the best rate that is let in: the rest is what refusing costs. */
const SHARE = 0.75;
/** Let in between two looks in any case. */
const LEAST = 16;
/** What the most urgent class may take beyond the others. */
const RESERVE = 1.25;
/** Weight of the newest rate in the average. */
const SMOOTHING = 1 / 4;

/**
 * Lets in no more than ends, for a while after a pressure. Without it a door that is opened again lets in all who wait
 * before the next look sees them, and is shut again with more behind it than can be done in a second.
 */
export class Throttle {
  private rate = 0;
  private readonly rates: number[] = [];
  private sincePressure = Infinity;
  private letIn = 0;
  /** Let in until the next look, of all but the most urgent. */
  private most = LEAST;

  /** Between two looks so much ended; `pressed`: the pressure is above what is refused. */
  look(ended: number, pressed: boolean): void {
    this.rate += (ended - this.rate) * SMOOTHING;
    this.rates.push(this.rate);
    if (this.rates.length > LOOKS) this.rates.shift();
    this.sincePressure = pressed ? 0 : this.sincePressure + 1;
    this.letIn = 0;
    this.most = Math.max(LEAST, Math.max(...this.rates) * SHARE);
  }

  /** Whether one more may be let in now. */
  hasRoom(isUrgent: boolean): boolean {
    if (this.sincePressure > LOOKS) return true;
    return this.letIn < (isUrgent ? this.most * RESERVE : this.most);
  }

  /** One was let in. */
  take(): void {
    this.letIn += 1;
  }
}
