import { AppError } from "@weftwork/core";
import { PostgresListener } from "../connections/listener.ts";
import type { Budget } from "../connections/shares.ts";
import { Way } from "../connections/way.ts";
import type { Journal, Membership } from "./journal.ts";
import { PostgresAppend } from "./postgres-append.ts";
import { storeError } from "./postgres-errors.ts";
import { PostgresInbox } from "./postgres-inbox.ts";
import { startLease } from "./postgres-lease.ts";
import { PostgresOwnership } from "./postgres-ownership.ts";
import { PostgresPartitions } from "./postgres-partitions.ts";
import { connectionConfig, journalSettings, PostgresPool } from "./postgres-pool.ts";
import { PostgresPrune } from "./postgres-prune.ts";
import { PostgresQueries } from "./postgres-queries.ts";
import { inboxChannel, migratePostgres } from "./postgres-schema.ts";
import { PostgresSlots } from "./postgres-slots.ts";
import { FENCED, ROW_BYTES_MAX } from "./rules.ts";

/**
 * The journal on PostgreSQL 15 or newer, for any number of processes. READ COMMITTED, and every decision an explicit
 * compare-and-set; reads go to the same server as writes. The order of locks stands in `postgres-sql.ts`.
 */
export interface PostgresJournalOptions {
  readonly url: string;
  /** The schema that holds the tables. Made when it is not there. */
  readonly schema?: string;
  /** Connections for all but flushes. */
  readonly poolSize?: number;
  /** Connections for flushes: as many can be under way at a time. */
  readonly lanes?: number;
  readonly heartbeatMs?: number;
  /** `by hand`: tests move the clock and renew with `renew()`. */
  readonly renewal?: "thread" | "by hand";
  readonly rowBytesMax?: number;
  readonly statementTimeoutMs?: number;
  /** Sizes the pools, in place of `poolSize` and `lanes`. */
  readonly budget?: Budget;
  /** Left out: one of its own. */
  readonly way?: Way;
}

export interface PostgresMembership extends Membership {
  /** One renewal now. False when the lease was taken away. */
  renew(): Promise<boolean>;
}

/** How long callers wait for a connection; with what else they ask the answer comes within a second (F20). */
const CALLER_WAIT_MS = 600;
const ADMIT_WAIT_MS = 300;
/** Keys are taken from the sequence in blocks of this many; the sequence counts in the same steps. */
const KEY_BLOCK = 10_000;

