import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import type {
  Append,
  Journal,
  OfferedInput,
  OfferResult,
  OwnedRun,
  Release,
  RunHead,
  RunPage,
  RunQuery,
  RunRecord,
  RunStats,
  StoredInput,
  Verdict,
  WorkerIdentity,
} from "./journal.ts";
import { SqliteAppend } from "./sqlite-append.ts";
import { SqliteInbox } from "./sqlite-inbox.ts";
import type { FolderLock } from "./sqlite-lock.ts";
import { lockFolder } from "./sqlite-lock.ts";
import { SqliteOwnership } from "./sqlite-ownership.ts";
import type { Borders, PruneStep } from "./sqlite-prune.ts";
import { SqlitePrune } from "./sqlite-prune.ts";
import { SqliteQueries } from "./sqlite-queries.ts";
import { migrateSqlite } from "./sqlite-schema.ts";
import { SqliteSlots } from "./sqlite-slots.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { storeError } from "./sqlite-errors.ts";

export interface SqliteCoreOptions {
  readonly folder: string;
  readonly pid: number;
  readonly rowBytesMax: number;
  /** How long a statement waits for a lock that a foreign tool holds on the file. It blocks the thread. */
  readonly busyTimeoutMs: number;
  /** The most pages (of 4 KB) that the file may have. Null: as the disk allows. */
  readonly pagesMax: number | null;
}

/** What can be asked of the store, wherever it runs. Times come with the call: the store has no clock. */
export interface SqliteCalls {
  join(worker: WorkerIdentity, now: number): number;
  leave(workerKey: number, now: number): void;
  reserveKeys(count: number): number;
  append(workerKey: number, batch: readonly Append[], now: number): readonly Verdict[];
  offer(inputs: readonly OfferedInput[], now: number): readonly OfferResult[];
  inbox(workerKey: number, limit: number): readonly StoredInput[];
  claim(workerKey: number, limit: number, now: number): readonly RunHead[];
  release(workerKey: number, runs: readonly Release[], now: number): number;
  owned(workerKey: number): readonly OwnedRun[];
  read(runKey: number, range: NonNullable<Parameters<Journal["read"]>[1]>): RunRecord;
  payloads(tenant: string, hashes: readonly string[]): ReadonlyMap<string, Uint8Array>;
  known(tenant: string, hashes: readonly string[]): ReadonlySet<string>;
  head(tenant: string, id: string): RunHead | null;
  find(query: RunQuery): RunPage;
  stats(tenant: string): RunStats;
  pruneStep(afterKey: number, borders: Borders, now: number): PruneStep;
}

/** What a call returns, and the member that it offered an input to (null: none). */
export interface Answer<K extends keyof SqliteCalls> {
  readonly value: ReturnType<SqliteCalls[K]>;
  readonly woken: number | null;
}

/** Keys are taken from the store in blocks of this many, so that reserving some is no write. */
const KEY_BLOCK = 100_000;

/**
 * The SQLite journal without its thread: every method does its work before it returns. Runs on the main thread or in a
 * worker thread, whichever `sqlite.ts` chose.
 */
export class SqliteCore {
  private readonly store: SqliteStore;
  private readonly calls: SqliteCalls;
  private readonly lock: FolderLock;
  private readonly takeKeys: StatementSync;
  private nextKey = 0;
  private keysUpTo = 0;

  constructor(options: SqliteCoreOptions) {
    this.lock = lock(options);
    let db: DatabaseSync | null = null;
    try {
      db = openDatabase(join(options.folder, "journal.db"), options.busyTimeoutMs);
      migrateSqlite(db);
      if (options.pagesMax !== null) db.exec(`pragma max_page_count = ${options.pagesMax}`);
      const store = new SqliteStore(db);
      const inbox = new SqliteInbox(store, options.rowBytesMax);
      const writer = new SqliteAppend(store, new SqliteSlots(store), inbox, options.rowBytesMax);
      const ownership = new SqliteOwnership(store);
      const queries = new SqliteQueries(store);
      const pruning = new SqlitePrune(store);
      this.store = store;
      this.calls = {
        join: (worker, now) => ownership.join(worker, now),
        leave: (workerKey, now) => ownership.leave(workerKey, now),
        reserveKeys: (count) => this.reserveKeys(count),
        append: (workerKey, batch, now) => writer.append(workerKey, batch, now),
        offer: (inputs, now) => inbox.offer(inputs, now),
        inbox: (workerKey, limit) => inbox.read(workerKey, limit),
        claim: (workerKey, limit, now) => ownership.claim(workerKey, limit, now),
        release: (workerKey, runs, now) => ownership.release(workerKey, runs, now),
        owned: (workerKey) => ownership.ownedBy(workerKey),
        read: (runKey, range) => queries.read(runKey, range),
        payloads: (tenant, hashes) => queries.payloads(tenant, hashes),
        known: (tenant, hashes) => queries.known(tenant, hashes),
        head: (tenant, id) => queries.head(tenant, id),
        find: (query) => queries.find(query),
        stats: (tenant) => queries.stats(tenant),
        pruneStep: (afterKey, borders, now) => pruning.step(afterKey, borders, now),
      };
      this.takeKeys = db.prepare("update meta set value = value + ? where name = 'next_key' returning value");
    } catch (error) {
      db?.close();
      this.lock.release();
      throw storeError(error);
    }
  }

  /** Does one call. Whatever it throws is an error of the table. */
  call<K extends keyof SqliteCalls>(name: K, args: Parameters<SqliteCalls[K]>): Answer<K> {
    try {
      const work = this.calls[name] as (...args: Parameters<SqliteCalls[K]>) => ReturnType<SqliteCalls[K]>;
      const value = work(...args);
      const woken = this.store.woken ? this.store.member : null;
      this.store.woken = false;
      return { value, woken };
    } catch (error) {
      throw storeError(error);
    }
  }

  private reserveKeys(count: number): number {
    if (this.nextKey + count > this.keysUpTo) {
      const block = Math.max(count, KEY_BLOCK);
      this.keysUpTo = Number(this.takeKeys.get(block)!["value"]);
      this.nextKey = this.keysUpTo - block;
    }
    const first = this.nextKey;
    this.nextKey += count;
    return first;
  }

  close(): void {
    if (this.store.db.isOpen) this.store.db.close();
    this.lock.release();
  }
}

function lock({ folder, pid }: SqliteCoreOptions): FolderLock {
  try {
    return lockFolder(folder, pid);
  } catch (error) {
    throw storeError(error);
  }
}

function openDatabase(path: string, busyTimeoutMs: number): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs });
  // FULL: an append that was answered is on the disk. The log is folded into the file every 8 MB; it is cut to 64 MB.
  db.exec(`
    pragma journal_mode = wal; pragma synchronous = full; pragma fullfsync = on; pragma foreign_keys = off;
    pragma cache_size = -65536; pragma temp_store = memory;
    pragma wal_autocheckpoint = 2000; pragma journal_size_limit = 67108864;`);
  return db;
}
