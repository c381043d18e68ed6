import type { Schedule, ScheduleFire } from "@weftwork/sdk";
import { delayOf, nextDue, type Timing } from "./due.ts";
import type { StoredFire, StoredSchedule } from "./rows.ts";

/** A schedule as the API shows it. */
export function scheduleView(stored: StoredSchedule): Schedule {
  const { id, name, workflow, version, root, inputs, priority, metadata, cron, zone, overlap } = stored;
  const same = { id, name, workflow, version, root, inputs, priority, metadata, cron, zone };
  return {
    ...same,
    catch_up: stored.catchUp,
    overlap,
    jitter: durationText(stored.jitterMs),
    starts_at: textOf(stored.startsAt),
    ends_at: textOf(stored.endsAt),
    status: stored.paused ? "paused" : stored.dueAt === null ? "ended" : "active",
    next_at: textOf(stored.fireAt),
    last_run: stored.lastRun,
    failures: stored.failures,
    last_error: stored.lastError,
    created_at: textOf(stored.createdAt),
    updated_at: textOf(stored.updatedAt),
    links: { self: `/api/schedules/${id}` },
  };
}

export function fireView(fire: StoredFire & { readonly firedAt: number }): ScheduleFire {
  return {
    due_at: textOf(fire.dueAt),
    outcome: fire.outcome,
    until: textOf(fire.until),
    run: fire.run,
    error: fire.error,
    fired_at: textOf(fire.firedAt),
  };
}

/** The next times from `first` on, when runs begin by them. */
export function nextStarts(id: string, timing: Timing, first: number | null, count: number): readonly string[] {
  const times: string[] = [];
  const delay = delayOf(id, timing.jitterMs);
  for (let at = first; at !== null && times.length < count; at = nextDue(timing, at)) times.push(textOf(at + delay));
  return times;
}

export function textOf(time: number): string;
export function textOf(time: number | null): string | null;
export function textOf(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/** As `parseDuration` reads it: whole seconds where it can be said so. */
function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
