import {
  decide,
  decodeRow,
  decodeSnapshot,
  encodeSnapshot,
  foldRow,
  initialState,
  isFinal,
  outstanding,
  type RunState,
} from "@weftwork/core";
import type { Journal } from "../../packages/server/src/journal/journal.ts";
import type { MemoryJournal } from "../../packages/server/src/journal/memory.ts";
import { hasEnded, type Clients } from "./client.ts";
import type { ObservedRun, Observer } from "./observer.ts";
import type { Violations } from "./violations.ts";
import { TENANT } from "./world.ts";

/** Judges the journal when everything is over: I1, I2, I5, I6, I8, from what is stored alone. */
export async function judgeEnd(
  journal: MemoryJournal,
  observer: Observer,
  clients: Clients,
  violations: Violations,
): Promise<void> {
  for (const run of observer.runs.values()) await observer.look(run.key);
  for (const run of clients.runs) {
    if (!run.accepted) {
      if (run.refused === null) violations.add("I1", run.id, "was never accepted, although everything had healed");
      continue;
    }
    const observed = observer.byId.get(run.id);
    if (!observed) violations.add("I1", run.id, "was accepted and is lost");
    else if (!hasEnded(observer, run.id)) violations.add("I1", run.id, `has not ended: ${stuck(observed)}`);
    for (const id of run.signals)
      if (observed && !observed.signalIds.has(id) && !isFinal(observed.state.status))
        violations.add("I8", run.id, `the signal ${id} was accepted and is lost`);
  }
  for (const run of observer.runs.values()) {
    await judgeRecord(journal, run, violations);
  }
}

/** The journal folded anew gives what was stored and what was seen, byte for byte (I6). */
export async function judgeRecord(
  journal: Pick<Journal, "read" | "head">,
  run: { readonly key: number; readonly id: string; readonly state: Pick<RunState, "plan" | "nested"> },
  violations: Violations,
  tenant: string = TENANT,
): Promise<void> {
  const { plan, nested } = run.state;
  const { rows } = await journal.read(run.key, { snapshot: false });
  const { snapshot } = await journal.read(run.key, { snapshot: true });
  const state = initialState(plan, nested);
  let epoch = 0;
  let kept: ReturnType<typeof initialState> | null = null;
  rows.forEach((row, at) => {
    if (row.seq !== at + 1) violations.add("I2", run.id, `row ${row.seq} stands at place ${at + 1}`);
    if (row.epoch < epoch) violations.add("I2", run.id, `epoch falls to ${row.epoch} at row ${row.seq}`);
    epoch = row.epoch;
    const decisions = decodeRow(row.body);
    try {
      foldRow(state, decisions);
      if (kept) foldRow(kept, decisions);
    } catch {
      // The observer has said so when it met this row.
      return;
    }
    if (snapshot?.seq !== row.seq) return;
    if (encodeSnapshot(state) !== snapshot.body)
      violations.add(
        "I6",
        run.id,
        `the snapshot at ${row.seq} is not the fold:\n${difference(encodeSnapshot(state), snapshot.body)}`,
      );
    kept = decodeSnapshot(snapshot.body, plan, nested);
  });
  const folded = encodeSnapshot(state);
  if (kept && encodeSnapshot(kept) !== folded)
    violations.add("I6", run.id, `snapshot and tail give another state:\n${difference(folded, encodeSnapshot(kept))}`);
  if (kept && JSON.stringify(outstanding(kept)) !== JSON.stringify(outstanding(state)))
    violations.add("I6", run.id, "snapshot and tail owe other commands");
  const head = await journal.head(tenant, run.id);
  if (isFinal(state.status) && head?.status !== state.status)
    violations.add("I6", run.id, `the head says ${head?.status}, the events ${state.status}`);
  const more = decide(state, { type: "resume" }, state.at);
  if (more.length > 0) violations.add("I6", run.id, `at rest it decides ${more.map((event) => event.type).join(", ")}`);
}

function stuck(run: ObservedRun): string {
  const owed = [...run.state.owed.keys()].join(", ");
  return `${run.state.status} (${JSON.stringify(run.state.created?.waits)}) at row ${run.seq}, epoch ${run.epoch}, owes [${owed}], waits for ${[...run.state.waiting.keys()].join(", ")}`;
}

function difference(a: string, b: string): string {
  let at = 0;
  while (a[at] === b[at]) at += 1;
  return `${a.slice(Math.max(0, at - 100), at + 200)}\n${b.slice(Math.max(0, at - 100), at + 200)}`;
}
