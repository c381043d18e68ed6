import { AppError, parseDuration, parseTime, type Json } from "@weftwork/core";
import type { NewSchedule, ScheduleChange } from "@weftwork/sdk";
import { cronProblem, type CronRule } from "./cron.ts";
import { CATCH_UPS } from "./due.ts";
import type { StoredSchedule } from "./rows.ts";

/** What of a schedule its owner sets. */
export type Settings = Pick<
  StoredSchedule,
  | "name"
  | "workflow"
  | "version"
  | "root"
  | "inputs"
  | "priority"
  | "metadata"
  | "cron"
  | "zone"
  | "catchUp"
  | "overlap"
  | "jitterMs"
  | "startsAt"
  | "endsAt"
>;

/** What a schedule carries is read each time that it is due, and shown in every list. */
const CARRIED_CHARACTERS_MAX = 256 * 1024;
/** A day: longer than that starts are not spread but put off. */
const JITTER_MS_MAX = 86_400_000;

/** The settings of a new schedule; `given` is the rule of the node that it begins at. Throws `SCHEDULE_INVALID`. */
export function settingsOf(made: NewSchedule, given: CronRule | null): Settings {
  const cron = made.cron ?? given?.cron;
  if (cron === undefined)
    throw invalid(
      made.root == null
        ? "cron is missing; write one such as 0 9 * * *"
        : `the node ${made.root} of ${made.workflow} says no time; give one as cron, such as 0 9 * * *`,
    );
  const before: Settings = {
    name: made.name,
    workflow: made.workflow,
    version: null,
    root: null,
    inputs: {},
    priority: null,
    metadata: {},
    cron,
    // The zone of the node belongs to its own times.
    zone: made.cron === undefined ? given!.zone : "UTC",
    catchUp: "last",
    overlap: "allow",
    jitterMs: 0,
    startsAt: null,
    endsAt: null,
  };
  return changed(before, made);
}

/** The settings with what a change gives. Throws `SCHEDULE_INVALID`. */
export function changed(before: Settings, change: ScheduleChange): Settings {
  const { catch_up, jitter, starts_at, ends_at, ...rest } = change;
  const given = Object.fromEntries(
    Object.entries(rest).filter(([, value]) => value !== undefined),
  ) as Partial<Settings>;
  const after: Settings = {
    ...before,
    ...given,
    ...(catch_up === undefined ? {} : { catchUp: catch_up }),
    ...(jitter === undefined ? {} : { jitterMs: jitterOf(jitter) }),
    ...(starts_at === undefined ? {} : { startsAt: timeOf("starts_at", starts_at) }),
    ...(ends_at === undefined ? {} : { endsAt: timeOf("ends_at", ends_at) }),
  };
  check(after);
  return after;
}

/** Throws `SCHEDULE_INVALID` for a rule that has no times. */
export function checkRule(rule: CronRule): void {
  const problem = cronProblem(rule);
  if (problem !== null) throw invalid(problem);
}

function check(settings: Settings): void {
  checkRule(settings);
  const { name, workflow, version, root, catchUp, overlap, startsAt, endsAt } = settings;
  if (name.trim() !== name || name === "") throw invalid("name is empty, or begins or ends with a space");
  // A database would not take it.
  if ([name, workflow, version, root].some((text) => text?.includes("\0"))) throw invalid("a name has a character 0");
  if (JSON.stringify([settings.inputs, settings.metadata]).length > CARRIED_CHARACTERS_MAX)
    throw invalid(
      `inputs and metadata have more than ${CARRIED_CHARACTERS_MAX} characters; put large values into a file`,
    );
  if (!CATCH_UPS.includes(catchUp)) throw invalid(`catch_up is none of ${CATCH_UPS.join(", ")}`);
  if (overlap !== "allow" && overlap !== "skip") throw invalid("overlap is neither allow nor skip");
  if (startsAt !== null && endsAt !== null && startsAt >= endsAt) throw invalid("ends_at is not behind starts_at");
}

function jitterOf(jitter: Json): number {
  const ms = parseDuration(jitter);
  if (ms === null || ms > JITTER_MS_MAX)
    throw invalid(`jitter ${JSON.stringify(jitter)} is no duration up to a day; write one such as 60s`);
  return ms;
}

function timeOf(member: string, text: string | null): number | null {
  const time = text === null ? null : parseTime(text);
  if (text === null || time !== null) return time;
  throw invalid(`${member} is no time: ${text.slice(0, 100)}; write one such as 2026-12-31T08:00:00Z`);
}

export function invalid(reason: string): AppError {
  return new AppError("SCHEDULE_INVALID", { reason });
}
