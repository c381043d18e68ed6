import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Tables } from "../db/schema.ts";
import { CALLBACK, type TablesOptions } from "./endpoint-table.ts";
import type { Message } from "./message.ts";

/** Rows of one statement. */
const INSERTS = 50;
/** Messages looked at, in one statement, whether they wait for an earlier one of their run. */
const PARKS = 500;
/** How long such a message is put off at most: it goes on at once when the earlier one has ended. */
const PARK_MS_MAX = 300_000;
const PARK_MS_MIN = 1000;

export interface QueueOptions extends TablesOptions {
  /** Several processes may claim at the same time (PostgreSQL): rows that another one looks at are passed over. */
  readonly skipsLocked: boolean;
}

/** A message that this process sends now. */
export interface ClaimedDelivery extends Message {
  /** Attempts since it was opened. */
  readonly tries: number;
  readonly claim: string;
}

/** One attempt, as the log has it. */
export interface AttemptRecord {
  readonly startedAt: number;
  readonly latencyMs: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly answer: string;
}

/** What becomes of a delivery after an attempt. */
export type Outcome =
  | { readonly type: "delivered" }
  | { readonly type: "retry"; readonly delayMs: number }
  | { readonly type: "dead" }
  /** The receiver wants no more of them. */
  | { readonly type: "gone" };

/**
 * Messages on their way.
 *
 * D1. A message is inserted once: its id is derived, and an id that is there already is passed over.
 * D2. Who sends has claimed by compare-and-set, until a time of the database's clock; after it another one may claim.
 *     An attempt is recorded only by who still has the claim.
 * D3. A message of a run waits for the earlier ones of the same run and endpoint that are open.
 */
export class DeliveryQueue {
  private readonly options: QueueOptions;

  constructor(options: QueueOptions) {
    this.options = options;
  }

  /** Adds messages, due at once. `over`: runs of which nothing more will come; they are watched no longer. */
  async add(messages: readonly Message[], over: readonly string[] = []): Promise<void> {
    const { database, tenant, time } = this.options;
    if (messages.length + over.length === 0) return;
    // In one order everywhere: two processes that add the same messages never wait for each other in a circle.
    const sorted = messages.toSorted((one, other) => (one.id < other.id ? -1 : 1));
    await database.call((db) =>
      db.transaction().execute(async (transaction) => {
        for (let at = 0; at < sorted.length; at += INSERTS) {
          await transaction
            .insertInto("webhook_delivery")
            .values(
              sorted.slice(at, at + INSERTS).map((message) => ({
                tenant,
                ...message,
                state: "open",
                tries: 0,
                attempts: 0,
                due_at: time(),
                claim: null,
                created_at: time(),
                updated_at: time(),
              })),
            )
            .onConflict((conflict) => conflict.columns(["tenant", "id"]).doNothing())
            .execute();
        }
        if (over.length > 0)
          await transaction
            .deleteFrom("webhook_watch")
            .where("tenant", "=", tenant)
            .where("run", "in", [...over])
            .execute();
      }),
    );
  }

  /** Adds one message that the caller sends at once. */
  async addClaimed(message: Message, claim: string, leaseMs: number): Promise<void> {
    const { database, tenant, time } = this.options;
    await database.call((db) =>
      db
        .insertInto("webhook_delivery")
        .values({
          tenant,
          ...message,
          state: "open",
          tries: 0,
          attempts: 0,
          due_at: sql<number>`${time()} + ${sql.lit(leaseMs)}`,
          claim,
          created_at: time(),
          updated_at: time(),
        })
        .execute(),
    );
  }

