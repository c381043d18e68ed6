/** How much may be under way at the same time towards one target, and what that number learns from. */
export interface Limit {
  /** A whole number from 1 on. */
  current(): number;
  /**
   * One call has ended: after `rttMs`, with `inflight` calls under way (itself included). `dropped`: the target refused it
   * for load, or did not answer in time.
   */
  sample(rttMs: number, inflight: number, dropped: boolean): void;
  /** Calls back with each new value until the returned function is called. */
  onChange(listener: (limit: number) => void): () => void;
}

/** The whole number that a limit shows, and those who are told when it changes. */
export class Shown {
  private value: number;
  private readonly listeners = new Set<(limit: number) => void>();

  constructor(value: number) {
    this.value = Math.floor(value);
  }

  get current(): number {
    return this.value;
  }

  set(limit: number): void {
    const whole = Math.floor(limit);
    if (whole === this.value) return;
    this.value = whole;
    for (const listener of this.listeners) listener(whole);
  }

  listen(listener: (limit: number) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}
