import { crc32 } from "node:zlib";
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { JsonObject } from "@weftwork/core";
import type { RunHead, RunStatus } from "./journal.ts";
import { storeError } from "./sqlite-errors.ts";
import { priorityOf } from "./rules.ts";

export type Row = Record<string, SQLOutputValue>;

/** What the process remembers of a run that its member owns, so that an append reads nothing. */
export interface Owned {
  readonly owner: number | null;
  readonly epoch: number;
  readonly tenant: string;
  readonly slotted: boolean;
  readonly finished: boolean;
  /** The number of its last row. */
  seq: number;
}

const LOAD_OWNED = `
select owner, epoch, tenant, slotted, finished_at, (select max(seq) from entry where entry.run_key = run.run_key) as seq
from run where run_key = ?`;

/**
 * The writing connection of a data folder, and what its only process remembers beside it.
 *
 * W1. What is remembered equals what is stored: it is changed within a transaction, and forgotten when one fails.
 * W2. Every failure that leaves here is an error of the table.
 */
export class SqliteStore {
  readonly db: DatabaseSync;
  readonly owned = new Map<number, Owned>();
  /** Runs that have rows in the inbox. Most runs never have, and then their end need not look. */
  readonly withInput = new Set<number>();
  /** The member that is alive; on SQLite there is one at most. */
  member: number | null = null;
  /** Members before it that may still be named as owners of open runs. */
  stale: { readonly workerKey: number; readonly left: boolean }[] = [];
  /** Set when the member was offered an input; whoever answers for the store reads and clears it. */
  woken = false;
  private readonly begin: StatementSync;
  private readonly commit: StatementSync;
  private readonly rollback: StatementSync;
  private readonly loadOwned: StatementSync;

  constructor(db: DatabaseSync) {
    this.db = db;
    this.begin = db.prepare("begin immediate");
    this.commit = db.prepare("commit");
    this.rollback = db.prepare("rollback");
    this.loadOwned = db.prepare(LOAD_OWNED);
    this.loadWithInput();
  }

  /** All of the work, durable, or none of it. */
  transaction<T>(work: () => T): T {
    try {
      this.begin.run();
      const result = work();
      this.commit.run();
      return result;
    } catch (error) {
      this.undo();
      throw error;
    }
  }

  ownedRun(runKey: number): Owned | null {
    const known = this.owned.get(runKey);
    if (known) return known;
    const row = this.loadOwned.get(runKey);
    if (!row) return null;
    const owned: Owned = {
      owner: row["owner"] === null ? null : Number(row["owner"]),
      epoch: Number(row["epoch"]),
      tenant: String(row["tenant"]),
      slotted: row["slotted"] === 1,
      finished: row["finished_at"] !== null,
      seq: Number(row["seq"]),
    };
    if (owned.owner === this.member && !owned.finished) this.owned.set(runKey, owned);
    return owned;
  }

  private undo(): void {
    try {
      if (this.db.isTransaction) this.rollback.run();
      this.owned.clear();
      this.loadWithInput();
    } catch (error) {
      throw storeError(error);
    }
  }

  private loadWithInput(): void {
    this.withInput.clear();
    for (const row of this.db.prepare("select distinct run_key from inbox").iterate()) {
      this.withInput.add(Number(row["run_key"]));
    }
  }
}

/** A checksum over a row's text and its place, so that a row that moved is found as well as one that changed. */
export function checksum(runKey: number, seq: number, epoch: number, body: string): number {
  return crc32(body, (Math.imul(runKey, 0x9e3779b1) ^ Math.imul(seq, 0x85ebca6b) ^ epoch) >>> 0);
}

/** Columns of a head, in the order of `headOf`. */
export const HEAD_COLUMNS = `run_key, tenant, id, workflow, version, version_hash, status, rank, metadata, created_at,
  started_at, finished_at, available_at, error_code, epoch, fingerprint, crash_count`;

export function headOf(row: Row): RunHead {
  return {
    runKey: Number(row["run_key"]),
    tenant: String(row["tenant"]),
    id: String(row["id"]),
    workflow: String(row["workflow"]),
    version: String(row["version"]),
    versionHash: String(row["version_hash"]),
    status: String(row["status"]) as RunStatus,
    priority: priorityOf(Number(row["rank"])),
    metadata: JSON.parse(String(row["metadata"])) as JsonObject,
    createdAt: Number(row["created_at"]),
    startedAt: numberOrNull(row["started_at"]),
    finishedAt: numberOrNull(row["finished_at"]),
    availableAt: numberOrNull(row["available_at"]),
    errorCode: row["error_code"] === null ? null : String(row["error_code"]),
    epoch: Number(row["epoch"]),
    fingerprint: String(row["fingerprint"]),
    crashCount: Number(row["crash_count"]),
  };
}

function numberOrNull(value: SQLOutputValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}
