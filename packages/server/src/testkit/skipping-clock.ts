import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../runtime/clock.ts";

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Why the clock was asked no further. */
export type ClockEnd = "done" | "too_far" | "too_slow";

export interface AdvanceLimits {
  /** The clock never passes this time. */
  readonly until: number;
  /** Milliseconds of real time. */
  readonly realMs: number;
  /** Asked whenever nothing is under way, before time moves on. True when that has set something going. */
  readonly quiet: () => Promise<boolean>;
}

/**
 * A clock that skips the time in which nothing happens. It stands still while work is under way, so that work takes no
 * time at all; when all of it waits, it jumps to the next timer.
 *
 * T1. Timers fire in the order of their times, those of one time in the order they were set.
 * T2. Time moves only while nothing is under way: no work that was begun, no callback of `soon`, no promise that can go on.
 */
export class SkippingClock implements Clock {
  private time: number;
  private order = 0;
  private timers: Timer[] = [];
  private working = 0;
  private turns = 0;
  private changed: (() => void) | null = null;

  constructor(start: number) {
    this.time = start;
  }

  now(): number {
    return this.time;
  }

  monotonic(): number {
    return this.time;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.time + Math.max(0, Number.isNaN(ms) ? 0 : ms), order: this.order++, callback };
    const before = this.timers.findIndex((other) => other.at > timer.at);
    this.timers.splice(before === -1 ? this.timers.length : before, 0, timer);
    return () => {
      const at = this.timers.indexOf(timer);
      if (at !== -1) this.timers.splice(at, 1);
    };
  }

  soon(callback: () => void): void {
    this.turns += 1;
    setImmediate(() => {
      this.turns -= 1;
      callback();
    });
  }

  /** Work has begun; the answer says that it has ended. */
  begin(): () => void {
    this.working += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.working -= 1;
      this.changed?.();
    };
  }

  /** Waits within work that was begun: meanwhile the clock may move on. Throws the signal's reason when that fires. */
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.working -= 1;
    this.changed?.();
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        cancel();
        signal.removeEventListener("abort", wake);
        this.working += 1;
        resolve();
      };
      const cancel = this.after(ms, wake);
      signal.addEventListener("abort", wake);
    });
    signal.throwIfAborted();
  }

  /** Lets things happen until `done` says so, the time comes to its limit, or it takes too long in real time. */
  async advance(done: () => boolean, limits: AdvanceLimits): Promise<ClockEnd> {
    const deadline = performance.now() + limits.realMs;
    for (;;) {
      await this.settle(deadline);
      if (done()) return "done";
      if (performance.now() > deadline) return "too_slow";
      if (await limits.quiet()) continue;
      const next = this.timers[0];
      if (!next || next.at > limits.until) return "too_far";
      this.timers.shift();
      this.time = Math.max(this.time, next.at);
      next.callback();
    }
  }

  /** Lets everything happen at once, whether or not work is under way, until the promise resolves. For the end. */
  async unwind(ending: Promise<unknown>): Promise<void> {
    const over = ending.then(() => true);
    while (!(await Promise.race([over, nextTurn(false)]))) {
      const next = this.timers.shift();
      if (!next) continue;
      this.time = Math.max(this.time, next.at);
      next.callback();
    }
  }

  /** Resolves when no work is under way, and every promise that can go on has done so. */
  private async settle(deadline: number): Promise<void> {
    for (let quietTurns = 0; quietTurns < 2;) {
      // A turn of the event loop comes when no promise can go on any more.
      await nextTurn();
      quietTurns = this.working === 0 && this.turns === 0 ? quietTurns + 1 : 0;
      if (this.working === 0) continue;
      if (performance.now() > deadline) return;
      await this.change(deadline - performance.now());
    }
  }

  private async change(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.changed = null;
  }
}
