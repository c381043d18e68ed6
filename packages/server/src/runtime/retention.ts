import type { Journal, OwnBorder } from "../journal/journal.ts";
import type { StreamLog } from "../streamlog/streamlog.ts";
import type { Objects, Turn, Turns } from "../upkeep/upkeep.ts";
import { spread, type Clock } from "./clock.ts";

export interface RetentionOptions {
  readonly journal: Journal;
  readonly streamLog: StreamLog;
  readonly turns: Turns;
  readonly objects: Objects;
  readonly clock: Clock;
  readonly tenant: string;
  /** How long ended runs are kept, in milliseconds; null: for ever, unless their workflow says otherwise. */
  readonly keepMs: number | null;
  /** Workflows that say themselves how long their runs are kept. */
  readonly ownRetentions: () => Promise<readonly OwnRetention[]>;
  readonly report: RetentionReport;
  readonly problem: (message: string, error: unknown) => void;
}

export interface OwnRetention {
  readonly workflow: string;
  readonly keepMs: number;
}

/** What is told of the work, for those who measure it. */
export interface RetentionReport {
  deleted(what: { readonly runs: number; readonly payloads: number; readonly objects: number }): void;
  /** How long ago the last pass over all runs ended, in any process, at a monotonic time of the clock. */
  passed(atMs: number): void;
  stray(rows: number): void;
}

const EVERY_MS = 3_600_000;
const FIRST_MS = 60_000;
/** After a database that did not even answer whose turn it is. */
const AGAIN_MS = 30_000;
const WAIT_MS_MIN = 1000;
/** Runs whose pieces are looked at together. */
const STEP = 100;

/**
 * What has to be done for the store now and then: room for the days to come, runs that have ended long ago, what steps
 * said in them, objects that nothing names. Once an hour, by one process for all; where that one dies another goes on.
 */
export class Retention {
  private readonly options: RetentionOptions;
  private cancel: (() => void) | null = null;
  private working: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(options: RetentionOptions) {
    this.options = options;
  }

  start(): void {
    this.arm(FIRST_MS);
  }

  /** Resolves when the step under way is done. */
  async close(): Promise<void> {
    this.closed = true;
    this.cancel?.();
    await this.working;
  }

  private arm(ms: number): void {
    if (this.closed) return;
    const { clock } = this.options;
    // Processes that were started together do not ask together for ever.
    this.cancel = clock.after(spread(clock, Math.max(WAIT_MS_MIN, ms)), () => {
      this.working = this.lookAndArm();
    });
  }

  private async lookAndArm(): Promise<void> {
    let next = AGAIN_MS;
    try {
      next = await this.look();
    } catch (error) {
      this.options.problem("the store's upkeep was not done; trying again", error);
    }
    this.arm(next);
  }

  /** Does the work if it is our turn. Returns when to look again. */
  private async look(): Promise<number> {
    const { turns, clock, report, keepMs } = this.options;
    // Processes that keep runs for another time have a turn of their own: nobody's work stands for what he does not do.
    const answer = await turns.ask(`retention ${keepMs ?? "none"}`, EVERY_MS);
    if (!answer.turn) {
      if (answer.lastMs !== null) report.passed(clock.monotonic() - answer.lastMs);
      return answer.waitMs;
    }
    const { turn } = answer;
    let done = false;
    try {
      await this.work(() => !this.closed && turn.isHeld());
      done = !this.closed && turn.isHeld();
    } finally {
      await this.end(turn, done);
    }
    if (done) report.passed(clock.monotonic());
    return done ? EVERY_MS : AGAIN_MS;
  }

  /** A turn whose end is not recorded runs out; what went wrong in the work is what is told. */
  private async end(turn: Turn, done: boolean): Promise<void> {
    try {
      await turn.end(done);
    } catch (error) {
      this.options.problem("the end of the store's upkeep was not recorded", error);
    }
  }

  private async work(goOn: () => boolean): Promise<void> {
    const { journal, clock, keepMs, tenant, report, objects } = this.options;
    const room = await journal.makeRoom?.();
    if (room) {
      report.stray(room.strayRows);
      if (room.strayRows > 0)
        this.options.problem(`${room.strayRows} rows or more lay in no partition of a day; they are safe there`, null);
    }
    const now = clock.now();
    const finishedBefore = keepMs === null ? 0 : now - keepMs;
    const own: readonly OwnBorder[] = (await this.options.ownRetentions()).map((one) => ({
      tenant,
      workflow: one.workflow,
      finishedBefore: now - one.keepMs,
    }));
    const { runs, payloads } = await journal.prune(finishedBefore, { own, goOn });
    report.deleted({ runs, payloads, objects: 0 });
    await this.pruneStreams(
      own.reduce((latest, one) => Math.max(latest, one.finishedBefore), finishedBefore),
      goOn,
    );
    report.deleted({ runs: 0, payloads: 0, objects: await objects.collect(goOn) });
  }

  /** What the steps of a run said goes with the run. */
  private async pruneStreams(before: number, goOn: () => boolean): Promise<void> {
    const { journal, streamLog } = this.options;
    for (let after = 0; goOn();) {
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
