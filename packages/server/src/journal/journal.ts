import type { ErrorCode, JsonObject, Priority } from "@weftwork/core";

/**
 * The journal: where runs are true. An append-only record of events for each run, and beside it only what is needed to
 * find, own and wake runs.
 *
 * J1. `append` gives one verdict a run. A run that is fenced, repeated or refused never changes what happens to the
 *     others of the same batch, and a run's rows are 1..n without gap or repeat.
 * J2. The same append sent twice is stored once; the second time answers `committed` again.
 * J3. An append is accepted only with the run's present epoch, from the worker that holds it, while that worker's lease
 *     holds. All of it (row, payloads, inputs taken, head, slot, counters) happens, or none of it.
 * J4. An input that `offer` took is returned by `inbox` and `claim` until an append of its run names it as taken.
 * J5. Every read of another tenant's data is empty. Tenant and id together name a run; `runKey` is internal.
 */
export interface Journal {
  readonly capabilities: {
    /** More than one process may own runs at a time. */
    readonly manyOwners: boolean;
    /** A process that ends loses what was recorded. */
    readonly volatile: boolean;
  };

  /** Registers this process as a worker and starts its lease. Throws STORE_IN_USE where only one process may. */
  join(worker: WorkerIdentity): Promise<Membership>;

  /** A block of up to 10,000 run keys that nobody else gets, so that a run's key is known before it is written. */
  reserveKeys(count: number): Promise<number>;

  /**
   * Group commit: the rows of many runs in one transaction. Verdicts in the order of the batch. When it throws, what was
   * stored is not known: the same batch is sent again until it is answered (J2), or the worker gives up its lease.
   */
  append(membership: Membership, batch: readonly Append[]): Promise<readonly Verdict[]>;

  /**
   * Takes inputs for runs that this process may not own. Durable when it returns; one result an input, in order. An input
   * whose answer was lost may come twice: the engine knows by its id that it has had it.
   */
  offer(inputs: readonly OfferedInput[]): Promise<readonly OfferResult[]>;

  /** Inputs offered to runs that the member owns and has not yet taken, oldest first. */
  inbox(membership: Membership, limit: number): Promise<readonly StoredInput[]>;

  /**
   * The same for a look that is made often: it passes over what was there at a look a moment ago, and may miss one that
   * was offered at the same time as another. `inbox` finds those. Left out where `inbox` costs no more.
   */
  inboxLately?(membership: Membership, limit: number): Promise<readonly StoredInput[]>;

  /**
   * Takes over runs that nobody advances: those whose `available_at` has passed and those of workers whose lease has
   * ended (plus one second) or that left. Raises their epoch. Highest priority class first; within a class the runs that
   * a worker left behind, by key, then the due ones by the time they became due. When it throws, `owned` tells what it
   * took.
   */
  claim(membership: Membership, limit: number): Promise<readonly RunHead[]>;

  /**
   * Gives runs up until `availableAt` (null: until an input is offered). A run with an input waiting is due at once.
   * Only with the epoch held; returns how many.
   */
  release(membership: Membership, runs: readonly Release[]): Promise<number>;

  /**
   * The open runs that the member owns, for one that is no longer sure which: the answer to a claim or a release may be
   * lost, and a lease may come back after its runs were let go.
   */
  owned(membership: Membership): Promise<readonly OwnedRun[]>;

  /**
   * With `snapshot`, the newest snapshot and the rows behind it; without, all rows from the first (or behind `afterSeq`).
   * Throws RUN_DAMAGED for a run whose rows cannot be trusted; others stay readable.
   */
  read(
    runKey: number,
    options?: { readonly snapshot?: boolean; readonly afterSeq?: number; readonly limit?: number },
  ): Promise<RunRecord>;

