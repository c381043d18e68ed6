import { monitorEventLoopDelay } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import type { ProcessSignals } from "./runtime/overload.ts";

const MEMORY_SHARE = 0.25;

/** How much of the time since the last call the event loop was at work. */
export function processLoad(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

/** How late the event loop was since the last call, in milliseconds, at the 99th percentile. */
export function eventLoopDelay(): () => number {
  const resolution = 20;
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  return () => {
    // The histogram has the pauses between its own ticks.
    const late = histogram.count === 0 ? 0 : histogram.percentile(99) / 1e6 - resolution;
    histogram.reset();
    return Math.max(0, Math.round(late));
  };
}

/** Share of the time for which an event loop that has too much to do is at work at least. */
const BUSY = 0.7;

/**
 * How the process is doing, for the overload control: since the last call, and now. A loop that is late and not at work
 * was kept waiting by others on the machine, or once by something large: to refuse work would not help it.
 */
export function processSignals(): () => ProcessSignals {
  const [loopDelay, load] = [eventLoopDelay(), processLoad()];
  return () => {
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
    const [lateMs, atWork] = [loopDelay(), load()];
    return { loopDelayMs: atWork >= BUSY ? lateMs : 0, heapShare: used / limit, load: atWork };
  };
}

/** A quarter of what V8 may use for its heap. */
export function heapShare(): number {
  return Math.floor(getHeapStatistics().heap_size_limit * MEMORY_SHARE);
}
