import { getHeapStatistics } from "node:v8";

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

/** A quarter of what V8 may use for its heap. */
export function heapShare(): number {
  return Math.floor(getHeapStatistics().heap_size_limit * MEMORY_SHARE);
}
