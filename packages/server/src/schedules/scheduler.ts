import { AppError, failureOf, type ErrorCode } from "@weftwork/core";
import type { Run, RunSubmission } from "@weftwork/sdk";
import { delayOf, dueStep, nextDue, type DueStep } from "./due.ts";
import { runIdOf, submissionOf } from "./submission.ts";
import type { StoredFire, StoredSchedule } from "./rows.ts";
import type { ScheduleTable } from "./table.ts";
import { textOf } from "./view.ts";

export interface SchedulerOptions {
  readonly table: Pick<ScheduleTable, "upcoming" | "move">;
  readonly start: (submission: RunSubmission) => Promise<{ readonly run: Run; readonly created: boolean }>;
  /** How a run stands; null when there is none. */
  readonly stateOf: (run: string) => Promise<"open" | "ended" | null>;
  readonly clock: { after(ms: number, callback: () => void): () => void };
  /** From 0 up to 1. */
  readonly random: () => number;
  /** What became of a due time, and how late that was. */
  readonly fired: (outcome: StoredFire["outcome"], lateMs: number) => void;
  readonly problem: (message: string, error: unknown) => void;
}

/** How long nobody looks while nothing is due: others may have made a schedule meanwhile. */
const LOOK_MS = 2000;
/** After a failure that says nothing of the schedule. */
const AGAIN_MS = 1000;
/** Processes look at a due time one behind the other where they can: the first one moves it on. */
const SPREAD_MS = 50;
const PAGE = 50;

/**
 * Begins the runs of schedules when they are due.
 *
 * SC1. One run a due time: its id is derived from schedule and time, so that any number of processes may begin it, and one
 *      that died in the middle is stood in for by any other.
 * SC2. A schedule moves on from a due time in one statement that compares it, after the run is durable.
 * SC3. What is due is decided by the clock of the store; the clock here only says when to look.
 * SC4. A run that cannot begin does not stop its schedule. A store that does not answer does, until it does.
 */
export class Scheduler {
  private readonly options: SchedulerOptions;
  private cancel: (() => void) | null = null;
  private working: Promise<void> | null = null;
  private again = false;
  private closed = false;
  /** Schedules that are being tried again, each told once until it moves on. */
  private readonly told = new Set<string>();
  private isStoreTold = false;

  constructor(options: SchedulerOptions) {
    this.options = options;
  }

  start(): void {
    this.look();
  }

  /** Looks now: times have changed. Nothing where this process runs no schedules. */
  wake(): void {
    if (this.working) this.again = true;
    else if (this.cancel) this.look();
  }

  /** Resolves when what is being begun has begun. */
  async close(): Promise<void> {
    this.closed = true;
    this.cancel?.();
    await this.working;
  }

  private look(): void {
    if (this.closed || this.working) return;
    this.cancel?.();
    this.working = this.lookOnce();
  }

  private async lookOnce(): Promise<void> {
    const ms = await this.work();
    this.working = null;
    const wait = this.again ? 0 : ms;
    this.again = false;
    if (!this.closed) this.cancel = this.options.clock.after(wait, () => this.look());
  }

  /** Begins what is due. How long until the next look, in milliseconds. */
  private async work(): Promise<number> {
    const { table, random, problem } = this.options;
    try {
      while (!this.closed) {
        const { now, nextAt, due } = await table.upcoming(PAGE);
        this.isStoreTold = false;
        const moved = await Promise.all(due.map((schedule) => this.moveOn(schedule, now)));
        if (moved.includes(true)) continue;
        if (due.length > 0) return spread(AGAIN_MS, random);
        const next = nextAt === null ? Infinity : nextAt - now + random() * SPREAD_MS;
        return Math.max(1, Math.min(next, spread(LOOK_MS, random)));
      }
    } catch (error) {
      if (!this.isStoreTold) problem("schedules cannot be read; trying again every second", error);
      this.isStoreTold = true;
    }
    return spread(AGAIN_MS, random);
  }

