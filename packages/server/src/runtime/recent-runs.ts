import type { RunState } from "@weftwork/core";
import type { Clock } from "./clock.ts";

const RUNS_MAX = 512;
const KEEP_MS = 10_000;
const OUTPUT_SIZE_MAX = 64 * 1024;

/**
 * States of runs that ended here a moment ago: whoever submitted them asks for the result now, and need not wait for
 * the journal to be read back. An ended run never changes; it is forgotten after ten seconds, so that a deleted one
 * does not linger.
 */
export class RecentRuns {
  private readonly clock: Clock;
  private readonly states = new Map<string, { readonly state: RunState; readonly until: number }>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Keeps the state of a run whose end is recorded. */
  keep(id: string, state: RunState): void {
    if (state.finishedAt === null || (state.output?.size ?? 0) > OUTPUT_SIZE_MAX) return;
    this.states.delete(id);
    this.states.set(id, { state, until: this.clock.monotonic() + KEEP_MS });
    if (this.states.size > RUNS_MAX) this.states.delete(this.states.keys().next().value!);
  }

  get(id: string): RunState | null {
    const kept = this.states.get(id);
    if (!kept) return null;
    if (kept.until > this.clock.monotonic()) return kept.state;
    this.states.delete(id);
    return null;
  }
}
