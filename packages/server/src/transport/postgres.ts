import pg from "pg";
import { keepToSize, resizePool } from "../connections/pool.ts";
import type { Budget } from "../connections/shares.ts";
import { startOptions, Way, type Statement } from "../connections/way.ts";
import { exactNumbers } from "../db/postgres-numbers.ts";
import { Consumers } from "./consumers.ts";
import { Gather } from "./gather.ts";
import { PostgresBell } from "./postgres-bell.ts";
import { bellChannel, ticketStatements } from "./postgres-sql.ts";
import { ANSWER_MS_MAX, jittered, TEND_MS, type Source, type Taken } from "./pump.ts";
import { decodeMessage, encodeTickets, type Message } from "./ticket.ts";
import type { Transport, TransportOptions } from "./transport.ts";
import { RANKS, strideOf, type ClassTurns } from "./turns.ts";
import { PUBLISH_MS_MAX, soon } from "./unavailable.ts";

export interface PostgresTransportOptions extends TransportOptions {
  readonly url: string;
  /** Made when it is not there. */
  readonly schema?: string;
  /** Connections at most, besides the one that listens. */
  readonly connectionsMax?: number;
  /** Sizes the pool, in place of `connectionsMax`. */
  readonly budget?: Budget;
  /** Left out: one of its own. */
  readonly way?: Way;
}

interface Row {
  readonly place: number;
  readonly rank: number;
  readonly tries: number;
  readonly body: string;
}

/** A holder that has not said for so long that it holds a message lives no more, or might as well not. */
const HELD_MS = 4 * TEND_MS;
const FLUSH_MAX = 500;
/** Between two looks for what a lost bell would have told of. */
const PEEK_MS = 2000;
/** A pool by itself looks this seldom: the look at all of them notices before. */
const IDLE_MS_MAX = 30_000;
/** The table is empty most of the time and must be read by its index also when that was so at the last analysis. */
const SETTINGS = {
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  jit: "off",
};

/**
 * Tickets as rows of an unlogged table: written without the write-ahead log, empty after a crash of the database. Takers
 * pass over rows that others are taking (SKIP LOCKED), and NOTIFY wakes those who wait. A row that is held stays, and
 * comes due again when its holder is not heard of for 12 s.
 */
