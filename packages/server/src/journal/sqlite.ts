import { AppError } from "@weftwork/core";
import type { Journal, PruneOptions, PruneResult } from "./journal.ts";
import { ROW_BYTES_MAX } from "./rules.ts";
import type { SqliteCalls } from "./sqlite-core.ts";
import { directExecutor, threadExecutor } from "./sqlite-thread.ts";

/**
 * The journal in a folder of one process, on the SQLite that Node brings. An append that was answered is on the disk.
 *
 * Owns: the folder, exclusively and for life; two files, `journal.db` with its log and `lock.db`.
 * Does not own: leases. Whoever joins is alive as long as the process, and everyone before is dead.
 */
export interface SqliteJournalOptions {
  /** The data folder. A second process that opens it is refused with STORE_IN_USE and the first one's id. */
  readonly folder: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Whether a thread of its own writes, so that the event loop never waits for the disk. */
  readonly thread?: boolean;
  readonly rowBytesMax?: number;
  /** The most pages (of 4 KB) that the file may have; at the limit appends fail with STORE_FULL. */
  readonly pagesMax?: number;
}

export async function sqliteJournal(options: SqliteJournalOptions): Promise<Journal> {
  const now = options.now ?? Date.now;
  const thread = options.thread ?? true;
  const executor = await (thread ? threadExecutor : directExecutor)({
    folder: options.folder,
    pid: process.pid,
    rowBytesMax: options.rowBytesMax ?? ROW_BYTES_MAX,
    busyTimeoutMs: thread ? 5000 : 250,
    pagesMax: options.pagesMax ?? null,
  });
  const listeners = new Set<(workerKey: number) => void>();
  let member: number | null = null;
  let closed = false;

  async function call<K extends keyof SqliteCalls>(
    name: K,
    ...args: Parameters<SqliteCalls[K]>
  ): Promise<ReturnType<SqliteCalls[K]>> {
    if (closed) throw new AppError("STORE_UNAVAILABLE", { reason: "it is closed" });
    const { value, woken } = await executor.call(name, args);
    if (woken !== null) for (const listener of listeners) listener(woken);
    return value;
  }

  async function prune(finishedBefore: number, { own = [], goOn }: PruneOptions = {}): Promise<PruneResult> {
    let [runs, payloads] = [0, 0];
    const borders = { finishedBefore, own };
    for (let next: number | null = 0; next !== null;) {
      const step: ReturnType<SqliteCalls["pruneStep"]> = await call("pruneStep", next, borders, now());
      runs += step.runs;
      payloads += step.payloads;
      next = goOn?.() === false ? null : step.next;
      // Flushes go between two steps.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { runs, payloads };
  }

  return {
    capabilities: { manyOwners: false, volatile: false },
    async join(worker) {
      const workerKey = await call("join", worker, now());
      member = workerKey;
      return {
        workerKey,
        deadline: () => (closed || member !== workerKey ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY),
        async leave() {
          if (member !== workerKey) return;
          member = null;
          await call("leave", workerKey, now());
        },
      };
    },
    reserveKeys: (count) => call("reserveKeys", count),
    append: (membership, batch) => call("append", membership.workerKey, batch, now()),
    offer: (inputs) => call("offer", inputs, now()),
    inbox: (membership, limit) => call("inbox", membership.workerKey, limit),
    claim: (membership, limit) => call("claim", membership.workerKey, limit, now()),
    release: (membership, runs) => call("release", membership.workerKey, runs, now()),
    owned: (membership) => call("owned", membership.workerKey),
    read: (runKey, range = {}) => call("read", runKey, range),
    payloads: (tenant, hashes) => call("payloads", tenant, hashes),
    known: (tenant, hashes) => call("known", tenant, hashes),
    head: (tenant, id) => call("head", tenant, id),
    find: (query) => call("find", query),
    stats: (tenant) => call("stats", tenant),
    prune,
    onInbox(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      if (closed) return;
      closed = true;
      await executor.close();
    },
  };
}
