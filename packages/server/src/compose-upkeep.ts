import type { BlobStore } from "./blob/blob.ts";
import { databaseTime, type SqlClock } from "./db/database-clock.ts";
import type { Database } from "./db/database.ts";
import type { Journal } from "./journal/journal.ts";
import type { Clock } from "./runtime/clock.ts";
import { Retention, type OwnRetention } from "./runtime/retention.ts";
import type { StreamLog } from "./streamlog/streamlog.ts";
import { RetentionMetrics } from "./telemetry/retention-metrics.ts";
import { SqlObjects } from "./upkeep/objects.ts";
import { SqlTurns } from "./upkeep/turns.ts";

export interface UpkeepOptions {
  readonly journal: Journal;
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly streamLog: StreamLog;
  readonly clock: Clock;
  /** The clock that all processes on the database share. */
  readonly sqlClock: SqlClock;
  readonly tenant: string;
  readonly keepMs: number | null;
  readonly problem: (message: string, error: unknown) => void;
}

/** What keeps the store small, and the payloads' blobs, which it has a book of. */
export interface Upkeep {
  /** The blob store for payloads: every object is in the book before its bytes are sent. */
  readonly blobs: BlobStore;
  readonly metrics: RetentionMetrics;
  start(ownRetentions: () => Promise<readonly OwnRetention[]>): void;
  close(): Promise<void>;
}

export function openUpkeep(options: UpkeepOptions): Upkeep {
  const { journal, database, blobs, streamLog, clock, tenant, keepMs, problem } = options;
  const now = (): Promise<number> => databaseTime(database, options.sqlClock);
  const objects = new SqlObjects({ database, blobs, known: (one, hashes) => journal.known(one, hashes), now });
  const turns = new SqlTurns({ database, now, after: (ms, callback) => clock.after(ms, callback) });
  const metrics = new RetentionMetrics(() => clock.monotonic());
  let retention: Retention | null = null;
  return {
    blobs: objects.blobs,
    metrics,
    start(ownRetentions) {
      retention = new Retention({
        journal,
        streamLog,
        turns,
        objects,
        clock,
        tenant,
        keepMs,
        ownRetentions,
        report: metrics,
        problem,
      });
      retention.start();
    },
    close: async () => retention?.close(),
  };
}
