import { failureOf, type AppError, type Command, type Input } from "@weftwork/core";
import { emptyRow, type HotRun, type OpenRow, type QueuedInput } from "./hot-run.ts";

/*
 * What becomes of a run one of whose rows the journal will not take, whatever is tried (F35). The committed prefix is
 * folded again, and what is not recorded is put to it once more. Results that were in the row come back as failures of
 * their own steps, so that the run goes on by its error rules.
 */

/** Rows refused one after the other, after which the run itself fails: no rule of its steps helped. */
export const REFUSALS_MAX = 3;

/**
 * Puts a run whose state was read back to where that state ends. Returns its inputs that are not recorded, in the order
 * in which they came: those of the refused row, of the row behind it, and those that waited.
 */
export function putBack(run: HotRun, row: OpenRow): readonly QueuedInput[] {
  const unrecorded = [...row.inputs, ...run.open.inputs, ...run.inputs];
  run.inputs.length = 0;
  run.open = emptyRow();
  run.nextSeq = run.state.seq + 1;
  run.recordedStatus = null;
  run.refusals += 1;
  return unrecorded;
}

/**
 * An input of the refused row, as it is tried again: perhaps the row was refused because of it. Null: it is not, and
 * whoever waits for it is told the error.
 */
export function onceMore(queued: QueuedInput, error: AppError): QueuedInput | null {
  const { input } = queued;
  if (input.type === "task_reported" && input.outcome.type === "completed") {
    const failure = { ...failureOf(error), retryable: false };
    return { ...queued, input: { ...input, outcome: { type: "failed", failure } } };
  }
  return queued.failed ? null : queued;
}

/** Whether the input is what became of the command, which needs no carrying out then. */
export function answers(input: Input, command: Command): boolean {
  return (
    input.type === "task_reported" &&
    command.type === "dispatch_task" &&
    command.scope === input.scope &&
    command.node === input.node
  );
}