export async function postgresTransport(options: PostgresTransportOptions): Promise<Transport> {
  const schema = options.schema ?? "weft";
  const channel = bellChannel(schema);
  const sql = ticketStatements(schema);
  const connection: pg.ClientConfig = {
    connectionString: options.url,
    application_name: "weft transport",
    connectionTimeoutMillis: PUBLISH_MS_MAX - 500,
    query_timeout: ANSWER_MS_MAX,
    keepAlive: true,
    types: exactNumbers,
    options: startOptions(SETTINGS),
  };
  const way = options.way ?? new Way({ url: options.url });
  const pool = new pg.Pool({ ...connection, max: options.connectionsMax ?? 3, idleTimeoutMillis: 300_000 });
  // An idle connection that breaks is replaced on its next use; there is nobody to tell.
  pool.on("error", () => undefined);
  // One that breaks while it is used fails the query that uses it, and says so a second time.
  pool.on("connect", (client) => client.on("error", () => undefined));
  keepToSize(pool);
  options.budget?.add("transport", { resize: (max) => resizePool(pool, max) });
  const bell = new PostgresBell({ ...connection, connectionString: way.listenUrl }, channel, () => way.deaf());
  const consumers = new Consumers(options);

  async function query<R extends object>(name: string, text: string, values: readonly unknown[]): Promise<R[]> {
    const statement = { name, text, values };
    for (;;) {
      try {
        if (way.isPooled) return await asTransaction<R>(statement);
        return (await pool.query<R>(way.prepared(statement))).rows;
      } catch (error) {
        if (!way.isRefusal(error)) throw error;
      }
    }
  }

  /** The settings of a connection would be those of others as well. */
  async function asTransaction<R extends object>(statement: Statement): Promise<R[]> {
    const client = await pool.connect();
    let isWhole = false;
    try {
      await client.query(way.opening(SETTINGS));
      const { rows } = await client.query<R>(way.prepared(statement));
      await client.query("commit");
      isWhole = true;
      return rows;
    } finally {
      client.release(!isWhole);
    }
  }

  const published = new Gather<Message>(
    async (messages) => {
      const pools = messages.map(({ pool: name }) => name);
      const ranks = messages.map(({ rank }) => rank);
      const bodies = messages.map(({ body }) => body);
      await query("put", sql.put, [pools, ranks, bodies, channel, [...new Set(pools)]]);
    },
    FLUSH_MAX,
    PUBLISH_MS_MAX,
  );
  const finished = new Gather<number>(async (places) => void (await query("done", sql.done, [places])), FLUSH_MAX);
  const resumed = new Gather<{ place: number; ms: number }>(async (all) => {
    await query("later", sql.later, [all.map(({ place }) => place), all.map(({ ms }) => ms)]);
  }, FLUSH_MAX);

  async function take(name: string, limit: number, turns: ClassTurns): Promise<readonly Taken<Row>[]> {
    const rows = await query<Row>("take", sql.take, [name, limit, turns.times(), RANKS.map(strideOf), HELD_MS]);
    // The service chose by turns, and answers in any order.
    rows.sort((a, b) => b.place - a.place);
    const lines = RANKS.map((rank) => rows.filter((row) => row.rank === rank));
    const taken: Taken<Row>[] = [];
    for (let rank; (rank = turns.next((one) => lines[one]!.length > 0)) !== null;) {
      turns.served(rank);
      const row = lines[rank]!.pop()!;
      taken.push({ held: row, content: decodeMessage(row.body, name), tries: row.tries });
    }
    return taken;
  }

  const sourceOf = (name: string): Source<Row> => ({
    take: (limit, turns) => take(name, limit, turns),
    done: ({ place }) => finished.add(place),
    later: ({ place }, ms) => resumed.add({ place, ms }),
    giveBack: ({ place }) => resumed.add({ place, ms: 0 }),
    async putAside({ place }, reason) {
      await query("putAside", sql.putAside, [place, reason]);
    },
    async tend(held) {
      if (held.length > 0) await query("keep", sql.keep, [held.map(({ place }) => place), HELD_MS]);
    },
    onBell: (ring) => bell.add(name, ring),
    idleMsMax: IDLE_MS_MAX,
  });

  let peeking: NodeJS.Timeout | null = null;
  /** Asks for all pools at once what a lost bell would have told: idle pools cost one question together. */
  function peekLater(): void {
    if (closing) return;
    peeking ??= setTimeout(() => void peek().finally(peekLater), jittered(PEEK_MS)).unref();
  }
  async function peek(): Promise<void> {
    peeking = null;
    const pools = bell.pools();
    if (closing || pools.length === 0) return;
    // A service that is away is told of by those who take.
    const rows = await query<{ pool: string }>("waiting", sql.waiting, [pools]).catch(() => []);
    for (const row of rows) bell.ring(row.pool);
  }

  let closing: Promise<void> | null = null;
  try {
    await way.look();
    if (way.isPooled) delete pool.options.options;
    await pool.query(sql.make);
  } catch (error) {
    await pool.end();
    throw error;
  }

  async function end(): Promise<void> {
    if (peeking) clearTimeout(peeking);
    peeking = null;
    await consumers.release();
    await Promise.all([published.settled(), finished.settled(), resumed.settled()]);
    await bell.close();
    await pool.end();
  }

  return {
    capabilities: { manyProcesses: true, durable: false },
    async publish(tickets) {
      const messages = encodeTickets(tickets, options.packMax);
      await soon(Promise.all(messages.map((message) => published.add(message))));
    },
    consume(name, consume) {
      const consumer = consumers.start(name, sourceOf(name), consume);
      peekLater();
      return consumer;
    },
    async depth(name) {
      const [row] = await query<{ depth: number }>("depth", sql.depth, [name]);
      return row!.depth;
    },
    close: () => (closing ??= end()),
  };
}
