import type { Append, RunHead } from "./journal.ts";

/** One run of the memory journal: its head, and all that a database would hold beside it. */
export interface MemoryRun extends Mutable<RunHead> {
  /** Kept when the run ends, so that its last append can be repeated (J2). */
  owner: number | null;
  readonly rows: { readonly seq: number; readonly epoch: number; readonly body: string }[];
  snapshot: { readonly seq: number; readonly body: string } | null;
  readonly inbox: Map<string, { readonly order: number; readonly body: string }>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A new run without rows. Its `append` brings a creation. */
export function createRun(append: Append, owner: number | null): MemoryRun {
  const create = append.create!;
  return {
    runKey: append.runKey,
    tenant: append.tenant,
    id: create.id,
    workflow: create.workflow,
    version: create.version,
    versionHash: create.versionHash,
    status: "pending",
    priority: create.priority,
    metadata: create.metadata,
    createdAt: create.createdAt,
    startedAt: null,
    finishedAt: null,
    availableAt: create.availableAt,
    errorCode: null,
    epoch: append.epoch,
    fingerprint: create.fingerprint,
    crashCount: 0,
    owner,
    rows: [],
    snapshot: null,
    inbox: new Map(),
  };
}

export function headOf(run: MemoryRun): RunHead {
  const { owner: _owner, rows: _rows, snapshot: _snapshot, inbox: _inbox, ...head } = run;
  return head;
}
