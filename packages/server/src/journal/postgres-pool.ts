import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@weftwork/core";
import pg from "pg";
import type { PoolClient, QueryResult, QueryResultRow } from "pg";
import { busy } from "../connections/busy.ts";
import { connectWithin, keepToSize, resizePool } from "../connections/pool.ts";
import { prepared, startOptions, Way, type Settings, type Statement } from "../connections/way.ts";
import { exactNumbers } from "../db/postgres-numbers.ts";
import { errorKind, storeError } from "./postgres-errors.ts";
import { quoteName } from "./postgres-schema.ts";

export interface PostgresPoolOptions {
  readonly url: string;
  readonly schema: string;
  readonly size: number;
  /** Milliseconds after which the server ends a statement. */
  readonly statementTimeoutMs: number;
  readonly applicationName: string;
  /** Errors that a value causes are thrown as they are, for one who looks for the value. */
  readonly dataErrors?: boolean;
  /**
   * For callers who would rather be told: how long a connection is waited for, in milliseconds. Where the service is away
   * nothing is repeated for longer. Left out: as long as it takes to see a passing fault through.
   */
  readonly waitMs?: number;
  /** Left out: one of its own. */
  readonly way?: Way | undefined;
}

/** A fault that does not pass within this is the caller's: its lease runs on meanwhile. */
const REPEAT_MS_MAX = 8000;
const ATTEMPTS_MAX = 8;

/**
 * What every connection is told, or every transaction where a pooler is between (`Way`). The plans of the hot statements
 * must not depend on when they were first made: a table that was empty then would be read whole for ever. So plans are
 * generic, and follow indexes.
 */
export function journalSettings({ schema, statementTimeoutMs }: PostgresPoolOptions): Settings {
  return {
    search_path: quoteName(schema),
    plan_cache_mode: "force_generic_plan",
    enable_seqscan: "off",
    enable_hashjoin: "off",
    enable_mergejoin: "off",
    enable_bitmapscan: "off",
    enable_sort: "off",
    enable_incremental_sort: "off",
    jit: "off",
    statement_timeout: statementTimeoutMs,
    lock_timeout: Math.min(5000, statementTimeoutMs),
    idle_in_transaction_session_timeout: 10_000,
  };
}

export function connectionConfig(options: PostgresPoolOptions): pg.ClientConfig {
  return {
    connectionString: options.url,
    options: startOptions(journalSettings(options)),
    application_name: options.applicationName,
    connectionTimeoutMillis: 5000,
    // A server that is gone without a word answers nothing, not even that the statement took too long.
    query_timeout: options.statementTimeoutMs + 5000,
    keepAlive: true,
    types: exactNumbers,
  };
}

export type Query = Statement;

/**
 * Connections of one kind, and the repetition that makes passing faults invisible (F17, F29).
 *
 * R1. Work that is handed in may be done more than once. It must be harmless then: compare-and-set, or idempotent.
 * R2. A connection on which anything unexpected happened is never used again.
 */
export class PostgresPool {
  private readonly pool: pg.Pool;
  private readonly dataErrors: boolean;
  private readonly waitMs: number | null;
  private readonly way: Way;
  private readonly settings: Settings;
  private closed = false;

  /** `of`: a pool whose connections are used; left out, it has its own. */
  constructor(options: PostgresPoolOptions, of?: PostgresPool) {
    this.dataErrors = options.dataErrors ?? false;
    this.waitMs = options.waitMs ?? null;
    this.way = options.way ?? of?.way ?? new Way({ url: options.url });
    this.settings = journalSettings(options);
    if (of) {
      this.pool = of.pool;
      return;
    }
    this.pool = new pg.Pool({ ...connectionConfig(options), max: options.size, idleTimeoutMillis: 300_000 });
    keepToSize(this.pool);
    // An idle connection that breaks is replaced on its next use; there is nobody to tell.
    this.pool.on("error", () => undefined);
    // One that breaks while it is used fails the query that uses it, and says so a second time.
    this.pool.on("connect", (client) => client.on("error", () => undefined));
  }

