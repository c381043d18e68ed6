import { PRIORITIES, type Priority } from "@weftwork/core";

/** How a process is doing. Times in milliseconds. */
export interface Signals {
  /** How long a decision waits until it is stored. */
  readonly flushWaitMs: number;
  /** How long a task waits although its pool has a place for it. */
  readonly poolWaitMs: number;
  /** 99th percentile of what the event loop was late. */
  readonly loopDelayMs: number;
  /** Share of the heap that is in use, 0 to 1. */
  readonly heapShare: number;
  /** Age of the oldest work that could go on and does not. */
  readonly readyAgeMs: number;
  /** Submissions that wait for their turn to be recorded: behind them others wait where nobody sees them. */
  readonly submissionsWaiting: number;
}

export const CALM: Signals = {
  flushWaitMs: 0,
  poolWaitMs: 0,
  loopDelayMs: 0,
  heapShare: 0,
  readyAgeMs: 0,
  submissionsWaiting: 0,
};

/** What each signal is when the process has as much to do as it can (O6). */
const FULL: Signals = {
  flushWaitMs: 50,
  poolWaitMs: 100,
  loopDelayMs: 50,
  heapShare: 0.8,
  readyAgeMs: 60_000,
  submissionsWaiting: 32,
};
const NAMES = Object.keys(FULL) as readonly (keyof Signals)[];

/** The pressure from which new work of a class is refused, and what waits of the two lowest is held back. */
export const THRESHOLDS: Readonly<Record<Priority, number>> = {
  interactive: 1.2,
  normal: 1,
  batch: 0.85,
  background: 0.7,
};
/** Open runs of a tenant at most, unless it is set (O14). */
export const BACKLOG_MAX = 100_000;
/** So far below its threshold must the pressure be before a class is let in again. */
export const HYSTERESIS = 0.1;

/** `u` of O6: 1 where the worst of the signals says that the process has as much to do as it can. */
export function pressureOf(signals: Signals): number {
  return Math.max(...NAMES.map((name) => signals[name] / FULL[name]));
}

/** The signal that says so. */
export function worstOf(signals: Signals): keyof Signals {
  return NAMES.toSorted((a, b) => signals[b] / FULL[b] - signals[a] / FULL[a])[0]!;
}

/**
 * The classes that are refused after a few samples of the pressure, given those that were before. A class is refused
 * when all of the samples are above its threshold, and let in again when all are below it by the hysteresis: a burst or
 * a pause in between says nothing.
 */
export function refusedAfter(before: ReadonlySet<Priority>, samples: readonly number[]): ReadonlySet<Priority> {
  const low = Math.min(...samples);
  const high = Math.max(...samples);
  return new Set(
    PRIORITIES.filter((priority) => {
      const threshold = THRESHOLDS[priority];
      return before.has(priority) ? high >= threshold - HYSTERESIS : low > threshold;
    }),
  );
}
