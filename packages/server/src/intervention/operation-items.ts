import { AppError } from "@weftwork/core";
import type { OperationRequest } from "@weftwork/sdk";
import type { Clock } from "../runtime/clock.ts";
import type { Runs } from "../runtime/runs.ts";
import type { DeadLetters } from "./dead-letters.ts";

export interface ItemOptions {
  readonly runs: Pick<Runs, "get" | "cancel" | "rerun">;
  readonly deadLetters: Pick<DeadLetters, "retry" | "discard">;
  readonly clock: Clock;
}

/** Tries of one run while the server has no room for it, or its store does not answer. */
const TRIES_MAX = 6;
const PAUSE_MS = 500;
/** What is no failure of the operation: somebody else was there before. */
const SETTLED: ReadonlySet<string> = new Set(["DEAD_LETTER_NOT_FOUND", "DEAD_LETTER_SETTLED", "RUN_FINISHED"]);

/**
 * Does to one run what an operation is for. Harmless when it is repeated: what begins a run has a key made of operation
 * and run. `skipped`: there was nothing left to do. Throws what stands in the way.
 */
export async function doItem(
  options: ItemOptions,
  operation: { readonly id: string; readonly request: OperationRequest },
  run: string,
  isOver: () => boolean,
): Promise<"done" | "skipped"> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt(options, operation, run);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (SETTLED.has(error.code)) return "skipped";
      if (!error.retryable || tries === TRIES_MAX || isOver()) throw error;
      const seconds = Number(error.details["retryAfter"] ?? Number.NaN);
      const ms = Number.isFinite(seconds) ? seconds * 1000 : PAUSE_MS * 2 ** (tries - 1);
      await new Promise<void>((resolve) => void options.clock.after(ms, resolve));
    }
  }
}

async function attempt(
  { runs, deadLetters }: ItemOptions,
  { id, request }: { readonly id: string; readonly request: OperationRequest },
  run: string,
): Promise<"done" | "skipped"> {
  const { action, step, scope, inputs, version, reason } = request;
  const change = { ...(inputs === undefined ? {} : { inputs }), ...(version === undefined ? {} : { version }) };
  const idempotencyKey = `${id}:${run}`;
  switch (action) {
    case "cancel":
      return cancel(runs, run, `${reason ?? "cancelled"} (operation ${id})`);
    case "retry":
      await deadLetters.retry(run, { ...change, idempotencyKey });
      return "done";
    case "rerun":
      await runs.rerun(run, { node: step!, ...(scope === undefined ? {} : { scope }), ...change, idempotencyKey });
      return "done";
    case "discard":
      await deadLetters.discard(run, reason ?? null);
      return "done";
  }
}

async function cancel(runs: ItemOptions["runs"], run: string, reason: string): Promise<"done" | "skipped"> {
  const { finished_at, status, error } = await runs.cancel(run, reason);
  if (finished_at === null) return "done";
  // Cancelled by an earlier try of this operation, or by this one; anything else was there before.
  return status === "cancelled" && error?.details?.["reason"] === reason ? "done" : "skipped";
}
