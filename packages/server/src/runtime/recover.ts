import { decodeRow, decodeSnapshot, foldRow, initialState, type RunCreated, type RunState } from "@weftwork/core";
import type { Journal, RunRecord } from "../journal/journal.ts";
import type { PreparedPlan, Workflows } from "./workflows.ts";
import { AppError } from "@weftwork/core";

/**
 * The state of a run as the journal has it: the newest snapshot and the rows behind it. Recovery and every reader of a
 * run that is not held here go this one way.
 */
export async function loadState(
  journal: Journal,
  workflows: Workflows,
  runKey: number,
): Promise<{ readonly state: RunState; readonly bytes: number }> {
  const record = await journal.read(runKey, { snapshot: true });
  try {
    const { hash, pins, tenant } = createdOf(record);
    return foldRecord(record, await workflows.pinned(hash, pins, tenant));
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(
      "RUN_DAMAGED",
      { reason: error instanceof Error ? error.message : String(error) },
      { cause: error },
    );
  }
}

function foldRecord(
  record: RunRecord,
  { plan, nested }: PreparedPlan,
): { readonly state: RunState; readonly bytes: number } {
  const state = record.snapshot ? decodeSnapshot(record.snapshot.body, plan, nested) : initialState(plan, nested);
  let bytes = record.snapshot?.body.length ?? 0;
  for (const row of record.rows) {
    if (row.seq !== state.seq + 1) throw new Error(`row ${state.seq + 1} is missing`);
    foldRow(state, decodeRow(row.body));
    bytes += row.body.length;
  }
  return { state, bytes };
}

/** The first event of a run names the plan it was started with. */
function createdOf(record: RunRecord): RunCreated {
  if (record.snapshot) {
    const { created } = JSON.parse(record.snapshot.body.slice(1)) as { created: RunCreated };
    return created;
  }
  const first = record.rows[0];
  const event = first && decodeRow(first.body)[0]?.events[0];
  if (event?.type !== "run_created") throw new Error("the first row is missing");
  return event;
}
