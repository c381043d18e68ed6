/** Workers of one kind, over all processes on the store. Numbers are some seconds old. */
export interface Pool {
  readonly name: string;
  /** `draining`: paused, and tasks that were begun before are still being done. */
  readonly status: "active" | "draining" | "paused";
  readonly paused_at: string | null;
  readonly reason: string | null;
  /** Tasks done at the same time at most, in all processes that serve it. 0: nobody serves it. */
  readonly slots: number;
  /** Tasks being done. */
  readonly active: number;
  /** Tasks that wait, in front of workers and in the store. */
  readonly waiting: number;
  /** Since when the oldest of those in the store waits. */
  readonly waiting_since: string | null;
  readonly workers: readonly PoolWorker[];
}

/** One process that serves a pool. */
export interface PoolWorker {
  readonly name: string;
  readonly pid: number;
  readonly slots: number;
  readonly active: number;
  readonly waiting: number;
  /** How busy the process is, in percent. */
  readonly load: number;
}
