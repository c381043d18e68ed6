/** Tasks that wait in front of a pool at most, so that a slot never waits for a round trip. */
const PREFETCH_MAX = 16;
/** Delay of the event loop from which a process counts as late, in milliseconds. */
const LATE_MS = 50;

/** Tasks of others that a pool with so many slots has at a time: one for each, and a few in front of them. */
export function roomOf(slots: number, loopDelayMs = 0): number {
  return slots === 0 ? 0 : weighed(slots + Math.min(PREFETCH_MAX, Math.ceil(slots / 4)), loopDelayMs);
}

/** A process that is late with everything takes less: at a delay of 100 ms half of its room, at 200 ms a quarter. */
export function weighed(room: number, loopDelayMs: number): number {
  return loopDelayMs <= LATE_MS || room <= 0 ? room : Math.max(1, Math.floor((room * LATE_MS) / loopDelayMs));
}