  /** Connections at most, from now on. */
  resize(max: number): void {
    resizePool(this.pool, max);
  }

  /** A connection can be had at once, or made. */
  get isFree(): boolean {
    return this.pool.idleCount > 0 || this.pool.totalCount < this.pool.options.max;
  }

  /**
   * Throws `STORE_UNAVAILABLE`, with `retryAfter`, when no connection becomes free within a time. For those who can
   * refuse work before it begins; it holds nothing.
   */
  async room(waitMs: number): Promise<void> {
    (await connectWithin(this.pool, waitMs, () => busy(this.pool.options.max))).release();
  }

  /** One statement by itself. */
  async query<R extends QueryResultRow>(query: Query): Promise<R[]> {
    return this.use((client) => run<R>(client, query));
  }

  /** All statements of the work, or none. */
  async transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.attempts((client) => this.inTransaction(client, work), false);
  }

  /**
   * Does the work on a connection; again on another, while the faults pass by themselves. Behind a pooler the work is one
   * transaction, so it must be right as one and as several.
   */
  async use<T>(
    work: (client: PoolClient) => Promise<T>,
    { once = false }: { /** Throws where the work may have been done. */ readonly once?: boolean } = {},
  ): Promise<T> {
    return this.attempts((client) => (this.way.isPooled ? this.inTransaction(client, work) : work(client)), once);
  }

  /** The same for work that makes its transactions itself, each with its settings. */
  async bare<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.attempts(work, false);
  }

  private async inTransaction<T>(client: PoolClient, work: (client: PoolClient) => Promise<T>): Promise<T> {
    await client.query(this.way.opening(this.settings));
    const result = await work(client);
    await client.query("commit");
    return result;
  }

  private async attempts<T>(work: (client: PoolClient) => Promise<T>, once: boolean): Promise<T> {
    const until = performance.now() + (this.waitMs ?? REPEAT_MS_MAX);
    for (let attempt = 1; ; attempt++) {
      if (this.closed) throw new AppError("STORE_UNAVAILABLE", { reason: "it is closed" });
      let client: PoolClient | null = null;
      try {
        client = await this.connect();
        ways.set(client, this.way);
        const result = await work(client);
        client.release();
        return result;
      } catch (error) {
        const kind = this.way.isRefusal(error) ? "repeat" : errorKind(error);
        await this.putBack(client, kind === "lost");
        const passes = kind === "repeat" || (kind === "lost" && !(once && client));
        if (!passes || attempt === ATTEMPTS_MAX || performance.now() > until) {
          throw kind === "data" && this.dataErrors ? error : storeError(error);
        }
        // Full jitter, so that those who met do not meet again.
        await sleep(Math.random() * Math.min(1000, 10 * 3 ** attempt));
      }
    }
  }

  private async connect(): Promise<PoolClient> {
    const { pool, waitMs } = this;
    await this.way.look();
    if (this.way.isPooled) delete pool.options.options;
    return waitMs === null ? pool.connect() : connectWithin(pool, waitMs, () => busy(pool.options.max));
  }

  private async putBack(client: PoolClient | null, broken: boolean): Promise<void> {
    if (!client) return;
    if (broken) return client.release(true);
    try {
      await client.query("rollback");
      client.release();
    } catch {
      client.release(true);
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.pool.end();
  }
}

/** By what way a connection leads to the server, for those who are handed one. */
const ways = new WeakMap<PoolClient, Way>();

export async function run<R extends QueryResultRow>(client: PoolClient, query: Query): Promise<R[]> {
  return (await ask<R>(client, query)).rows;
}

/** The same with how many rows it changed. */
export function ask<R extends QueryResultRow>(client: PoolClient, query: Query): Promise<QueryResult<R>> {
  return client.query<R>(ways.get(client)?.prepared(query) ?? prepared(query));
}
