import { AppError } from "@weftwork/core";
import type { Run, RunSubmission } from "@weftwork/sdk";
import { processClock } from "../db/database-clock.ts";
import type { Database } from "../db/database.ts";
import { Scheduler, type SchedulerOptions } from "./scheduler.ts";
import { Schedules } from "./schedules.ts";
import { ScheduleTable } from "./table.ts";

/** Schedules over a database, with a time that the test sets and runs that only are begun, each id once. */
export class ScheduleBench {
  now = Date.parse("2026-01-01T08:00:00Z");
  readonly runs = new Map<string, RunSubmission>();
  /** Calls of `start`, repeats included. */
  calls = 0;
  readonly open = new Set<string>();
  readonly problems: string[] = [];
  readonly fired: [string, number][] = [];
  /** Thrown in place of a start. */
  refusal: AppError | null = null;
  readonly table: ScheduleTable;
  readonly schedules: Schedules;

  constructor(database: Database) {
    this.table = new ScheduleTable(
      database,
      "t",
      processClock(() => this.now),
    );
    this.schedules = new Schedules({
      table: this.table,
      plan: () => Promise.reject(new AppError("WORKFLOW_NOT_FOUND", { workflow: "w" })),
      check: async () => undefined,
      start: (submission) => this.start({ id: `by hand ${this.runs.size}`, ...submission }),
      changed: () => undefined,
    });
  }

  readonly start = async (submission: RunSubmission): Promise<{ readonly run: Run; readonly created: boolean }> => {
    this.calls++;
    if (this.refusal) throw this.refusal;
    const id = submission.id!;
    const created = !this.runs.has(id);
    if (created) this.runs.set(id, submission);
    return { run: { id } as Run, created };
  };

  /** One look of a process: everything that is due is begun. How long until its next one, in milliseconds. */
  look(table: SchedulerOptions["table"] = this.table): Promise<number> {
    return new Promise((resolve) => {
      const scheduler = new Scheduler({
        ...this.options(table),
        clock: {
          after(ms) {
            resolve(ms);
            return () => undefined;
          },
        },
      });
      scheduler.start();
    });
  }

  options(table: SchedulerOptions["table"]): Omit<SchedulerOptions, "clock"> {
    return {
      table,
      start: this.start,
      stateOf: async (run) => (this.open.has(run) ? "open" : this.runs.has(run) ? "ended" : null),
      random: () => 0.5,
      fired: (outcome, lateMs) => this.fired.push([outcome, lateMs]),
      problem: (message) => this.problems.push(message),
    };
  }

  /** When the runs were due that have begun, without the day. */
  due(): string[] {
    return [...this.runs.values()].flatMap(({ metadata }) =>
      metadata?.["due_at"] === undefined ? [] : [String(metadata["due_at"]).slice(11, 19)],
    );
  }

  at(time: string): void {
    this.now = Date.parse(`2026-01-01T${time}Z`);
  }
}
