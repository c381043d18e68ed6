import type { Clock } from "./clock.ts";
import { Recurring } from "./recurring.ts";

/** Asks the store for its time, in milliseconds since 1970. */
export type AskTime = () => Promise<number>;

/** A clock that differs by no more than this, and half of the way to the store, is right enough. */
const TOLERANCE_MS = 50;
/** Between two comparisons. */
const EVERY_MS = 10_000;

/**
 * The time of the store, for a process whose own clock may be wrong: times that processes compare (when a run is due, when
 * a timer fires) mean the same in all of them (F50). A clock that agrees with the store's is left alone; one that does not
 * is replaced by the store's time at the last comparison and the monotonic clock since then, so it does not jump with the
 * machine's either.
 */
export class SharedClock implements Clock {
  private readonly base: Clock;
  private readonly ask: AskTime;
  private readonly problem: (message: string, error: unknown) => void;
  /** The store's time minus the monotonic one; null: the clock of the machine is right. */
  private ahead: number | null = null;
  private told = false;
  private readonly comparing: Recurring;

  constructor(base: Clock, ask: AskTime, problem: (message: string, error: unknown) => void) {
    this.base = base;
    this.ask = ask;
    this.problem = problem;
    const failed = (error: unknown): void => problem("the time of the database could not be compared", error);
    this.comparing = new Recurring({
      clock: base,
      firstMs: EVERY_MS,
      everyMs: EVERY_MS,
      work: () => this.compare(),
      failed,
    });
  }

  now(): number {
    return this.ahead === null ? this.base.now() : Math.floor(this.base.monotonic() + this.ahead);
  }

  monotonic(): number {
    return this.base.monotonic();
  }

  after(ms: number, callback: () => void): () => void {
    return this.base.after(ms, callback);
  }

  soon(callback: () => void): void {
    this.base.soon(callback);
  }

  /** Compares once, and then again and again. Never throws: a store that does not answer is asked the next time. */
  async start(): Promise<void> {
    await this.compare();
    this.comparing.start();
  }

  close(): void {
    void this.comparing.close();
  }

  private async compare(): Promise<void> {
    const sent = this.base.monotonic();
    let time: number;
    try {
      time = await this.ask();
    } catch {
      return;
    }
    const received = this.base.monotonic();
    const blur = TOLERANCE_MS + (received - sent) / 2;
    // It was asked somewhere between the two; the middle is wrong by half of the way at most.
    const ahead = time - (sent + received) / 2;
    if (Math.abs(received + ahead - this.base.now()) <= blur) this.ahead = null;
    else if (this.ahead === null || Math.abs(ahead - this.ahead) > blur) this.ahead = ahead;
    this.tell();
  }

  private tell(): void {
    if (this.ahead === null || this.told) return;
    this.told = true;
    const ms = Math.round(this.base.monotonic() + this.ahead - this.base.now());
    const which = ms > 0 ? "behind" : "ahead of";
    this.problem(
      `the clock of this machine is ${Math.abs(ms)} ms ${which} that of the database, whose time is taken instead`,
      null,
    );
  }
}
