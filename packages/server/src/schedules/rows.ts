import type { JsonObject, Priority } from "@weftwork/core";
import type { ScheduleError, ScheduleFire, ScheduleOverlap } from "@weftwork/sdk";
import type { Selectable } from "kysely";
import type { Tables } from "../db/schema.ts";
import type { CatchUp, Timing } from "./due.ts";

/** A schedule as it is stored. Times are milliseconds. */
export interface StoredSchedule extends Timing {
  readonly id: string;
  readonly name: string;
  readonly workflow: string;
  readonly version: string | null;
  readonly root: string | null;
  readonly inputs: JsonObject;
  readonly priority: Priority | null;
  readonly metadata: JsonObject;
  readonly overlap: ScheduleOverlap;
  readonly paused: boolean;
  readonly revision: number;
  readonly dueAt: number | null;
  readonly fireAt: number | null;
  readonly lastRun: string | null;
  readonly failures: number;
  readonly lastError: ScheduleError | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What became of a time. */
export interface StoredFire {
  readonly dueAt: number;
  readonly outcome: ScheduleFire["outcome"];
  readonly until: number | null;
  readonly run: string | null;
  readonly error: ScheduleError | null;
}

/** A move of a schedule to its next time, with all that became of the one before. */
export interface Move {
  readonly dueAt: number | null;
  readonly fireAt: number | null;
  readonly fires: readonly StoredFire[];
}

/** The row of a schedule as a value. */
export function storedOf(row: Selectable<Tables["schedule"]>): StoredSchedule {
  return {
    id: row.id,
    name: row.name,
    workflow: row.workflow,
    version: row.version,
    root: row.root,
    inputs: JSON.parse(row.inputs) as JsonObject,
    priority: row.priority as Priority | null,
    metadata: JSON.parse(row.metadata) as JsonObject,
    cron: row.cron,
    zone: row.zone,
    catchUp: row.catch_up as CatchUp,
    overlap: row.overlap as ScheduleOverlap,
    jitterMs: Number(row.jitter_ms),
    startsAt: timeOf(row.starts_at),
    endsAt: timeOf(row.ends_at),
    paused: row.paused === 1,
    revision: row.revision,
    dueAt: timeOf(row.due_at),
    fireAt: timeOf(row.fire_at),
    lastRun: row.last_run,
    failures: row.failures,
    lastError: row.last_error === null ? null : (JSON.parse(row.last_error) as ScheduleError),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}

/** The value as a row, without its tenant. */
export function rowOf(schedule: StoredSchedule): Omit<Selectable<Tables["schedule"]>, "tenant"> {
  const { id, name, workflow, version, root, priority, cron, zone, overlap, revision, failures } = schedule;
  const same = { id, name, workflow, version, root, priority, cron, zone, overlap, revision, failures };
  return {
    ...same,
    inputs: JSON.stringify(schedule.inputs),
    metadata: JSON.stringify(schedule.metadata),
    catch_up: schedule.catchUp,
    jitter_ms: schedule.jitterMs,
    starts_at: schedule.startsAt,
    ends_at: schedule.endsAt,
    paused: schedule.paused ? 1 : 0,
    due_at: schedule.dueAt,
    fire_at: schedule.fireAt,
    last_run: schedule.lastRun,
    last_error: schedule.lastError === null ? null : JSON.stringify(schedule.lastError),
    created_at: schedule.createdAt,
    updated_at: schedule.updatedAt,
  };
}

export function timeOf(value: number | string | null): number | null {
  return value === null ? null : Number(value);
}
