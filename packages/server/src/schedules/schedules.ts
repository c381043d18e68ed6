import { AppError, rootsOf, type Plan } from "@weftwork/core";
import type {
  NewSchedule,
  Page,
  Run,
  RunSubmission,
  Schedule,
  ScheduleChange,
  ScheduleDetail,
  SchedulePreview,
  SchedulePreviewRequest,
  ScheduleTriggered,
} from "@weftwork/sdk";
import { v7 as uuid } from "uuid";
import { nextTimes, type CronRule } from "./cron.ts";
import { delayOf, nextDue } from "./due.ts";
import { changed, checkRule, invalid, settingsOf, type Settings } from "./read.ts";
import { submissionOf } from "./submission.ts";
import type { StoredSchedule } from "./rows.ts";
import type { Rooted, ScheduleTable } from "./table.ts";
import { fireView, nextStarts, scheduleView, textOf } from "./view.ts";

export interface SchedulesOptions {
  readonly table: ScheduleTable;
  /** The version that a run would get. Throws `WORKFLOW_NOT_FOUND`. */
  readonly plan: (workflow: string, version: string | null) => Promise<Plan>;
  /** Throws what would keep such a run from beginning. */
  readonly check: (submission: RunSubmission) => Promise<void>;
  readonly start: (
    submission: RunSubmission & { readonly idempotencyKey?: string },
  ) => Promise<{ readonly run: Run; readonly created: boolean }>;
  /** Told when times have changed, so that who begins runs looks again. */
  readonly changed: () => void;
}

const NEXT_SHOWN = 5;
const PAGE_MAX = 200;
const PREVIEW_MAX = 100;
const SCHEDULES_MAX = 10_000;
/** Tries of a change that others come before. */
const TRIES = 5;

/** The schedules of a tenant, as everybody outside deals with them. The scheduler begins their runs. */
export class Schedules {
  private readonly options: SchedulesOptions;

  constructor(options: SchedulesOptions) {
    this.options = options;
  }

  /** A page of them, by name. Throws `INVALID_REQUEST` for a cursor that no page gave. */
  async list(asked: { readonly limit?: number; readonly cursor?: string } = {}): Promise<Page<Schedule>> {
    const { limit = PAGE_MAX, cursor } = asked;
    const after = cursor === undefined ? "" : Buffer.from(cursor, "base64url").toString("utf8");
    if (after.includes("\0") || (cursor !== undefined && after === ""))
      throw new AppError("INVALID_REQUEST", { reason: "the cursor is not one that a page gave; begin without one" });
    const found = await this.options.table.page(after, limit + 1);
    const data = found.slice(0, limit);
    const hasMore = found.length > limit;
    return {
      data: data.map(scheduleView),
      next_cursor: hasMore ? Buffer.from(data.at(-1)!.name).toString("base64url") : null,
    };
  }

  /** Those that begin at a node of a Dify file. */
  atRoots(): Promise<readonly Rooted[]> {
    return this.options.table.atRoots();
  }

  /** A schedule by its id or name, with its next times and its last ones. Throws `SCHEDULE_NOT_FOUND`. */
  async find(named: string): Promise<ScheduleDetail> {
    const stored = await this.stored(named);
    const fires = await this.options.table.fires(stored.id);
    return {
      ...scheduleView(stored),
      next: nextStarts(stored.id, stored, stored.dueAt, NEXT_SHOWN),
      fires: fires.map(fireView),
    };
  }

  /** Throws what is wrong with it, `SCHEDULE_EXISTS`, and what would keep its run from beginning today. */
  async create(made: NewSchedule): Promise<Schedule> {
    const { table } = this.options;
    const settings = settingsOf(made, await this.ruleOf(made));
    await this.options.check(submissionOf(settings, {}));
    if ((await table.count()) >= SCHEDULES_MAX) throw invalid(`there are ${SCHEDULES_MAX} already`);
    const now = await table.now();
    const schedule: StoredSchedule = {
      id: `sch_${uuid()}`,
      ...settings,
      paused: false,
      revision: 1,
      dueAt: null,
      fireAt: null,
      lastRun: null,
      failures: 0,
      lastError: null,
      createdAt: now,
      updatedAt: now,
    };
    const timed = withTimes(schedule, now);
    if (timed.dueAt === null) throw invalid("no time comes by it any more");
    await table.add(timed);
    this.options.changed();
    return scheduleView(timed);
  }

  /** Changes what is given; the rest stays. Another rule counts from now on: nothing is caught up by it. */
  update(named: string, change: ScheduleChange): Promise<Schedule> {
    return this.change(named, async (stored, now) => {
      const after = changed(stored, change);
      // A schedule that cannot begin its runs any more must stay changeable.
      if (STARTING.some((member) => change[member] !== undefined)) await this.options.check(submissionOf(after, {}));
      const hasTimes = TIMING.some((member) => after[member] !== stored[member]);
      const next = { ...stored, ...after };
      const timed = hasTimes && !stored.paused ? withTimes(next, now) : next;
      if (hasTimes && nextDue(next, now) === null) throw invalid("no time comes by it any more");
      return { timed, hasTimes };
    });
  }

