/** Time as the runtime sees it. The simulation gives its own; nothing in the runtime asks the system directly. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds on the scale of leases (`performance.now()`); never jumps. */
  monotonic(): number;
  /** Calls back once after a delay; the answer cancels it. Never keeps the process alive. */
  after(ms: number, callback: () => void): () => void;
  /** Calls back when the work that is under way has had its turn. */
  soon(callback: () => void): void;
}

/** About so many milliseconds, a fifth more or less: those who began together do not go on together (O20). */
export function spread(clock: Pick<Clock, "monotonic">, ms: number): number {
  return ms * (0.8 + 0.4 * (clock.monotonic() % 1));
}

/** Longest delay of one timer of the platform; later ones are asked for again. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), DELAY_MS_MAX));
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon(callback) {
    setImmediate(callback);
  },
};
