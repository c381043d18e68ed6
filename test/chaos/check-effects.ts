import type { Evidence, Figures, Violation } from "./evidence.ts";
import type { RecordedRun } from "./record-reader.ts";

interface Result {
  readonly run: string;
  readonly recordedAt: number;
  /** Number of the call whose answer is the result. */
  readonly call: number;
}

/** A call is noted a moment after it was sent, and a fault a moment before it is felt. */
const BLUR_MS = 1000;
/** A step that was handed over stands in the store by then; of a younger one only its two processes know. */
const STANDS_MS = 1500;

/** I5, and of I3 that every step has read exactly what is recorded: by the log of the world outside. */
export function judgeEffects(
  runs: readonly RecordedRun[],
  evidence: Evidence,
  violations: Violation[],
): Pick<Figures, "successes" | "calls" | "duplicates" | "inFlight" | "repeated"> {
  const { calls, faults } = evidence;
  const byKey = Map.groupBy(calls, ({ key }) => key);
  const results = resultsOf(runs);
  // A step that was under way when its run was cancelled has no result.
  const ended = new Set(evidence.cancelled);
  const byCall = new Map([...results].map(([key, { call }]) => [call, key]));
  let [duplicates, repeated] = [0, 0];
  for (const [key, { run, recordedAt, call }] of results) {
    const made = byKey.get(key) ?? [];
    const note = (what: string): void => void violations.push({ invariant: "I5", run, what: `${key} ${what}` });
    if (made.length === 0) note("is recorded, and nothing was felt of it");
    else if (!made.some(({ id }) => id === call)) note(`has the result of call ${call}, which was another's`);
    for (const { at } of made)
      if (at > recordedAt) {
        repeated += 1;
        note(`was called again ${at - recordedAt} ms after its result was recorded`);
      }
  }
  for (const [key, made] of byKey) {
    const run = key.slice(0, key.indexOf("/"));
    if (!results.has(key) && !ended.has(run))
      violations.push({ invariant: "I5", run, what: `${key} was felt and is not recorded` });
    duplicates += made.length - 1;
    for (const [index, { at }] of made.slice(1).entries()) {
      const before = made[index]!.at;
      if (faults.some((fault) => fault.at <= at && fault.until >= before - BLUR_MS)) continue;
      violations.push({ invariant: "I5", run, what: `${key} was called again without a fault in between` });
    }
    for (const { read } of made) {
      if (read === null || byCall.has(read)) continue;
      violations.push({ invariant: "I3", run, what: `${key} has read call ${read}, which is nobody's result` });
    }
  }
  judgeReads(calls, results, byCall, violations);
  const inFlight = countInFlight(evidence, byKey, results);
  if (duplicates > inFlight) {
    const what = `${duplicates} calls were repeated, and ${inFlight} were under way at the faults`;
    violations.push({ invariant: "I5", run: "-", what });
  }
  return { successes: results.size, calls: calls.length, duplicates, inFlight, repeated };
}

/** A step begins only after what it reads is recorded. */
function judgeReads(
  calls: Evidence["calls"],
  results: ReadonlyMap<string, Result>,
  byCall: ReadonlyMap<number, string>,
  violations: Violation[],
): void {
  for (const { key, at, read } of calls) {
    const before = read === null ? undefined : results.get(byCall.get(read) ?? "");
    if (!before || before.recordedAt <= at) continue;
    violations.push({ invariant: "I5", run: before.run, what: `${key} began before what it reads was recorded` });
  }
}

function resultsOf(runs: readonly RecordedRun[]): ReadonlyMap<string, Result> {
  const results = new Map<string, Result>();
  for (const run of runs)
    for (const { at, event } of run.rows.flatMap(({ decisions }) =>
      decisions.flatMap((decision) => decision.events.map((one) => ({ at: decision.at, event: one }))),
    )) {
      if (event.type !== "task_completed" || !event.output.loaded) continue;
      const call = (event.output.value as { readonly body?: { readonly call?: number } } | null)?.body?.call;
      if (call === undefined) continue;
      results.set(`${run.id}/${event.scope}/${event.node}#${event.attempt}`, { run: run.id, recordedAt: at, call });
    }
  return results;
}

/**
 * What may be repeated at most: the steps that a killed or stopped process was doing, or whose run it held, those under way
 * while a service was away, and at a kill the youngest of all others, which may have been handed to the process.
 */
function countInFlight(
  { faults, hits }: Evidence,
  byKey: ReadonlyMap<string, Evidence["calls"]>,
  results: ReadonlyMap<string, Result>,
): number {
  const outages = faults.filter(({ kind }) => kind === "database" || kind === "broker");
  const keys = Map.groupBy(byKey.keys(), (key) => key.slice(0, key.indexOf("/")));
  const firstAt = (key: string): number => byKey.get(key)![0]!.at;
  const recordedAt = (key: string): number => results.get(key)?.recordedAt ?? Number.POSITIVE_INFINITY;
  let count = 0;
  for (const { run, at } of new Map(hits.map((hit) => [`${hit.run} ${hit.at}`, hit])).values()) {
    const under = (keys.get(run) ?? []).filter((key) => firstAt(key) <= at && recordedAt(key) > at).length;
    // Where none was felt yet, one was about to be.
    count += Math.max(1, under);
  }
  const hit = new Set(hits.map(({ run, at }) => `${run} ${at}`));
  const kills = new Set(faults.flatMap(({ kind, at }) => (kind === "kill" || kind === "stop" ? [at] : [])));
  for (const [run, ofRun] of keys)
    for (const at of kills)
      if (!hit.has(`${run} ${at}`))
        count += ofRun.filter(
          (key) => at - STANDS_MS < firstAt(key) && firstAt(key) <= at && recordedAt(key) > at,
        ).length;
  for (const [key, made] of byKey) {
    const [from, to] = [made[0]!.at, recordedAt(key)];
    if (outages.some((fault) => fault.until >= from && fault.at <= to)) count += 1;
  }
  return count;
}