  /** No run begins by it until it is resumed. */
  pause(named: string): Promise<Schedule> {
    return this.change(named, async (stored) => ({
      timed: { ...stored, paused: true, dueAt: null, fireAt: null },
      hasTimes: true,
    }));
  }

  /** Goes on with the first time from now on: what passed while it was paused is not caught up. */
  resume(named: string): Promise<Schedule> {
    return this.change(named, async (stored, now) =>
      stored.paused
        ? { timed: withTimes({ ...stored, paused: false }, now), hasTimes: true }
        : { timed: stored, hasTimes: false },
    );
  }

  /** Its runs stay. Throws `SCHEDULE_NOT_FOUND`. */
  async remove(named: string): Promise<void> {
    const { id } = await this.stored(named);
    await this.options.table.remove(id);
  }

  /** Begins a run of it now, whatever its times are, and whether or not it is paused. */
  async trigger(named: string, options: { readonly idempotencyKey?: string } = {}): Promise<ScheduleTriggered> {
    const { table, start } = this.options;
    const stored = await this.stored(named);
    const now = await table.now();
    const key = options.idempotencyKey;
    const submission = submissionOf(stored, { schedule: stored.id, triggered_at: textOf(now) });
    const { run, created } = await start({
      ...submission,
      ...(key === undefined ? {} : { idempotencyKey: `schedule:${stored.id}:${key}` }),
    });
    if (created) {
      await table.triggered(stored.id, { dueAt: now, outcome: "triggered", until: null, run: run.id, error: null });
    }
    return { run: run.id, created };
  }

  /** The times of a rule, without a schedule. Throws `SCHEDULE_INVALID`. */
  async preview(asked: SchedulePreviewRequest): Promise<SchedulePreview> {
    const { cron, zone = "UTC", after, count = NEXT_SHOWN } = asked;
    const rule: CronRule = { cron, zone };
    checkRule(rule);
    if (!Number.isInteger(count) || count < 1 || count > PREVIEW_MAX)
      throw invalid(`count must be a whole number from 1 to ${PREVIEW_MAX}`);
    const from = after === undefined ? await this.options.table.now() : Date.parse(after);
    return { cron, zone, times: nextTimes(rule, from, count).map((time) => textOf(time)) };
  }

  private async change(
    named: string,
    work: (
      stored: StoredSchedule,
      now: number,
    ) => Promise<{ readonly timed: StoredSchedule; readonly hasTimes: boolean }>,
  ): Promise<Schedule> {
    const { table } = this.options;
    for (let tries = 0; tries < TRIES; tries++) {
      const stored = await this.stored(named);
      const now = await table.now();
      const { timed, hasTimes } = await work(stored, now);
      const after = { ...timed, updatedAt: now };
      if (!(await table.change(after, hasTimes))) continue;
      this.options.changed();
      return scheduleView((await table.find(stored.id)) ?? after);
    }
    throw invalid("others change it at the same time");
  }

  private async stored(named: string): Promise<StoredSchedule> {
    const found = named.includes("\0") ? null : await this.options.table.find(named);
    if (found === null) throw new AppError("SCHEDULE_NOT_FOUND", { schedule: named.slice(0, 200) });
    return found;
  }

  /** The rule that the node says whose times a schedule without a rule of its own is to have. */
  private async ruleOf({ workflow, version, root, cron }: NewSchedule): Promise<CronRule | null> {
    if (cron !== undefined || root == null) return null;
    const { workflow: flow } = await this.options.plan(workflow, version ?? null);
    return rootsOf(flow.steps).find(({ id }) => id === root)?.root?.schedule ?? null;
  }
}

/** The settings that decide whether a run can begin. */
const STARTING = [
  "workflow",
  "version",
  "root",
  "inputs",
  "priority",
] as const satisfies readonly (keyof ScheduleChange)[];
/** Those that decide about times. */
const TIMING = ["cron", "zone", "jitterMs", "startsAt", "endsAt"] as const satisfies readonly (keyof Settings)[];

function withTimes(schedule: StoredSchedule, now: number): StoredSchedule {
  const delay = delayOf(schedule.id, schedule.jitterMs);
  // A time whose delay is still running counts as one to come; if its run has begun already, its id stands for that.
  const dueAt = nextDue(schedule, Math.max(now - delay, schedule.createdAt));
  return { ...schedule, dueAt, fireAt: dueAt === null ? null : dueAt + delay };
}
