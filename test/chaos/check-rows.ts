import type { Evidence, Violation } from "./evidence.ts";
import type { RecordedRun } from "./record-reader.ts";

const FINAL: ReadonlySet<string> = new Set(["run_completed", "run_failed", "run_cancelled"]);
const RESULTS: ReadonlySet<string> = new Set(["task_completed", "task_failed", "task_retried"]);

/**
 * I1: every accepted run is there and has ended, well: none failed because of what was done to the engine. Those that
 * cannot succeed have failed for their own reason.
 */
export function judgeAccepted(
  runs: readonly RecordedRun[],
  { accepted, cancelled = [], failing = {} }: Evidence,
  violations: Violation[],
): number {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const mayEnd = new Set(cancelled);
  let lost = 0;
  for (const { id } of accepted) {
    const run = byId.get(id);
    const note = (what: string): void => void violations.push({ invariant: "I1", run: id, what });
    const code = failing[id]?.code;
    if (!run) {
      lost += 1;
      note("was accepted and is lost");
    } else if (!run.hasEnded) {
      note(`has not ended: ${run.status} at row ${run.rows.length}, epoch ${run.epoch}, owned: ${run.isOwned}`);
    } else if (code !== undefined) {
      if (run.status !== "failed" || run.errorCode !== code)
        note(`ended as ${run.status} (${run.errorCode}), and was to fail with ${code}`);
    } else if (run.status !== "succeeded" && !(run.status === "cancelled" && mayEnd.has(id)))
      note(`ended as ${run.status} (${run.errorCode})`);
  }
  return lost;
}

/** I2: rows 1..n, epochs never fall, the first event is the start, one final event and nothing behind it. */
export function judgeRows(run: RecordedRun, violations: Violation[]): void {
  const note = (what: string): void => void violations.push({ invariant: "I2", run: run.id, what });
  let epoch = 0;
  run.rows.forEach((row, at) => {
    if (row.seq !== at + 1) note(`row ${row.seq} stands at place ${at + 1}`);
    if (row.epoch < epoch) note(`the epoch falls from ${epoch} to ${row.epoch} at row ${row.seq}`);
    epoch = row.epoch;
  });
  if (epoch > run.epoch) note(`a row bears epoch ${epoch}, and ${run.epoch} was granted last`);
  const events = run.rows.flatMap(({ decisions }) => decisions.flatMap((decision) => decision.events));
  if (events[0]?.type !== "run_created") note(`the first event is ${events[0]?.type ?? "missing"}`);
  const final = events.findIndex(({ type }) => FINAL.has(type));
  if (run.hasEnded && final === -1) note("has ended without a final event");
  if (final !== -1 && final < events.length - 1) note(`${events[final + 1]!.type} stands behind the end`);
  if (events.filter(({ type }) => type === "run_created").length > 1) note("begins twice");
}

/** I4: behind the rows that were there when an epoch was seen, no row bears an earlier one. */
export function judgeFence(run: RecordedRun, { marks }: Pick<Evidence, "marks">, violations: Violation[]): number {
  let stale = 0;
  for (const mark of marks) {
    if (mark.run !== run.id) continue;
    for (const row of run.rows)
      if (row.seq > mark.seq && row.epoch < mark.epoch) {
        stale += 1;
        const what = `row ${row.seq} of epoch ${row.epoch} came after ${mark.epoch} was granted at row ${mark.seq}`;
        violations.push({ invariant: "I4", run: run.id, what });
      }
  }
  return stale;
}

/** I3: one accepted success for each step, one result for each attempt; attempts fail only where they must, so often. */
export function judgeResults(run: RecordedRun, { failing = {} }: Evidence, violations: Violation[]): void {
  const [attempts, successes] = [new Set<string>(), new Set<string>()];
  const mustFail = failing[run.id];
  let failed = 0;
  const note = (what: string): void => void violations.push({ invariant: "I3", run: run.id, what });
  for (const { decisions } of run.rows)
    for (const event of decisions.flatMap((decision) => decision.events)) {
      if (!RESULTS.has(event.type) || !("attempt" in event)) continue;
      const [step, attempt] = [`${event.scope}/${event.node}`, `${event.scope}/${event.node}#${event.attempt}`];
      if (attempts.has(attempt)) note(`${attempt} has two results`);
      attempts.add(attempt);
      if (event.type !== "task_completed" && mustFail) failed += 1;
      else if (event.type !== "task_completed") note(`${attempt} was counted: ${event.type}`);
      else if (successes.has(step)) note(`${step} succeeds twice`);
      else successes.add(step);
    }
  if (mustFail && failed !== mustFail.attempts) note(`${failed} attempts failed, and ${mustFail.attempts} were to`);
}

/** I8: a signal that was answered is in the record, once. */
export function judgeSignals(
  runs: readonly RecordedRun[],
  { signals, cancelled = [] }: Evidence,
  violations: Violation[],
): void {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const mayEnd = new Set(cancelled);
  for (const { run: id, id: signal } of signals) {
    if (mayEnd.has(id)) continue;
    const rows = byId.get(id)?.rows ?? [];
    const events = rows.flatMap(({ decisions }) => decisions.flatMap((decision) => decision.events));
    const times = events.filter((event) => event.type === "signal_received" && event.id === signal).length;
    const taken = events.filter((event) => event.type === "task_completed" && event.signal === signal).length;
    if (Math.max(times, taken) === 1) continue;
    violations.push({ invariant: "I8", run: id, what: `the signal ${signal} is recorded ${times} times` });
  }
}
