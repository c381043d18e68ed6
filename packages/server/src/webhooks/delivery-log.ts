import { sql, type Selectable } from "kysely";
import { databaseTime } from "../db/database-clock.ts";
import type { Tables } from "../db/schema.ts";
import type { TablesOptions } from "./endpoint-table.ts";

/** Rows of one statement that changes many. */
const STEP = 500;

export type DeliveryState = "open" | "delivered" | "dead";

/** A delivery as the log shows it. Times are milliseconds. */
export interface LoggedDelivery {
  readonly id: string;
  readonly endpoint: string;
  readonly run: string;
  readonly type: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  /** Null once it is not open any more. */
  readonly dueAt: number | null;
  readonly isSending: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly body: string;
}

export interface LoggedAttempt {
  readonly number: number;
  readonly startedAt: number;
  readonly latencyMs: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly answer: string;
}

export interface LogFilter {
  readonly state?: DeliveryState;
  readonly run?: string;
  /** The last entry of the page before. */
  readonly behind?: { readonly createdAt: number; readonly id: string };
  readonly limit: number;
}

/** Which deliveries are to be made again; times are milliseconds, of their creation. */
export interface RedeliverFilter {
  readonly state: "dead" | "delivered";
  readonly run?: string;
  readonly after?: number;
  readonly before?: number;
}

/** What was sent, and what is still to be. */
export class DeliveryLog {
  private readonly options: TablesOptions;

  constructor(options: TablesOptions) {
    this.options = options;
  }

  /** A page of the deliveries of an endpoint, the newest first. */
  list(endpoint: string, { state, run, behind, limit }: LogFilter): Promise<readonly LoggedDelivery[]> {
    const { database, tenant } = this.options;
    if (`${endpoint}${run ?? ""}`.includes("\0")) return Promise.resolve([]);
    return database.call(async (db) => {
      let all = db
        .selectFrom("webhook_delivery")
        .selectAll()
        .where("tenant", "=", tenant)
        .where("endpoint", "=", endpoint);
      // As a literal: the index of what was not delivered is used then.
      if (state !== undefined) all = all.where("state", "=", sql.lit(state));
      if (run !== undefined) all = all.where("run", "=", run);
      if (behind !== undefined)
        all = all.where(({ eb, and, or }) =>
          or([
            eb("created_at", "<", behind.createdAt),
            and([eb("created_at", "=", behind.createdAt), eb("id", "<", behind.id)]),
          ]),
        );
      const rows = await all.orderBy("created_at", "desc").orderBy("id", "desc").limit(limit).execute();
      return rows.map(deliveryOf);
    });
  }

  /** One delivery with its attempts, the first one first; null when there is none. */
  find(id: string): Promise<{ readonly delivery: LoggedDelivery; readonly attempts: readonly LoggedAttempt[] } | null> {
    const { database, tenant } = this.options;
    if (id.includes("\0")) return Promise.resolve(null);
    return database.call(async (db) => {
      const named = db.selectFrom("webhook_delivery").selectAll().where("tenant", "=", tenant).where("id", "=", id);
      const row = await named.executeTakeFirst();
      if (!row) return null;
      const attempts = await db
        .selectFrom("webhook_attempt")
        .selectAll()
        .where("tenant", "=", tenant)
        .where("delivery", "=", id)
        .orderBy("number")
        .execute();
      return { delivery: deliveryOf(row), attempts: attempts.map(attemptOf) };
    });
  }

  /** Which types of the runs have a message for which endpoint. */
  async known(
    runs: readonly string[],
  ): Promise<readonly { readonly run: string; readonly endpoint: string; readonly type: string }[]> {
    const { database, tenant } = this.options;
    if (runs.length === 0) return [];
    return database.call((db) =>
      db
        .selectFrom("webhook_delivery")
        .select(["run", "endpoint", "type"])
        .where("tenant", "=", tenant)
        .where("run", "in", [...runs])
        .execute(),
    );
  }

  /** The place of the newest message of each of the runs; those without any are left out. */
  async lastPositions(runs: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { database, tenant } = this.options;
    if (runs.length === 0) return new Map();
    const rows = await database.call((db) =>
      db
        .selectFrom("webhook_delivery")
        .select(({ fn }) => ["run", fn.max("position").as("position")])
        .where("tenant", "=", tenant)
        .where("run", "in", [...runs])
        .groupBy("run")
        .execute(),
    );
    return new Map(rows.map(({ run, position }) => [run, Number(position)]));
  }

  /** Makes one again, with all of its tries before it; one that waits is due at once. False: there is none. */
  async redeliver(id: string): Promise<boolean> {
    const { database, tenant, time } = this.options;
    if (id.includes("\0")) return false;
    const { numUpdatedRows } = await database.call((db) =>
      db
        .updateTable("webhook_delivery")
        .set({ state: "open", tries: 0, due_at: time(), updated_at: time() })
        .where("tenant", "=", tenant)
        .where("id", "=", id)
        .where("claim", "is", null)
        .executeTakeFirst(),
    );
    return numUpdatedRows === 1n;
  }

