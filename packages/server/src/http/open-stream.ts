import { AppError } from "@weftwork/core";
import type { RunMessage } from "@weftwork/sdk";
import type { Surface } from "./surface.ts";

/** Open streams of one process. Each holds a connection, and a place in the stream of its run. */
const STREAMS_MAX = 10_000;

/** One reader of a run's stream, counted among the open ones until it is stopped. */
export interface OpenStream {
  readonly batches: AsyncIterable<readonly RunMessage[]>;
  /**
   * The first batch, when it can be told at once: throws what is wrong with the position. Null: the run has ended, and
   * nothing lies behind it. Of a run that goes on the batches are left whole, and the answer is an empty one.
   */
  first(hasEnded: boolean): Promise<readonly RunMessage[] | null>;
  readonly signal: AbortSignal;
  /** Ends the batches; may be called again. */
  readonly stop: () => void;
}

/**
 * Throws `OVERLOADED` where too many are open, and `INVALID_REQUEST` for what is no position. Lets go when the server
 * drains.
 */
export function openStream(surface: Surface, runId: string, after: string | undefined): OpenStream {
  if (surface.streamCount >= STREAMS_MAX)
    throw new AppError("OVERLOADED", { reason: `${STREAMS_MAX} open streams of runs`, retryAfter: 5 });
  const controller = new AbortController();
  const { signal } = controller;
  const stream = surface.engine.runs.stream(runId, { signal, ...(after === undefined ? {} : { after }) });
  const batches = stream[Symbol.asyncIterator]();
  surface.streamCount += 1;
  let counted = true;
  const forget = surface.onDrain(() => controller.abort());
  function stop(): void {
    if (counted) surface.streamCount -= 1;
    counted = false;
    forget();
    controller.abort();
    // A reader that goes away between two batches leaves its place; one that waits is woken by the signal.
    batches.return?.().catch(() => undefined);
  }
  return {
    batches: { [Symbol.asyncIterator]: () => batches },
    signal,
    stop,
    async first(hasEnded) {
      if (!hasEnded) return [];
      try {
        const { done, value } = await batches.next();
        if (done !== true) return value;
      } catch (error) {
        stop();
        throw error;
      }
      stop();
      return null;
    },
  };
}
