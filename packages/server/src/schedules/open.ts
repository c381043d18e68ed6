import type { Plan } from "@weftwork/core";
import type { Run, RunSubmission } from "@weftwork/sdk";
import type { SqlClock } from "../db/database-clock.ts";
import type { Database } from "../db/database.ts";
import { Scheduler, type SchedulerOptions } from "./scheduler.ts";
import { Schedules } from "./schedules.ts";
import { ScheduleTable } from "./table.ts";

export type { Schedules };

export interface OpenSchedulesOptions extends Pick<SchedulerOptions, "clock" | "fired" | "problem"> {
  readonly database: Database;
  readonly tenant: string;
  /** The clock that due times are compared with. */
  readonly sqlClock: SqlClock;
  readonly plan: (workflow: string, version: string | null) => Promise<Plan>;
  readonly runs: {
    check(submission: RunSubmission): Promise<void>;
    start(
      submission: RunSubmission & { readonly idempotencyKey?: string },
    ): Promise<{ readonly run: Run; readonly created: boolean }>;
    get(id: string): Promise<Run | null>;
  };
  /** Whether this process begins their runs. */
  readonly works: boolean;
}

/** The schedules of a tenant, and what begins their runs where this process works. */
export function openSchedules(options: OpenSchedulesOptions): {
  readonly schedules: Schedules;
  close(): Promise<void>;
} {
  const { database, tenant, sqlClock, runs, clock, fired, problem, works } = options;
  const table = new ScheduleTable(database, tenant, sqlClock);
  const scheduler = new Scheduler({
    table,
    start: (submission) => runs.start(submission),
    async stateOf(id) {
      const run = await runs.get(id);
      return run === null ? null : run.finished_at === null ? "open" : "ended";
    },
    clock,
    random: Math.random,
    fired,
    problem,
  });
  if (works) scheduler.start();
  const schedules = new Schedules({
    table,
    plan: options.plan,
    check: (submission) => runs.check(submission),
    start: (submission) => runs.start(submission),
    changed: () => scheduler.wake(),
  });
  return { schedules, close: () => scheduler.close() };
}
