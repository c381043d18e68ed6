import pg from "pg";
import { exactNumbers } from "../db/postgres-numbers.ts";
import { busy } from "./busy.ts";
import { connectWithin, keepToSize, resizePool, type Connections } from "./pool.ts";
import {
  LEAST,
  poolShares,
  PROCESS_LEAST,
  processShare,
  type Budget,
  type PoolKind,
  type Resizable,
  type ServerFacts,
  type Shares,
} from "./shares.ts";
import { Way } from "./way.ts";

export interface ConnectionBudgetOptions {
  readonly url: string;
  /** Left out: one of its own. */
  readonly way?: Way;
  /** The schema of the journal, whose workers are counted. */
  readonly schema?: string;
  readonly problem: (message: string, error: unknown) => void;
}

/** Others who started with us have joined by then. */
const FIRST_MS = 1500;
const LOOK_MS = 10_000;
/** How long a caller waits for a connection; with what else it asks the answer comes within a second (F20). */
const CALLER_WAIT_MS = 600;
const STATEMENT_MS = 30_000;
const FACTS = (schema: string): string => `
select least(
    current_setting('max_connections')::int4,
    (select case when rolconnlimit < 0 then 1000000 else rolconnlimit end from pg_roles where rolname = current_user),
    (select case when datconnlimit < 0 then 1000000 else datconnlimit end from pg_database
     where datname = current_database())) as connections_max,
  current_setting('superuser_reserved_connections')::int4
    + coalesce(current_setting('reserved_connections', true), '0')::int4 as reserved,
  (select count(*)::int4 from ${schema}.worker where state = 0 and lease_until > ${schema}.now_ms()) as processes`;

/**
 * The connections of this process to the PostgreSQL server, so that all processes on the store together stay within their
 * share. Every pool begins with one connection, and grows when it is known how many processes there are; when others
 * come it shrinks again. Owns the pool of the cold stores.
 */
export class ConnectionBudget implements Budget {
  private readonly facts: string;
  private readonly problem: ConnectionBudgetOptions["problem"];
  private readonly pools: { readonly kind: PoolKind; readonly pool: Resizable }[] = [];
  private readonly cold: pg.Pool;
  private readonly way: Way;
  private shares: Shares = LEAST;
  private timer: NodeJS.Timeout | null = null;
  private looking: Promise<void> | null = null;
  private toldShort = false;
  private closed = false;

  constructor({ url, way = new Way({ url }), schema = "weft", problem }: ConnectionBudgetOptions) {
    this.way = way;
    this.facts = FACTS(pg.escapeIdentifier(schema));
    this.problem = problem;
    this.cold = new pg.Pool({
      connectionString: url,
      max: LEAST.cold,
      idleTimeoutMillis: 300_000,
      connectionTimeoutMillis: 5000,
      application_name: "weftwork",
      statement_timeout: STATEMENT_MS,
      keepAlive: true,
      types: exactNumbers,
    });
    // An idle connection that breaks is replaced on its next use; one in use fails its query, and says so twice.
    this.cold.on("error", () => undefined);
    this.cold.on("connect", (client) => client.on("error", () => undefined));
    keepToSize(this.cold);
    this.add("cold", { resize: (max) => resizePool(this.cold, max) });
  }

  add(kind: PoolKind, pool: Resizable): void {
    this.pools.push({ kind, pool });
    pool.resize(this.shares[kind]);
  }

  /** Begins to look at the server. When this process has joined the store. */
  start(): void {
    this.plan(FIRST_MS);
  }

  /** The pool of the cold stores, for work that must be done. */
  patient(): Connections {
    return {
      query: async (text, values) => (await this.pool()).query(text, values),
      connect: async () => (await this.pool()).connect(),
      end: ended,
    };
  }

  /** The same for callers, who are told soon when no connection is free: `STORE_UNAVAILABLE`, with `retryAfter`. */
  impatient(): Connections {
    const connect = async () => connectWithin(await this.pool(), CALLER_WAIT_MS, () => busy(this.cold.options.max));
    return {
      async query(text, values) {
        const client = await connect();
        let failure: Error | undefined;
        try {
          return await client.query(text, values);
        } catch (error) {
          failure = error as Error;
          throw error;
        } finally {
          // Errors of the server leave the connection as it was; all others are of the connection.
          client.release(failure !== undefined && !("severity" in failure));
        }
      },
      connect,
      end: ended,
    };
  }

  /** The pool of the cold stores. Poolers refuse the setting, and its other users set none. */
  private async pool(): Promise<pg.Pool> {
    await this.way.look();
    if (this.way.isPooled) delete this.cold.options.statement_timeout;
    return this.cold;
  }

  /** Looks at the server now. */
  look(): Promise<void> {
    this.looking ??= this.measure().finally(() => {
      this.looking = null;
      this.plan(LOOK_MS);
    });
    return this.looking;
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    await this.looking?.catch(() => undefined);
    await this.cold.end();
  }

  private plan(ms: number): void {
    if (this.closed) return;
    if (this.timer) clearTimeout(this.timer);
    // No two processes look, and resize, in step.
    this.timer = setTimeout(() => void this.look(), ms * (0.8 + Math.random() * 0.4)).unref();
  }

  private async measure(): Promise<void> {
    try {
      const { rows } = await (
        await this.pool()
      ).query<{ connections_max: number; reserved: number; processes: number }>(this.facts);
      const { connections_max: connectionsMax, reserved, processes } = rows[0]!;
      this.size({ connectionsMax, reserved, processes });
    } catch (error) {
      // What was right a moment ago stays; the next look tells.
      if (!this.closed) this.problem("the connections that the database takes could not be counted", error);
    }
  }

  private size(facts: ServerFacts): void {
    const share = processShare(facts);
    this.shares = poolShares(share);
    for (const { kind, pool } of this.pools) pool.resize(this.shares[kind]);
    const isShort = share < PROCESS_LEAST;
    if (isShort && !this.toldShort)
      this.problem(
        `the database takes ${facts.connectionsMax} connections, which is ${share} for each of ${facts.processes} processes; ` +
          `one needs ${PROCESS_LEAST}: raise max_connections, or start fewer processes`,
        null,
      );
    this.toldShort = isShort;
  }
}

/** Whoever shares a pool does not end it. */
function ended(): Promise<void> {
  return Promise.resolve();
}
