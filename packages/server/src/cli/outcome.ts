import type { Run } from "@weftwork/sdk";
import { EXIT } from "./exit.ts";
import { say } from "./language.ts";
import { messageOf } from "./problems.ts";

/** Prints how a run ended: its result on standard output, a failure on standard error. */
export function printOutcome(run: Run, { json }: { readonly json?: boolean }): void {
  if (json) return void process.stdout.write(`${JSON.stringify(run, null, 2)}\n`);
  if (run.outputs !== null) return void process.stdout.write(`${resultText(run.outputs)}\n`);
  process.stderr.write(`weft: ${failureText(run)}\n`);
}

/** Why a run has no result, in a sentence. */
export function failureText({ error, status }: Run): string {
  const place = error?.step == null ? "" : say("run.at_step", { step: error.step });
  if (status !== "cancelled") return say("run.failed", { place, reason: error === null ? "" : reasonText(error) });
  const given = error?.details?.["reason"];
  const reason = error === null ? "" : reasonText(typeof given === "string" ? { ...error, message: given } : error);
  return say("run.was_cancelled", { place, reason });
}

function reasonText(error: NonNullable<Run["error"]>): string {
  return say("run.reason", { message: messageOf(error), code: error.code });
}

/** A single text stands for itself; everything else is JSON. */
export function resultText(outputs: NonNullable<Run["outputs"]>): string {
  const values = Object.values(outputs);
  const [only] = values;
  return values.length === 1 && typeof only === "string" ? only.trimEnd() : JSON.stringify(outputs, null, 2);
}

export function exitCode({ status }: Pick<Run, "status">, isInterrupted: boolean): number {
  if (status === "succeeded") return EXIT.OK;
  if (status === "failed") return EXIT.FAILED;
  return isInterrupted ? EXIT.INTERRUPTED : EXIT.CANCELLED;
}