  /**
   * Lanes in which something is due that may be sent. Costs a look a lane, however much waits in it: a lane has one
   * endpoint, so its first message tells whether that is enabled.
   */
  async dueLanes(): Promise<readonly string[]> {
    const { database, tenant, time } = this.options;
    const { rows } = await database.call((db) =>
      sql<{ readonly lane: string }>`
        with recursive lanes (lane) as (
          select min(lane) from webhook_delivery where tenant = ${tenant} and state = 'open'
          union all
          select (select min(d.lane) from webhook_delivery as d
            where d.tenant = ${tenant} and d.state = 'open' and d.lane > lanes.lane)
          from lanes where lanes.lane is not null
        )
        select lane from lanes where lane is not null and exists (select 1 from webhook_endpoint as e
          where e.tenant = ${tenant} and e.status = 'enabled' and e.id = (select d.endpoint from webhook_delivery as d
            where d.tenant = ${tenant} and d.lane = lanes.lane and d.state = 'open' and d.due_at <= ${time()}
            order by d.due_at limit 1))`.execute(db),
    );
    return rows.map(({ lane }) => lane);
  }

  /** Claims up to `room` messages of a lane that are due, for so many milliseconds. */
  async claim(lane: string, room: number, claim: string, leaseMs: number): Promise<readonly ClaimedDelivery[]> {
    const { database, tenant, time } = this.options;
    const due = sql`d.tenant = ${tenant} and d.lane = ${lane} and d.state = 'open' and d.due_at <= ${time()}
      and exists (select 1 from webhook_endpoint as e
        where e.tenant = d.tenant and e.id = d.endpoint and e.status = 'enabled')`;
    const earlier = sql`from webhook_delivery as f where f.tenant = d.tenant and f.run = d.run
      and f.endpoint = d.endpoint and f.position < d.position and f.state = 'open'`;
    return database.call(async (db) => {
      await this.park(db, due, earlier);
      const { rows } = await sql<Row>`
        with picked as materialized (
          select d.id from webhook_delivery as d where ${due} and not exists (select 1 ${earlier})
          order by d.due_at, d.position limit ${room} ${this.locked()}
        )
        update webhook_delivery set claim = ${claim}, due_at = ${time()} + ${sql.lit(leaseMs)}, updated_at = ${time()}
        where tenant = ${tenant} and state = 'open' and id in (select id from picked)
        returning id, endpoint, lane, run, type, position, body, traceparent, tries`.execute(db);
      return rows.map((row) => ({ ...row, position: Number(row.position), claim }));
    });
  }

