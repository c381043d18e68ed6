import { spread, type Clock } from "./clock.ts";

export interface LookerOptions {
  readonly clock: Pick<Clock, "after" | "monotonic">;
  /** From the end of a look to the next one that nobody asks for, give or take a fifth. */
  readonly everyMs: number;
  readonly look: () => Promise<void>;
  /** What a look threw, where the one before it went well: while a store does not answer it is the same every time. */
  readonly failed: (error: unknown) => void;
}

/**
 * Looks for something to do: when it is poked, and now and then, for what others have made meanwhile is not told here.
 *
 * One look at a time. A poke during a look leads to another one behind it, since the first may have passed by what the
 * poke is about.
 */
export class Looker {
  private readonly options: LookerOptions;
  private cancel: (() => void) | null = null;
  private looking: Promise<void> | null = null;
  private again = false;
  private hasFailed = false;
  private started = false;
  private closed = false;

  constructor(options: LookerOptions) {
    this.options = options;
  }

  /** Looks now, and from now on. */
  start(): void {
    this.started = true;
    this.poke();
  }

  /** There may be something to do. Nothing before `start` (a process that leaves it to the others) and after `close`. */
  poke(): void {
    if (!this.started || this.closed) return;
    if (this.looking) {
      this.again = true;
      return;
    }
    this.cancel?.();
    this.looking = this.look().finally(() => this.goOn());
  }

  /** Whether it is being closed: a look that does much asks now and then. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** Resolves when the look under way is done; there is none behind it. */
  async close(): Promise<void> {
    this.closed = true;
    this.cancel?.();
    await this.looking;
  }

  private async look(): Promise<void> {
    try {
      await this.options.look();
      this.hasFailed = false;
    } catch (error) {
      if (!this.hasFailed) this.options.failed(error);
      this.hasFailed = true;
    }
  }

  private goOn(): void {
    const { clock, everyMs } = this.options;
    this.looking = null;
    if (this.closed) return;
    if (this.again) {
      this.again = false;
      this.poke();
    } else this.cancel = clock.after(spread(clock, everyMs), () => this.poke());
  }
}
