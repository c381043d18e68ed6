import type { Evidence, Violation } from "./evidence.ts";
import type { RecordedRun } from "./record-reader.ts";

/** I13: a run of a killed process moves again within this time. */
export const RECOVERY_MS = 30_000;
const EARLY_MS = 1000;
/** I11: after an outage. */
const LATE_MS = 30_000;

/**
 * I13: for every run that a killed process held, or whose step it was doing, the time to the run's next row. Where
 * another kill met the run in between, the time counts from that one; the limit counts from the last outage as well.
 */
export function judgeRecovery(
  runs: readonly RecordedRun[],
  { hits, faults, recoveryMs = RECOVERY_MS }: Evidence,
  violations: Violation[],
): readonly number[] {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const recoveries: number[] = [];
  const outages = faults.filter(({ kind }) => kind === "database" || kind === "broker");
  for (const [id, all] of Map.groupBy(hits, ({ run }) => run)) {
    const times = (byId.get(id)?.rows ?? []).flatMap(({ decisions }) => decisions.map(({ at }) => at));
    for (const [place, { at, process, held }] of all.entries()) {
      const next = times.find((time) => time > at);
      const again = all[place + 1]?.at ?? Number.POSITIVE_INFINITY;
      if (next === undefined || next > again) continue;
      recoveries.push(next - at);
      // A ticket that is lost behind the takeover is another fault, with a time of its own (F42), and so is an outage.
      const since = Math.max(at, ...outages.filter(({ until }) => until < next).map(({ until }) => until));
      if (next - since <= recoveryMs) continue;
      const what = `stood still for ${next - at} ms after ${process} was killed, which held the ${held}`;
      violations.push({ invariant: "I13", run: id, what });
    }
  }
  return recoveries.toSorted((a, b) => a - b);
}

/** I11: no timer fires more than a second early, nor much later than the faults explain. The greatest lateness. */
export function judgeTimers(runs: readonly RecordedRun[], { faults }: Evidence, violations: Violation[]): number {
  let latest = 0;
  // A kill lasts that long only where all processes are away together: nobody could fire a timer before its end.
  const away = faults.filter(({ kind, at, until }) => kind === "kill" && until - at > LATE_MS);
  for (const run of runs) {
    const due = new Map<string, number>();
    for (const { at, events } of run.rows.flatMap(({ decisions }) => decisions)) {
      for (const event of events) {
        if (!("scope" in event) || !("node" in event)) continue;
        const place = `${event.scope}/${event.node}`;
        if (event.type === "task_waiting" && event.waiting.type === "time" && event.dueAt !== null)
          due.set(place, event.dueAt);
        const dueAt = event.type === "task_completed" ? due.get(place) : undefined;
        if (dueAt === undefined) continue;
        const over = away.filter((fault) => fault.at <= dueAt && fault.until > dueAt && fault.until <= at);
        const late = at - Math.max(dueAt, ...over.map(({ until }) => until));
        latest = Math.max(latest, late);
        const note = (what: string): void => void violations.push({ invariant: "I11", run: run.id, what });
        if (late < -EARLY_MS) note(`the timer of ${place} fired ${-late} ms early`);
        const disturbed = faults.some((fault) => fault.at <= at && fault.until >= dueAt - LATE_MS);
        if (late > (disturbed ? LATE_MS : 5000)) note(`the timer of ${place} fired ${late} ms late`);
      }
    }
  }
  return latest;
}
