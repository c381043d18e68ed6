import type { JsonObject } from "@weftwork/core";
import type { Page } from "./detail.ts";
import type {
  NewSchedule,
  Schedule,
  ScheduleChange,
  ScheduleDetail,
  SchedulePreview,
  SchedulePreviewRequest,
  ScheduleTriggered,
} from "./schedule.ts";

type Send = (
  method: string,
  path: string,
  options: {
    readonly body?: JsonObject;
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
  },
) => Promise<Response>;

interface Call {
  readonly signal?: AbortSignal;
}

/** Schedules: when runs of workflows begin by themselves. One is named by its id or by its name. */
export class ScheduleClient {
  private readonly send: Send;

  constructor(send: Send) {
    this.send = send;
  }

  /** All of them, by name. */
  async list(options: Call = {}): Promise<readonly Schedule[]> {
    const all: Schedule[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`;
      const page: Page<Schedule> = await this.json("GET", `/api/schedules${query}`, options);
      all.push(...page.data);
      cursor = page.next_cursor;
    } while (cursor !== null);
    return all;
  }

  /** Makes a schedule; its first run begins at its next time. */
  create(schedule: NewSchedule, options: Call = {}): Promise<Schedule> {
    return this.json("POST", "/api/schedules", { ...options, body: { ...schedule } as JsonObject });
  }

  /** A schedule with its next five times and what became of the last ones. */
  get(schedule: string, options: Call = {}): Promise<ScheduleDetail> {
    return this.json("GET", pathOf(schedule), options);
  }

  /** Changes what is given. Another rule counts from now on. */
  update(schedule: string, change: ScheduleChange, options: Call = {}): Promise<Schedule> {
    return this.json("PATCH", pathOf(schedule), { ...options, body: { ...change } as JsonObject });
  }

  /** No run begins by it until it is resumed. */
  pause(schedule: string, options: Call = {}): Promise<Schedule> {
    return this.json("POST", `${pathOf(schedule)}/pause`, options);
  }

  /** Goes on with the first time from now on. */
  resume(schedule: string, options: Call = {}): Promise<Schedule> {
    return this.json("POST", `${pathOf(schedule)}/resume`, options);
  }

  /** Removes it; its runs stay. */
  async remove(schedule: string, options: Call = {}): Promise<void> {
    await this.send("DELETE", pathOf(schedule), options);
  }

  /** Begins a run of it now. With an idempotency key a repeat is the same run. */
  trigger(schedule: string, options: Call & { readonly idempotencyKey?: string } = {}): Promise<ScheduleTriggered> {
    const { idempotencyKey: key, ...call } = options;
    const headers: Record<string, string> = key === undefined ? {} : { "idempotency-key": key };
    return this.json("POST", `${pathOf(schedule)}/trigger`, { ...call, headers });
  }

  /** The times of a rule, without a schedule. */
  preview(asked: SchedulePreviewRequest, options: Call = {}): Promise<SchedulePreview> {
    return this.json("POST", "/api/schedules/preview", { ...options, body: { ...asked } });
  }

  private async json<Answer>(method: string, path: string, options: Parameters<Send>[2]): Promise<Answer> {
    return (await (await this.send(method, path, options)).json()) as Answer;
  }
}

function pathOf(schedule: string): string {
  return `/api/schedules/${encodeURIComponent(schedule)}`;
}
