import { hash32 } from "@weftwork/core";
import { lastTime, nextTime, type CronRule } from "./cron.ts";

/** When a schedule begins runs. Times and durations are milliseconds. */
export interface Timing extends CronRule {
  /** No time before it. */
  readonly startsAt: number | null;
  /** No time from it on. */
  readonly endsAt: number | null;
  /** Starts are spread over so long by the id of the schedule. */
  readonly jitterMs: number;
  readonly catchUp: CatchUp;
}

/** What becomes of times that passed while nobody was there to begin their runs. */
export type CatchUp = "skip" | "last" | "all";
export const CATCH_UPS: readonly CatchUp[] = ["skip", "last", "all"];

/** A time is missed when it is later than this: longer than it takes another process to step in. */
export const LATE_MS = 60_000;
/** Missed times that `all` makes up for at most; the newest. */
export const CATCH_UP_MAX = 10;

/** What is to be done about a due time. */
export interface DueStep {
  /** The time whose run begins now; null: none. */
  readonly fire: number | null;
  /** The first and the last of the times that are given up; null: none is. */
  readonly missed: { readonly first: number; readonly last: number } | null;
  /** The time after that; null: none comes any more. */
  readonly next: number | null;
}

/** The first time behind `after` that lies within the limits of the schedule; null when none does. */
export function nextDue(timing: Timing, after: number): number | null {
  const from = timing.startsAt === null ? after : Math.max(after, timing.startsAt - 1);
  const next = nextTime(timing, from);
  return next === null || (timing.endsAt !== null && next >= timing.endsAt) ? null : next;
}

/** How much later than its times a schedule begins its runs: the same each time, so that their distances stay. */
export function delayOf(id: string, jitterMs: number): number {
  return jitterMs === 0 ? 0 : hash32(id) % (jitterMs + 1);
}

/**
 * What is to be done about `due`, a time of the schedule, at `now` (less the delay of its jitter); null while it is not
 * due. One run at most at a time, so that each is recorded before the next begins: asked again with `next` until it
 * answers null, it makes up for what was missed by the rule of the schedule.
 */
export function dueStep(timing: Timing, due: number, now: number): DueStep | null {
  if (due > now) return null;
  const late = now - LATE_MS;
  const fire = due >= late ? due : caughtUp(timing, due, late, now);
  if (fire === due) return { fire, missed: null, next: nextDue(timing, due) };
  const last = lastDue(timing, due, (fire ?? late) - 1);
  return { fire, missed: { first: due, last }, next: nextDue(timing, fire ?? last) };
}

/** The time that the rule begins with, of those from `due` on; those from `late` on are not missed. */
function caughtUp(timing: Timing, due: number, late: number, now: number): number | null {
  switch (timing.catchUp) {
    case "skip":
      return null;
    case "last": {
      const last = lastDue(timing, due, now);
      // What is on time comes by itself.
      return last >= late ? null : last;
    }
    case "all": {
      let first = lastDue(timing, due, late - 1);
      for (let count = 1; count < CATCH_UP_MAX && first > due; count++) first = lastDue(timing, due, first - 1);
      return first;
    }
  }
}

/** The last time from `due` on that is not behind `upTo`. It is `due` itself where the zone has other rules by now. */
function lastDue(timing: Timing, due: number, upTo: number): number {
  const limit = timing.endsAt === null ? upTo : Math.min(upTo, timing.endsAt - 1);
  return lastTime(timing, due - 1, limit) ?? due;
}
