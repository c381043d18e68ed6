import type { Files } from "./files.ts";

export interface SweeperOptions {
  readonly files: Files;
  /** Calls back after so many milliseconds; the answer takes that back. */
  readonly after: (ms: number, callback: () => void) => () => void;
  readonly problem: (message: string, error: unknown) => void;
}

const FIRST_MS = 60_000;
const EVERY_MS = 600_000;

/** Deletes expired files every ten minutes. Two processes that do it at once do the same and harm nothing. */
export class FileSweeper {
  private readonly options: SweeperOptions;
  private cancel: (() => void) | null = null;
  private sweeping: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(options: SweeperOptions) {
    this.options = options;
  }

  start(): void {
    this.arm(FIRST_MS);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancel?.();
    await this.sweeping;
  }

  private arm(ms: number): void {
    this.cancel = this.options.after(ms, () => {
      this.sweeping = this.sweep();
    });
  }

  private async sweep(): Promise<void> {
    try {
      await this.options.files.prune();
    } catch (error) {
      this.options.problem("expired files could not be deleted; trying again in ten minutes", error);
    }
    if (!this.closed) this.arm(EVERY_MS);
  }
}
