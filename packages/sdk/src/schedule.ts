import type { JsonObject, Priority } from "@weftwork/core";

/** What becomes of times that passed while no server was there: none, the last, or up to ten of them. */
export type ScheduleCatchUp = "skip" | "last" | "all";
/** Whether a run begins while the one before it is still open. */
export type ScheduleOverlap = "allow" | "skip";

/** Why a run could not begin. */
export interface ScheduleError {
  readonly code: string;
  readonly message: string;
}

/** When runs of a workflow begin by themselves, and with what. */
export interface Schedule {
  readonly id: string;
  /** Unique; stands for the id in every path. */
  readonly name: string;
  readonly workflow: string;
  /** Null: the newest at the time. */
  readonly version: string | null;
  /** The node that the run of a Dify file begins at. */
  readonly root: string | null;
  readonly inputs: JsonObject;
  readonly priority: Priority | null;
  readonly metadata: JsonObject;
  readonly cron: string;
  readonly zone: string;
  readonly catch_up: ScheduleCatchUp;
  readonly overlap: ScheduleOverlap;
  /** Starts are spread over so long: `60s`. */
  readonly jitter: string;
  readonly starts_at: string | null;
  readonly ends_at: string | null;
  /** `ended`: no time comes any more. */
  readonly status: "active" | "paused" | "ended";
  /** When the next run begins, with its jitter. */
  readonly next_at: string | null;
  /** The run that it has begun last. */
  readonly last_run: string | null;
  /** Times in a row whose run could not begin. */
  readonly failures: number;
  /** Why the last of them could not. */
  readonly last_error: ScheduleError | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly links: { readonly self: string };
}

/** What became of a time of a schedule. */
export interface ScheduleFire {
  /** The time by its rule; of a start by hand, when it was asked for. */
  readonly due_at: string;
  /** `missed`: given up by the rule for catching up. `skipped`: the run before was still open. */
  readonly outcome: "started" | "triggered" | "skipped" | "missed" | "failed";
  /** Of several that were missed, the last one. */
  readonly until: string | null;
  readonly run: string | null;
  readonly error: ScheduleError | null;
  readonly fired_at: string;
}

/** A schedule with what comes and what was. */
export interface ScheduleDetail extends Schedule {
  /** The next five times, with their jitter. */
  readonly next: readonly string[];
  /** The newest first; 50 are kept. */
  readonly fires: readonly ScheduleFire[];
}

/** What makes a schedule. */
export interface NewSchedule {
  readonly name: string;
  readonly workflow: string;
  readonly version?: string | null;
  readonly root?: string | null;
  readonly inputs?: JsonObject;
  /** Five fields, six with seconds, or `@daily`. Left out: as the node `root` of a Dify file says. */
  readonly cron?: string;
  /** A zone of the IANA database. Default: UTC, or as the node says. */
  readonly zone?: string;
  /** Default: `last`. */
  readonly catch_up?: ScheduleCatchUp;
  /** Default: `allow`. */
  readonly overlap?: ScheduleOverlap;
  /** A duration (`"60s"`) or seconds. Default: 0. */
  readonly jitter?: string | number;
  readonly priority?: Priority | null;
  readonly metadata?: JsonObject;
  /** No time before it. */
  readonly starts_at?: string | null;
  /** No time from it on. */
  readonly ends_at?: string | null;
}

/** What changes a schedule: what is left out stays. */
export type ScheduleChange = Partial<NewSchedule>;

/** What the times of a rule would be. */
export interface SchedulePreviewRequest {
  readonly cron: string;
  readonly zone?: string;
  /** Times behind it. Default: now. */
  readonly after?: string;
  /** 1 to 100. Default: 5. */
  readonly count?: number;
}

export interface SchedulePreview {
  readonly cron: string;
  readonly zone: string;
  readonly times: readonly string[];
}

/** A run that was begun by hand. */
export interface ScheduleTriggered {
  readonly run: string;
  /** False: the idempotency key has begun it before. */
  readonly created: boolean;
}
