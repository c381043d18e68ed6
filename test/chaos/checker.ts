import { readFileSync } from "node:fs";
import { memoryCatalogue } from "../../packages/server/src/db/catalogue-memory.ts";
import { nodeRegistry } from "../../packages/server/src/nodes/registry.ts";
import { systemClock } from "../../packages/server/src/runtime/clock.ts";
import { Workflows } from "../../packages/server/src/runtime/workflows.ts";
import { judgeRecord } from "../simulation/verdict.ts";
import { Violations } from "../simulation/violations.ts";
import { judgeEffects } from "./check-effects.ts";
import { judgeAccepted, judgeFence, judgeResults, judgeRows, judgeSignals } from "./check-rows.ts";
import { judgeRecovery, judgeTimers } from "./check-time.ts";
import type { Evidence, Invariant, Verdict, Violation } from "./evidence.ts";
import { hog } from "./hog.ts";
import { asJournal, RecordReader, type RecordedRun } from "./record-reader.ts";

/**
 * The checker: a program of its own that is given the evidence as a file, reads the journal from the database, and
 * writes its verdict as JSON. Nothing that it judges by comes from the processes that it judges.
 */
export async function check(evidence: Evidence): Promise<Verdict> {
  const violations: Violation[] = [];
  const reader = await RecordReader.open(evidence.database);
  try {
    const runs = await reader.runs();
    const lost = judgeAccepted(runs, evidence, violations);
    const marks = Map.groupBy(evidence.marks, ({ run }) => run);
    let staleRows = 0;
    for (const run of runs) {
      judgeRows(run, violations);
      staleRows += judgeFence(run, { marks: marks.get(run.id) ?? [] }, violations);
      judgeResults(run, evidence, violations);
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

/** I6, by the judge of the simulation: the fold is the snapshot, owes the same, and decides nothing more at rest. */
async function judgeFolds(
  runs: readonly RecordedRun[],
  { workflows: sources }: Evidence,
  violations: Violation[],
): Promise<void> {
  const workflows = new Workflows({
    catalogue: memoryCatalogue(),
    registry: nodeRegistry([hog]),
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