  /** Keeps claims for so many milliseconds more. Answers with those that are still held. */
  async renew(ids: readonly string[], claim: string, leaseMs: number): Promise<ReadonlySet<string>> {
    const { database, tenant, time } = this.options;
    if (ids.length === 0) return new Set();
    const rows = await database.call((db) =>
      db
        .updateTable("webhook_delivery")
        .set({ due_at: sql<number>`${time()} + ${sql.lit(leaseMs)}` })
        .where("tenant", "=", tenant)
        .where("id", "in", [...ids])
        .where("claim", "=", claim)
        .where("state", "=", "open")
        .returning("id")
        .execute(),
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** Records an attempt and what follows from it. False: the claim was lost, and nothing is recorded. */
  record(delivery: ClaimedDelivery, attempt: AttemptRecord, outcome: Outcome): Promise<boolean> {
    const { database, tenant, time } = this.options;
    const { id, endpoint, run, claim } = delivery;
    const state = outcome.type === "retry" ? "open" : outcome.type === "delivered" ? "delivered" : "dead";
    const delay = outcome.type === "retry" ? outcome.delayMs : 0;
    return database.call((db) =>
      db.transaction().execute(async (transaction) => {
        const changed = await transaction
          .updateTable("webhook_delivery")
          .set(({ eb }) => ({
            state,
            tries: eb("tries", "+", 1),
            attempts: eb("attempts", "+", 1),
            due_at: sql<number>`${time()} + ${sql.lit(Math.round(delay))}`,
            claim: null,
            updated_at: time(),
            last_status: attempt.status,
            last_error: attempt.error,
          }))
          .where("tenant", "=", tenant)
          .where("id", "=", id)
          .where("claim", "=", claim)
          .where("state", "=", "open")
          .returning("attempts")
          .executeTakeFirst();
        if (!changed) return false;
        await transaction
          .insertInto("webhook_attempt")
          .values({
            tenant,
            delivery: id,
            number: changed.attempts,
            started_at: Math.round(attempt.startedAt),
            latency_ms: Math.round(attempt.latencyMs),
            status: attempt.status,
            error: attempt.error,
            answer: attempt.answer,
          })
          .onConflict((conflict) => conflict.columns(["tenant", "delivery", "number"]).doNothing())
          .execute();
        if (outcome.type === "gone") await this.disable(transaction, endpoint, run);
        if (state !== "open") await this.wake(transaction, endpoint, run);
        return true;
      }),
    );
  }

  /** Gives claims back that nothing was done with. */
  async release(ids: readonly string[], claim: string): Promise<void> {
    const { database, tenant, time } = this.options;
    if (ids.length === 0) return;
    await database.call((db) =>
      db
        .updateTable("webhook_delivery")
        .set({ claim: null, due_at: time() })
        .where("tenant", "=", tenant)
        .where("id", "in", [...ids])
        .where("claim", "=", claim)
        .where("state", "=", "open")
        .execute(),
    );
  }

  /** Puts off what waits for an earlier message of its run, so that it is not looked at again and again. */
  private async park(db: Kysely<Tables>, due: RawBuilder<unknown>, earlier: RawBuilder<unknown>): Promise<void> {
    const { tenant, time } = this.options;
    await sql`
      with front as materialized (
        select d.id from webhook_delivery as d where ${due} order by d.due_at, d.position limit ${sql.lit(PARKS)}
      ), blocked as materialized (
        select d.id, (select max(f.due_at) ${earlier}) as free_at from webhook_delivery as d
        where d.tenant = ${tenant} and d.id in (select id from front) and exists (select 1 ${earlier}) ${this.locked()}
      )
      update webhook_delivery set due_at = case
        when blocked.free_at > ${time()} + ${sql.lit(PARK_MS_MAX)} then ${time()} + ${sql.lit(PARK_MS_MAX)}
        when blocked.free_at < ${time()} + ${sql.lit(PARK_MS_MIN)} then ${time()} + ${sql.lit(PARK_MS_MIN)}
        else blocked.free_at end
      from blocked where webhook_delivery.tenant = ${tenant} and webhook_delivery.id = blocked.id`.execute(db);
  }

  private async wake(db: Kysely<Tables>, endpoint: string, run: string): Promise<void> {
    const { tenant, time } = this.options;
    await db
      .updateTable("webhook_delivery")
      .set({ due_at: time() })
      .where("tenant", "=", tenant)
      .where("run", "=", run)
      .where("endpoint", "=", endpoint)
      .where("state", "=", "open")
      .where("claim", "is", null)
      .where("tries", "=", 0)
      .execute();
  }

  private async disable(db: Kysely<Tables>, endpoint: string, run: string): Promise<void> {
    const { tenant, time } = this.options;
    if (endpoint !== CALLBACK) {
      await db
        .updateTable("webhook_endpoint")
        .set(({ eb }) => ({
          status: "disabled",
          reason: "the receiver answered 410 Gone",
          version: eb("version", "+", 1),
          updated_at: time(),
        }))
        .where("tenant", "=", tenant)
        .where("id", "=", endpoint)
        .execute();
      return;
    }
    await db
      .updateTable("webhook_callback")
      .set({ status: "disabled" })
      .where("tenant", "=", tenant)
      .where("run", "=", run)
      .execute();
    await db
      .updateTable("webhook_delivery")
      .set({ state: "dead", claim: null, updated_at: time() })
      .where("tenant", "=", tenant)
      .where("run", "=", run)
      .where("endpoint", "=", CALLBACK)
      .where("state", "=", "open")
      .execute();
  }

  private locked(): RawBuilder<unknown> {
    return this.options.skipsLocked ? sql`for update of d skip locked` : sql``;
  }
}

interface Row {
  readonly id: string;
  readonly endpoint: string;
  readonly lane: string;
  readonly run: string;
  readonly type: string;
  readonly position: number | string;
  readonly body: string;
  readonly traceparent: string | null;
  readonly tries: number;
}