  /** One step of a schedule that is due. Whether it has moved on; one that does not holds no other up. Never rejects. */
  private async moveOn(schedule: StoredSchedule, now: number): Promise<boolean> {
    try {
      const hasMoved = await this.begin(schedule, now);
      if (hasMoved) this.told.delete(schedule.id);
      return hasMoved;
    } catch (error) {
      this.tell(schedule, `the schedule ${schedule.name} cannot be moved on; trying again every second`, error);
      return false;
    }
  }

  private tell({ id }: StoredSchedule, message: string, error: unknown): void {
    if (!this.told.has(id)) this.options.problem(message, error);
    this.told.add(id);
  }

  /** Whether it has moved on, by this process or another. */
  private async begin(schedule: StoredSchedule, now: number): Promise<boolean> {
    const { table, fired } = this.options;
    const delay = delayOf(schedule.id, schedule.jitterMs);
    const step = await this.stepOf(schedule, now - delay);
    if (step === null) return false;
    const fires: StoredFire[] = [];
    const { fire, missed, next } = step;
    if (missed !== null)
      fires.push({ dueAt: missed.first, outcome: "missed", until: missed.last, run: null, error: null });
    if (fire !== null) {
      const became = await this.fire(schedule, fire);
      if (became === null) return false;
      fires.push(became);
    }
    const fireAt = next === null ? null : next + delay;
    if (!(await table.move(schedule, { dueAt: next, fireAt, fires }))) return true;
    for (const { outcome, dueAt } of fires) fired(outcome, now - delay - dueAt);
    return true;
  }

  private async stepOf(schedule: StoredSchedule, now: number): Promise<DueStep | null> {
    const due = schedule.dueAt!;
    const step = dueStep(schedule, due, now);
    // What is to be given up may have begun, by a process that died before it could say so.
    if (!step?.missed || (await this.options.stateOf(runIdOf(schedule.id, due))) === null) return step;
    return { fire: due, missed: null, next: nextDue(schedule, due) };
  }

  /** Begins the run of a time. Null: it has to be tried again. */
  private async fire(schedule: StoredSchedule, due: number): Promise<StoredFire | null> {
    const { start, stateOf, problem } = this.options;
    const id = runIdOf(schedule.id, due);
    const none = { dueAt: due, until: null, run: null, error: null };
    try {
      const { overlap, lastRun } = schedule;
      // The run of this very time may have been begun by another process.
      if (overlap === "skip" && lastRun !== null && lastRun !== id && (await stateOf(lastRun)) === "open")
        return { ...none, outcome: "skipped" };
      const origin = { schedule: schedule.id, due_at: textOf(due) };
      const { run } = await start({ ...submissionOf(schedule, origin), id });
      return { ...none, outcome: "started", run: run.id };
    } catch (error) {
      // It began before the schedule was changed: only this schedule has such an id.
      if (error instanceof AppError && error.code === "RUN_ID_TAKEN") return { ...none, outcome: "started", run: id };
      const name = `the schedule ${schedule.name} could not begin its run of ${textOf(due)}`;
      if (isPassing(error)) {
        this.tell(schedule, `${name}; it is tried again`, error);
        return null;
      }
      problem(`${name}; it goes on with the next time`, error);
      const { code, message } = failureOf(error);
      return { ...none, outcome: "failed", error: { code, message } };
    }
  }
}

/** Failures that say something of the store or the process, and nothing of the schedule. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  "STORE_UNAVAILABLE",
  "STORE_FULL",
  "OVERLOADED",
  "BACKLOG_FULL",
  "SHUTTING_DOWN",
  "LEASE_LOST",
]);

function isPassing(error: unknown): boolean {
  return error instanceof AppError && PASSING.has(error.code);
}

/** A pause with ±20 %, so that processes do not look at the same moment. */
function spread(ms: number, random: () => number): number {
  return ms * (0.8 + 0.4 * random());
}