  /**
   * Bytes of payloads by hash. Hashes that are not there, belong to another tenant, or whose bytes the object store
   * holds, are absent from the answer. Throws PAYLOAD_DAMAGED where the bytes no longer fit their hash.
   */
  payloads(tenant: string, hashes: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;

  /**
   * Those of the hashes that payloads of the tenant have, wherever their bytes are: named by a run, or by none for less
   * than a day.
   */
  known(tenant: string, hashes: readonly string[]): Promise<ReadonlySet<string>>;

  /** One run by the id its client knows. */
  head(tenant: string, id: string): Promise<RunHead | null>;

  /** A page of runs, newest first. */
  find(query: RunQuery): Promise<RunPage>;

  /** Counters kept by `append`; reading them costs the same at any number of runs. */
  stats(tenant: string): Promise<RunStats>;

  /**
   * Deletes finished runs that ended before a time (milliseconds), and payloads that nothing names for a day. In small
   * transactions, none of which needs the one before: it may be stopped anywhere and begun again, by several processes
   * at once.
   */
  prune(finishedBefore: number, options?: PruneOptions): Promise<PruneResult>;

  /** Makes room for the rows of the days to come. Absent where there is nothing to be made. */
  makeRoom?(): Promise<RoomReport>;

  /**
   * The same store for callers who wait themselves, and would rather hear soon that it has no room: throws
   * `STORE_UNAVAILABLE`, with `retryAfter`, within a second. Left out: the store answers at once.
   */
  readonly callers?: Pick<Journal, "head" | "read" | "find" | "stats" | "offer">;

  /**
   * Asked before a run is begun, which cannot be taken back. Null: its first row can be sent at once. Otherwise it resolves
   * when that is so, or throws as `callers` do.
   */
  admit?(): Promise<void> | null;

  /**
   * Tells of inputs offered to runs that a worker of this process owns, by worker key, until the returned function is
   * called. A word may be lost: `inbox` is the truth and is polled as well. Absent where a driver cannot tell.
   */
  onInbox?(listener: (workerKey: number) => void): () => void;

  close(): Promise<void>;
}

export interface WorkerIdentity {
  /** Configured name; several processes may share it by mistake. */
  readonly name: string;
  /** Random, new at each start: name and incarnation together are the identity (F11). */
  readonly incarnation: string;
  readonly pid: number;
  readonly leaseMs: number;
}

/**
 * A joined worker. Leaving ends it in order: its runs can be claimed at once, or, where the store does not answer, when
 * the lease has ended, for nothing renews it any more. A membership whose deadline has passed may
 * come back while nobody has taken anything over; once a takeover has begun it is over for good (the deadline is then
 * minus infinity), and the process joins again.
 */
export interface Membership {
  readonly workerKey: number;
  /** Monotonic time (`performance.now()` scale, ms) after which this process must not flush or start effects. */
  deadline(): number;
  leave(): Promise<void>;
}

/** What one flush adds to one run. A caller has at most one append of a run in flight. */
export interface Append {
  readonly runKey: number;
  readonly tenant: string;
  readonly epoch: number;
  /** 1 for the row that creates the run; `create` is given then, and only then. */
  readonly seq: number;
  /** One character that names the format's version, then the events as JSON text. Opaque to the journal. */
  readonly body: string;
  readonly create: RunCreation | null;
  /** Set when this row changes what a list of runs shows. */
  readonly change: HeadChange | null;
  readonly payloads: readonly StoredPayload[];
  /** Ids of inbox rows that caused this row; deleted with it. Those that are not there are passed over. */
  readonly inputsTaken: readonly string[];
  /** State of the run after this row, replacing older snapshots. */
  readonly snapshot: string | null;
}

export interface RunCreation {
  readonly id: string;
  readonly workflow: string;
  readonly version: string;
  /** Hash of the plan's content. */
  readonly versionHash: string;
  readonly priority: Priority;
  readonly metadata: JsonObject;
  readonly createdAt: number;
  /** Not before this time (milliseconds); null: at once, born owned by the member that appends. */
  readonly availableAt: number | null;
  /** A later submission with this key and fingerprint is the same run; with another fingerprint it is refused. */
  readonly idempotency: { readonly key: string; readonly fingerprint: string; readonly expiresAt: number } | null;
  /** Fingerprint of workflow and inputs, for a repeat with the client's own id. */
  readonly fingerprint: string;
  /**
   * A place under a concurrency key, which belongs to the workflow and the tenant. Held from this row until the row that
   * ends the run. A run is offered the input `slot_granted` when it has its slot, at once or later, so that whoever owns
   * it then knows; one that must make room (`cancel_running`) the input `slot_cancel`. Both in the same transaction.
   * Slots are granted in the order of submission.
   */
  readonly slot: {
    readonly key: string;
    readonly limit: number;
    readonly strategy: "queue" | "reject" | "cancel_running";
  } | null;
}

export interface HeadChange {
  readonly status: RunStatus;
  readonly startedAt?: number;
  /** Set once, with a final status: ends ownership, frees the slot, ends the run. */
  readonly finishedAt?: number;
  readonly errorCode?: string;
}

export type RunStatus = "pending" | "running" | "waiting" | "succeeded" | "failed" | "cancelled";

/** A payload over the inline limit. `bytes` null: the object store holds them, only the reference is kept here. */
export interface StoredPayload {
  /** SHA-256 of the bytes, 64 lower-case hexadecimal digits. The run that appends it names it until the run is pruned. */
  readonly hash: string;
  readonly size: number;
  readonly bytes: Uint8Array | null;
}

export type Verdict =
  /** `slot`: for a creation with a slot. `granted`: runs that got a slot because this one ended; `cancel`: runs to end. */
  | {
      readonly type: "committed";
      readonly slot: "granted" | "queued" | null;
      readonly granted: readonly number[];
      readonly cancel: readonly RunHead[];
    }
  /** A creation whose id or idempotency key is there already, with the same content. */
  | { readonly type: "exists"; readonly head: RunHead }
  /** A newer epoch or another owner holds the run, or the lease has ended: nothing was written. */
  | { readonly type: "fenced" }
  /**
   * This row cannot be stored, whatever happens to the others: `RUN_ID_TAKEN` (id or key, other content),
   * `RUN_REJECTED` (no slot), `RUN_CONFLICT` (a gap: memory is ahead of the store), `RUN_NOT_FOUND`,
   * `PAYLOAD_TOO_LARGE`, `INVALID_JSON` (not text), `INTERNAL`.
   */
  | { readonly type: "refused"; readonly code: ErrorCode; readonly details: JsonObject };

export interface OfferedInput {
  readonly tenant: string;
  readonly runId: string;
  /** Unique within the run: a repeat is answered `duplicate` until a row takes it; later ones the engine knows. */
  readonly inputId: string;
  readonly body: string;
}
export type OfferResult = "offered" | "duplicate" | "finished" | "not_found";

export interface StoredInput {
  readonly runKey: number;
  readonly inputId: string;
  readonly body: string;
}

export interface Release {
  readonly runKey: number;
  readonly epoch: number;
  readonly availableAt: number | null;
  /** The count of crashes stays: the run was given back because of it, and not after work in order. */
  readonly keepsCrashes?: boolean;
}

export interface OwnedRun {
  readonly runKey: number;
  readonly epoch: number;
}

/** What is known of a run without reading its events. Times are milliseconds since 1970. */
export interface RunHead {
  readonly runKey: number;
  readonly tenant: string;
  readonly id: string;
  readonly workflow: string;
  readonly version: string;
  readonly versionHash: string;
  readonly status: RunStatus;
  readonly priority: Priority;
  readonly metadata: JsonObject;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly availableAt: number | null;
  readonly errorCode: string | null;
  readonly epoch: number;
  readonly fingerprint: string;
  /** How many times a crash of its owner passed the run on (F8); back to 0 when an owner releases it in order. */
  readonly crashCount: number;
}

export interface RunRecord {
  readonly snapshot: { readonly seq: number; readonly body: string } | null;
  readonly rows: readonly { readonly seq: number; readonly epoch: number; readonly body: string }[];
}

export interface RunQuery {
  readonly tenant: string;
  readonly status?: readonly RunStatus[];
  readonly workflow?: string;
  readonly createdAfter?: number;
  readonly createdBefore?: number;
  readonly cursor?: string;
  /** 1 to 200. */
  readonly limit: number;
}

export interface RunPage {
  readonly runs: readonly RunHead[];
  readonly nextCursor: string | null;
}

/** Runs by status, now; `submitted` and the final ones since the store was made. */
export interface RunStats {
  readonly submitted: number;
  readonly open: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
}

export interface PruneOptions {
  /** Workflows whose runs go by another border. */
  readonly own?: readonly OwnBorder[];
  /** Asked between two transactions; false stops the work there. */
  readonly goOn?: () => boolean;
}

export interface OwnBorder {
  readonly tenant: string;
  readonly workflow: string;
  readonly finishedBefore: number;
}

export interface RoomReport {
  /** Rows of days that nobody made room for in time; they are safe where they are (F28). Counted up to a limit. */
  readonly strayRows: number;
}

export interface PruneResult {
  readonly runs: number;
  readonly payloads: number;
}
