import type { Journal } from "../journal/journal.ts";
import type { StreamLog } from "../streamlog/streamlog.ts";
import type { Clock } from "./clock.ts";
import { Recurring } from "./recurring.ts";

export interface RetentionOptions {
  readonly journal: Journal;
  readonly streamLog: StreamLog;
  readonly clock: Clock;
  /** How long ended runs are kept, in milliseconds. */
  readonly keepMs: number;
  readonly problem: (message: string, error: unknown) => void;
}

const HOUR_MS = 3_600_000;
const FIRST_MS = 60_000;
/** Runs whose pieces are looked at together. */
const STEP = 100;

/** Deletes runs that ended long ago, once an hour. Two processes that do it at once do the same and harm nothing. */
export class Retention {
  private readonly options: RetentionOptions;
  private readonly recurring: Recurring;

  constructor(options: RetentionOptions) {
    this.options = options;
    this.recurring = new Recurring({
      clock: options.clock,
      firstMs: FIRST_MS,
      everyMs: HOUR_MS,
      work: () => this.prune(),
      failed: (error) => options.problem("old runs could not be deleted; trying again in an hour", error),
    });
  }

  start(): void {
    this.recurring.start();
  }

  close(): Promise<void> {
    return this.recurring.close();
  }

  private async prune(): Promise<void> {
    const { journal, clock, keepMs } = this.options;
    const before = clock.now() - keepMs;
    await journal.prune(before);
    await this.pruneStreams(before);
  }

  /** What the steps of a run said goes with the run. */
  private async pruneStreams(before: number): Promise<void> {
    const { journal, streamLog } = this.options;
    for (let after = 0; !this.recurring.isClosed;) {
      const quiet = await streamLog.quietRuns(before, after, STEP);
      const gone: number[] = [];
      for (const runKey of quiet) {
        const { rows } = await journal.read(runKey, { snapshot: false, limit: 1 });
        if (rows.length === 0) gone.push(runKey);
      }
      if (gone.length > 0) await streamLog.remove(gone);
      if (quiet.length < STEP) return;
      after = quiet.at(-1)!;
    }
  }
}
