import { spread, type Clock } from "./clock.ts";

export interface RecurringOptions {
  readonly clock: Pick<Clock, "after" | "monotonic">;
  /** Give or take a fifth, as `everyMs`: processes that began together spread apart. */
  readonly firstMs: number;
  readonly everyMs: number;
  /** Done again after `everyMs`, counted from its end, whatever became of it. */
  readonly work: () => Promise<unknown>;
  /** What it threw, where the time before went well: while a store does not answer it is the same every time. */
  readonly failed: (error: unknown) => void;
}

/** Work that comes back, such as deleting what is too old. One at a time; the first comes a while after the start. */
export class Recurring {
  private readonly options: RecurringOptions;
  private cancel: (() => void) | null = null;
  private working: Promise<void> = Promise.resolve();
  private hasFailed = false;
  private closed = false;

  constructor(options: RecurringOptions) {
    this.options = options;
  }

  start(): void {
    this.arm(this.options.firstMs);
  }

  /** Whether it is being closed: long work looks at it now and then. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** Resolves when what is being done is done. */
  async close(): Promise<void> {
    this.closed = true;
    this.cancel?.();
    await this.working;
  }

  private arm(ms: number): void {
    const { clock } = this.options;
    this.cancel = clock.after(spread(clock, ms), () => {
      this.working = this.work();
    });
  }

  private async work(): Promise<void> {
    try {
      await this.options.work();
      this.hasFailed = false;
    } catch (error) {
      if (!this.hasFailed) this.options.failed(error);
      this.hasFailed = true;
    }
    if (!this.closed) this.arm(this.options.everyMs);
  }
}
