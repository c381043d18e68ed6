import type { TakenTask, TaskName } from "./task-store.ts";

/**
 * Users' own workers, as holders of tasks. They are no processes of the engine: each has joined over HTTP, and is known
 * by every server of the same store.
 *
 * H1. A holder whose lease has ended may come back by a renewal until something has noticed its end; it has then ended
 *     for good. Its tasks can be taken by others from the moment the lease ends (K3).
 */
export interface TaskHolders {
  /** Registers an own worker and starts its lease. */
  join(worker: OwnWorker): Promise<number>;

  /** Starts a lease of that length anew. False: it has ended for good. */
  renew(holder: number, leaseMs: number): Promise<boolean>;

  /** Who a holder is; null when it is not there, is no own worker, or has ended for good. */
  find(holder: number): Promise<OwnWorker | null>;

  /** Ends it in order: others can take its tasks at once. */
  leave(holder: number): Promise<void>;

  /** Of these, those that it holds, whole. */
  read(holder: number, names: readonly TaskName[]): Promise<readonly TakenTask[]>;

  /** Those whose lease holds, by the time they joined. */
  list(tenant: string): Promise<readonly LiveHolder[]>;
}

export interface OwnWorker {
  readonly tenant: string;
  /** As its user calls it. Several may have one name. */
  readonly name: string;
  readonly pools: readonly string[];
  readonly leaseMs: number;
  /** SHA-256 of its token, hexadecimal. The token itself is kept nowhere. */
  readonly tokenHash: string;
}

export interface LiveHolder {
  readonly holder: number;
  readonly name: string;
  readonly pools: readonly string[];
  /** Milliseconds since 1970. */
  readonly joinedAt: number;
  readonly leaseUntil: number;
}
