import { readFileSync } from "node:fs";
import { memoryCatalogue } from "../../packages/server/src/db/catalogue-memory.ts";
import { nodeRegistry } from "../../packages/server/src/nodes/registry.ts";
import { systemClock } from "../../packages/server/src/runtime/clock.ts";
import { Workflows } from "../../packages/server/src/runtime/workflows.ts";
import { judgeRecord } from "../simulation/verdict.ts";
import { Violations } from "../simulation/violations.ts";
import { judgeEffects } from "./check-effects.ts";
import { judgeRecovery, judgeTimers } from "./check-time.ts";
import type { Evidence, Invariant, Verdict, Violation } from "./evidence.ts";
import { asJournal, RecordReader, type RecordedRun } from "./record-reader.ts";

/**
 * The checker: a program of its own that is given the evidence as a file, reads the journal from the database, and
 * writes its verdict as JSON. Nothing that it judges by comes from the processes that it judges.
 */
const FINAL: ReadonlySet<string> = new Set(["run_completed", "run_failed", "run_cancelled"]);
const RESULTS: ReadonlySet<string> = new Set(["task_completed", "task_failed", "task_retried"]);

export async function check(evidence: Evidence): Promise<Verdict> {
  const violations: Violation[] = [];
  const reader = await RecordReader.open(evidence.database);
  try {
    const runs = await reader.runs();
    const lost = judgeAccepted(runs, evidence, violations);
    let staleRows = 0;
    for (const run of runs) {
      judgeRows(run, violations);
      staleRows += judgeFence(run, evidence, violations);
      judgeResults(run, violations);
    }
    await judgeFolds(runs, evidence, violations);
    judgeSignals(runs, evidence, violations);
    const effects = judgeEffects(runs, evidence, violations);
    const recoveries = judgeRecovery(runs, evidence, violations);
    const timersLateMs = judgeTimers(runs, evidence, violations);
    await judgeBooks(reader, runs, violations);
    const figures = {
      runs: runs.length,
      rows: runs.reduce((sum, { rows }) => sum + rows.length, 0),
      takeovers: runs.reduce((sum, { epoch }) => sum + epoch - 1, 0),
      staleRows,
      lost,
      recoveries,
      timersLateMs,
      ...effects,
    };
    return { violations, figures };
  } finally {
    await reader.close();
  }
}

/** I1: every accepted run is there and has ended, well: none failed because of what was done to the engine. */
function judgeAccepted(runs: readonly RecordedRun[], { accepted }: Evidence, violations: Violation[]): number {
  const byId = new Map(runs.map((run) => [run.id, run]));
  let lost = 0;
  for (const { id } of accepted) {
    const run = byId.get(id);
    const note = (what: string): void => void violations.push({ invariant: "I1", run: id, what });
    if (!run) {
      lost += 1;
      note("was accepted and is lost");
    } else if (!run.hasEnded) {
      note(`has not ended: ${run.status} at row ${run.rows.length}, epoch ${run.epoch}, owned: ${run.isOwned}`);
    } else if (run.status !== "succeeded") note(`ended as ${run.status} (${run.errorCode})`);
  }
  return lost;
}

/** I2: rows 1..n, epochs never fall, the first event is the start, one final event and nothing behind it. */
function judgeRows(run: RecordedRun, violations: Violation[]): void {
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
function judgeFence(run: RecordedRun, { marks }: Evidence, violations: Violation[]): number {
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

/** I3: one accepted success for each step, one result for each attempt. */
function judgeResults(run: RecordedRun, violations: Violation[]): void {
  const [attempts, successes] = [new Set<string>(), new Set<string>()];
  const note = (what: string): void => void violations.push({ invariant: "I3", run: run.id, what });
  for (const { decisions } of run.rows)
    for (const event of decisions.flatMap((decision) => decision.events)) {
      if (!RESULTS.has(event.type) || !("attempt" in event)) continue;
      const [step, attempt] = [`${event.scope}/${event.node}`, `${event.scope}/${event.node}#${event.attempt}`];
      if (attempts.has(attempt)) note(`${attempt} has two results`);
      attempts.add(attempt);
      if (event.type !== "task_completed") note(`${attempt} was counted: ${event.type}`);
      else if (successes.has(step)) note(`${step} succeeds twice`);
      else successes.add(step);
    }
}

/** I6, by the judge of the simulation: the fold is the snapshot, owes the same, and decides nothing more at rest. */
async function judgeFolds(
  runs: readonly RecordedRun[],
  { workflows: sources }: Evidence,
  violations: Violation[],
): Promise<void> {
  const workflows = new Workflows({
    catalogue: memoryCatalogue(),
    registry: nodeRegistry([]),
    clock: systemClock,
    tenant: "default",
  });
  for (const source of Object.values(sources)) await workflows.publish(source);
  const found = new Violations();
  for (const run of runs) {
    const created = run.rows[0]?.decisions[0]?.events[0];
    if (created?.type !== "run_created") continue;
    const { plan, nested } = await workflows.pinned(created.hash, created.pins);
    await judgeRecord(asJournal(run), { key: run.key, id: run.id, state: { plan, nested } }, found, run.tenant);
  }
  for (const { invariant, run, what } of found.found) violations.push({ invariant: invariant as Invariant, run, what });
}

/** I8: a signal that was answered is in the record, once. */
function judgeSignals(runs: readonly RecordedRun[], { signals }: Evidence, violations: Violation[]): void {
  const byId = new Map(runs.map((run) => [run.id, run]));
  for (const { run: id, id: signal } of signals) {
    const rows = byId.get(id)?.rows ?? [];
    const events = rows.flatMap(({ decisions }) => decisions.flatMap((decision) => decision.events));
    const times = events.filter((event) => event.type === "signal_received" && event.id === signal).length;
    const taken = events.filter((event) => event.type === "task_completed" && event.signal === signal).length;
    if (Math.max(times, taken) === 1) continue;
    violations.push({ invariant: "I8", run: id, what: `the signal ${signal} is recorded ${times} times` });
  }
}

/** I12: nothing is held, waits or is counted any more, and the counters say what the rows say. */
async function judgeBooks(reader: RecordReader, runs: readonly RecordedRun[], violations: Violation[]): Promise<void> {
  const note = (what: string): void => void violations.push({ invariant: "I12", run: "-", what });
  for (const [name, count] of Object.entries(await reader.leftovers())) if (count !== 0) note(`${count} left: ${name}`);
  const { submitted, ended } = await reader.counters();
  const endedRuns = runs.filter(({ hasEnded }) => hasEnded).length;
  if (submitted !== runs.length) note(`${submitted} runs are counted, ${runs.length} are there`);
  if (ended !== endedRuns) note(`${ended} runs are counted as ended, ${endedRuns} have`);
}

if (import.meta.main) {
  const evidence = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as Evidence;
  process.stdout.write(`${JSON.stringify(await check(evidence))}\n`);
}
