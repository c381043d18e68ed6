import { setTimeout as sleep } from "node:timers/promises";
import { AppError, isJsonObject, type JsonObject } from "@weftwork/core";

/**
 * Faults that a request asks for by `params.fault`, so that retries, breakers and timeouts can be tried without a
 * provider. Each call has the faults its own request names; nothing is remembered between calls.
 */
export interface Fault {
  /** How long the call waits before anything else. The wait ends with the signal. */
  readonly latency_ms?: number;
  /** Fails with this status instead of answering. */
  readonly status?: 429 | 500;
  /** Ends the stream without `finish` after so many deltas. `generate` then fails as a whole. */
  readonly cut_after?: number;
  /** Answers with text that begins like JSON and is none. */
  readonly bad_json?: true;
}

const LATENCY_MAX = 600_000;

export function faultOf(params: JsonObject | undefined): Fault {
  const asked = params?.["fault"];
  if (!isJsonObject(asked)) return {};
  const { latency_ms, status, cut_after, bad_json } = asked as Readonly<
    Record<keyof Fault, JsonObject[string] | undefined>
  >;
  return {
    ...(typeof latency_ms === "number" && latency_ms > 0 ? { latency_ms: Math.min(latency_ms, LATENCY_MAX) } : {}),
    ...(status === 429 || status === 500 ? { status } : {}),
    ...(typeof cut_after === "number" && cut_after >= 0 ? { cut_after: Math.floor(cut_after) } : {}),
    ...(bad_json === true ? { bad_json } : {}),
  };
}

/** Waits and fails as asked. Throws the signal's own reason when that fires first. */
export async function failFirst(model: string, fault: Fault, signal: AbortSignal): Promise<void> {
  if (fault.latency_ms !== undefined) {
    try {
      await sleep(fault.latency_ms, undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }
  if (fault.status !== undefined) throw refusal(model, fault.status);
}

/** The same errors that a provider's refusals become. */
function refusal(model: string, status: 429 | 500): AppError {
  if (status === 429) return new AppError("MODEL_OVERLOADED", { model, status });
  return new AppError("MODEL_UNAVAILABLE", { model, status, reason: `it answered with status ${status}.` });
}

export function cutStream(model: string, deltas: number): AppError {
  return new AppError("MODEL_STREAM_CUT", { model, reason: `it ended after ${deltas} deltas.` });
}