  /** The same for all that a filter means; answers with how many. */
  async redeliverAll(endpoint: string, { state, run, after, before }: RedeliverFilter): Promise<number> {
    const { database, tenant, time } = this.options;
    // What is sent meanwhile and ends as before is not meant again.
    const begun = await databaseTime(database, time);
    for (let count = 0; ;) {
      const { numUpdatedRows } = await database.call((db) =>
        db
          .updateTable("webhook_delivery")
          .set({ state: "open", tries: 0, due_at: time(), updated_at: time() })
          .where("tenant", "=", tenant)
          .where("id", "in", (one) => {
            let meant = one
              .selectFrom("webhook_delivery")
              .select("id")
              .where("tenant", "=", tenant)
              .where("endpoint", "=", endpoint)
              .where("state", "=", sql.lit(state))
              .where("updated_at", "<=", begun);
            if (run !== undefined) meant = meant.where("run", "=", run);
            if (after !== undefined) meant = meant.where("created_at", ">=", after);
            if (before !== undefined) meant = meant.where("created_at", "<", before);
            return meant.orderBy("created_at").limit(STEP);
          })
          .executeTakeFirst(),
      );
      count += Number(numUpdatedRows);
      if (numUpdatedRows < BigInt(STEP)) return count;
    }
  }

  /** Deletes what is older, and what is left of endpoints that are gone; in steps, until all is done or it is stopped. */
  async prune(olderThanMs: number, isStopped: () => boolean = () => false): Promise<void> {
    const { database, time } = this.options;
    const before = (await databaseTime(database, time)) - olderThanMs;
    for (const { endpoint, isGone } of await this.endpoints())
      for (let gone = STEP; gone === STEP && !isStopped();)
        gone = await this.pruneStep(endpoint, isGone ? null : before);
  }

  /** Deletes some of an endpoint, the oldest first; `before` null: of any age. Answers with how many. */
  private pruneStep(endpoint: string, before: number | null): Promise<number> {
    const { database, tenant } = this.options;
    return database.call((db) =>
      db.transaction().execute(async (transaction) => {
        let old = transaction
          .selectFrom("webhook_delivery")
          .select("id")
          .where("tenant", "=", tenant)
          .where("endpoint", "=", endpoint);
        if (before !== null) old = old.where("created_at", "<", before);
        const ids = (await old.orderBy("created_at").orderBy("id").limit(STEP).execute()).map(({ id }) => id);
        if (ids.length === 0) return 0;
        await transaction
          .deleteFrom("webhook_attempt")
          .where("tenant", "=", tenant)
          .where("delivery", "in", ids)
          .execute();
        await transaction.deleteFrom("webhook_delivery").where("tenant", "=", tenant).where("id", "in", ids).execute();
        return ids.length;
      }),
    );
  }

  /** Those that have deliveries. Costs a look an endpoint, however many deliveries there are. */
  private async endpoints(): Promise<readonly { readonly endpoint: string; readonly isGone: boolean }[]> {
    const { database, tenant } = this.options;
    const { rows } = await database.call((db) =>
      sql<{ readonly endpoint: string; readonly known: string | null }>`
        with recursive named (endpoint) as (
          select min(endpoint) from webhook_delivery where tenant = ${tenant}
          union all
          select (select min(d.endpoint) from webhook_delivery as d
            where d.tenant = ${tenant} and d.endpoint > named.endpoint)
          from named where named.endpoint is not null
        )
        select named.endpoint, e.id as known from named
        left join webhook_endpoint as e on e.tenant = ${tenant} and e.id = named.endpoint
        where named.endpoint is not null`.execute(db),
    );
    return rows.map(({ endpoint, known }) => ({ endpoint, isGone: known === null }));
  }

  /** Deletes the addresses of runs that began before, are not watched any more, and have no message left. */
  async pruneCallbacks(olderThanMs: number): Promise<void> {
    const { database, tenant, time } = this.options;
    await database.call((db) =>
      db
        .deleteFrom("webhook_callback")
        .where("tenant", "=", tenant)
        .where(({ eb, val }) => eb("created_at", "<", eb(time(), "-", val(olderThanMs))))
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom("webhook_watch")
                .select("webhook_watch.run")
                .where("webhook_watch.tenant", "=", tenant)
                .whereRef("webhook_watch.run", "=", "webhook_callback.run"),
            ),
          ),
        )
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom("webhook_delivery")
                .select("webhook_delivery.id")
                .where("webhook_delivery.tenant", "=", tenant)
                .whereRef("webhook_delivery.run", "=", "webhook_callback.run"),
            ),
          ),
        )
        .execute(),
    );
  }
}

function deliveryOf(row: Selectable<Tables["webhook_delivery"]>): LoggedDelivery {
  const { id, endpoint, run, type, attempts, body } = row;
  return {
    id,
    endpoint,
    run,
    type,
    state: row.state as DeliveryState,
    attempts,
    dueAt: row.state === "open" ? Number(row.due_at) : null,
    isSending: row.claim !== null,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
    lastStatus: row.last_status,
    lastError: row.last_error,
    body,
  };
}

function attemptOf(row: Selectable<Tables["webhook_attempt"]>): LoggedAttempt {
  const { number, latency_ms: latencyMs, status, error, answer } = row;
  return { number, startedAt: Number(row.started_at), latencyMs, status, error, answer };
}