export async function postgresJournal(options: PostgresJournalOptions): Promise<Journal> {
  const schema = options.schema ?? "weft";
  const laneCount = options.lanes ?? 4;
  const way = options.way ?? new Way({ url: options.url });
  const shared = {
    url: options.url,
    way,
    schema,
    statementTimeoutMs: options.statementTimeoutMs ?? 15_000,
    applicationName: "weft",
  };
  const connection = connectionConfig({ ...shared, size: 1 });
  const pool = new PostgresPool({ ...shared, size: options.poolSize ?? 6 });
  const lanes = new PostgresPool({ ...shared, size: laneCount, dataErrors: true });
  options.budget?.add("journal", pool);
  options.budget?.add("lanes", lanes);
  const impatient = new PostgresPool({ ...shared, size: 1, waitMs: CALLER_WAIT_MS }, pool);
  const channel = inboxChannel(schema);
  const rowBytesMax = options.rowBytesMax ?? ROW_BYTES_MAX;
  const inbox = new PostgresInbox(pool, channel, rowBytesMax);
  const appends = new PostgresAppend(lanes, laneCount, new PostgresSlots(lanes, inbox), rowBytesMax);
  const ownership = new PostgresOwnership(pool);
  const queries = new PostgresQueries(pool);
  const asked = new PostgresQueries(impatient);
  const askedInbox = new PostgresInbox(impatient, channel, rowBytesMax);
  const partitions = new PostgresPartitions(pool);
  const pruning = new PostgresPrune(pool, partitions);
  const inboxListeners = new Set<(workerKey: number) => void>();
  const listener = new PostgresListener({
    connection: { ...connection, connectionString: way.listenUrl },
    onDeaf: () => way.deaf(),
    channels: [channel],
    onNotification: (workerKey) => inboxListeners.forEach((told) => told(Number(workerKey))),
  });
  const leaving = new Set<() => Promise<void>>();
  const keys: { next: number; end: number; fetching: Promise<void> | null } = { next: 0, end: 0, fetching: null };

  async function fetchKeys(): Promise<void> {
    const [row] = await pool.query<{ first: number }>({ name: "keys", text: "select nextval('run_keys') as first" });
    keys.next = row!.first;
    keys.end = row!.first + KEY_BLOCK;
  }

  async function reserveKeys(count: number): Promise<number> {
    if (count > KEY_BLOCK) throw new AppError("INVALID_REQUEST", { reason: `at most ${KEY_BLOCK} keys at a time` });
    while (keys.next + count > keys.end) {
      // Whoever comes meanwhile waits for the same block.
      keys.fetching ??= fetchKeys().finally(() => {
        keys.fetching = null;
      });
      await keys.fetching;
    }
    const first = keys.next;
    keys.next += count;
    return first;
  }

  async function join(worker: Parameters<Journal["join"]>[0]): Promise<PostgresMembership> {
    const joinedAt = process.hrtime.bigint();
    const workerKey = await ownership.join(worker);
    const { leaseMs } = worker;
    const heartbeatMs = options.heartbeatMs ?? leaseMs / 3;
    const byHand = options.renewal === "by hand";
    const opening = way.isPooled ? way.opening(journalSettings({ ...shared, size: 1 })) : null;
    const lease = byHand ? null : startLease({ connection, opening, workerKey, leaseMs, heartbeatMs, joinedAt });
    let left = false;
    const stop = async (): Promise<void> => {
      left = true;
      leaving.delete(stop);
      await lease?.stop();
    };
    leaving.add(stop);
    return {
      workerKey,
      deadline: () => (left ? Number.NEGATIVE_INFINITY : (lease?.deadline() ?? Number.POSITIVE_INFINITY)),
      renew: () => ownership.renew(workerKey, leaseMs),
      async leave() {
        if (left) return;
        await stop();
        await ownership.leave(workerKey);
      },
    };
  }

  try {
    await pool.bare((client) => migratePostgres(client, schema));
    await partitions.ensure(await databaseTime());
    await ownership.forget();
  } catch (error) {
    await Promise.all([pool.close(), lanes.close()]);
    throw storeError(error);
  }

  async function databaseTime(): Promise<number> {
    const [row] = await pool.query<{ now: number }>({ text: "select now_ms() as now" });
    return row!.now;
  }

  return {
    capabilities: { manyOwners: true, volatile: false },
    join,
    reserveKeys,
    async append(membership, batch) {
      if (performance.now() > membership.deadline()) return batch.map(() => FENCED);
      return appends.append(membership.workerKey, batch);
    },
    offer: (inputs) => inbox.offer(inputs),
    inbox: (membership, limit) => inbox.read(membership.workerKey, limit),
    inboxLately: (membership, limit) => inbox.readLately(membership.workerKey, limit),
    claim: (membership, limit) => ownership.claim(membership.workerKey, limit),
    release: (membership, runs) => ownership.release(membership.workerKey, runs),
    owned: (membership) => ownership.ownedBy(membership.workerKey),
    read: (runKey, range = {}) => queries.read(runKey, range),
    payloads: (tenant, hashes) => queries.payloads(tenant, hashes),
    known: (tenant, hashes) => queries.known(tenant, hashes),
    head: (tenant, id) => queries.head(tenant, id),
    find: (query) => queries.find(query),
    stats: (tenant) => queries.stats(tenant),
    callers: {
      head: (tenant, id) => asked.head(tenant, id),
      read: (runKey, range = {}) => asked.read(runKey, range),
      find: (query) => asked.find(query),
      stats: (tenant) => asked.stats(tenant),
      offer: (inputs) => askedInbox.offer(inputs),
    },
    admit: () => (lanes.isFree ? null : lanes.room(ADMIT_WAIT_MS)),
    async makeRoom() {
      return { strayRows: await partitions.ensure(await databaseTime()) };
    },
    async prune(finishedBefore, pruneOptions) {
      await partitions.ensure(await databaseTime());
      const result = await pruning.prune(finishedBefore, pruneOptions);
      await ownership.forget();
      return result;
    },
    onInbox(told) {
      inboxListeners.add(told);
      listener.start();
      return () => void inboxListeners.delete(told);
    },
    async close() {
      await Promise.all([...leaving].map((stop) => stop()));
      await Promise.all([listener.close(), pool.close(), lanes.close()]);
    },
  };
}
