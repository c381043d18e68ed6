import { repeatable, type Api, type CallOptions, type RepeatableOptions } from "./api.ts";
import type {
  NewSchedule,
  Schedule,
  ScheduleChange,
  ScheduleDetail,
  SchedulePreview,
  SchedulePreviewRequest,
  ScheduleTriggered,
} from "./schedule.ts";

/** Schedules: when runs of workflows begin by themselves. One is named by its id or by its name. */
export class ScheduleClient {
  private readonly api: Api;

  constructor(api: Api) {
    this.api = api;
  }

  /** All of them, by name. */
  list(options: CallOptions = {}): Promise<readonly Schedule[]> {
    return this.api.all("/api/schedules", options);
  }

  /** Makes a schedule; its first run begins at its next time. */
  create(schedule: NewSchedule, options: CallOptions = {}): Promise<Schedule> {
    return this.api.json("POST", "/api/schedules", { ...options, body: { ...schedule } });
  }

  /** A schedule with its next five times and what became of the last ones. */
  get(schedule: string, options: CallOptions = {}): Promise<ScheduleDetail> {
    return this.api.json("GET", pathOf(schedule), options);
  }

  /** Changes what is given. Another rule counts from now on. */
  update(schedule: string, change: ScheduleChange, options: CallOptions = {}): Promise<Schedule> {
    return this.api.json("PATCH", pathOf(schedule), { ...options, body: { ...change } });
  }

  /** No run begins by it until it is resumed. */
  pause(schedule: string, options: CallOptions = {}): Promise<Schedule> {
    return this.api.json("POST", `${pathOf(schedule)}/pause`, options);
  }

  /** Goes on with the first time from now on. */
  resume(schedule: string, options: CallOptions = {}): Promise<Schedule> {
    return this.api.json("POST", `${pathOf(schedule)}/resume`, options);
  }

  /** Removes it; its runs stay. */
  async remove(schedule: string, options: CallOptions = {}): Promise<void> {
    await this.api.send("DELETE", pathOf(schedule), options);
  }

  /** Begins a run of it now. With an idempotency key a repeat is the same run. */
  trigger(schedule: string, options: RepeatableOptions = {}): Promise<ScheduleTriggered> {
    return this.api.json("POST", `${pathOf(schedule)}/trigger`, repeatable(undefined, options));
  }

  /** The times of a rule, without a schedule. */
  preview(asked: SchedulePreviewRequest, options: CallOptions = {}): Promise<SchedulePreview> {
    return this.api.json("POST", "/api/schedules/preview", { ...options, body: { ...asked } });
  }
}

function pathOf(schedule: string): string {
  return `/api/schedules/${encodeURIComponent(schedule)}`;
}
