import type { Selectable } from "kysely";
import type { SqlClock } from "../db/database-clock.ts";
import type { Database } from "../db/database.ts";
import type { Tables } from "../db/schema.ts";

/** The one that addresses of single runs are signed for. It has no address of its own. */
export const CALLBACK = "callback";

export type EndpointStatus = "enabled" | "disabled";

/** A receiver as the database holds it. Times are milliseconds. */
export interface StoredEndpoint {
  readonly id: string;
  readonly version: number;
  readonly shown: string;
  readonly sealed: string;
  readonly events: readonly string[];
  readonly workflow: string | null;
  readonly description: string | null;
  readonly status: EndpointStatus;
  readonly reason: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly enabledAt: number;
  readonly watched: boolean;
}

/** What changes of it. */
export type EndpointContent = Pick<
  StoredEndpoint,
  "shown" | "sealed" | "events" | "workflow" | "description" | "status" | "reason"
>;

/** The address of one run. */
export interface StoredCallback {
  readonly run: string;
  readonly shown: string;
  readonly sealed: string;
  readonly lane: string;
  readonly status: EndpointStatus;
}

export interface TablesOptions {
  readonly database: Database;
  readonly tenant: string;
  readonly time: SqlClock;
}

/** The receivers of a tenant. */
export class EndpointTable {
  private readonly options: TablesOptions;

  constructor(options: TablesOptions) {
    this.options = options;
  }

  /** All of them, the oldest first, `callback` among them. */
  list(): Promise<readonly StoredEndpoint[]> {
    const { database, tenant } = this.options;
    return database.call(async (db) => {
      const all = db.selectFrom("webhook_endpoint").selectAll().where("tenant", "=", tenant);
      return (await all.orderBy("created_at").orderBy("id").execute()).map(endpointOf);
    });
  }

  find(id: string): Promise<StoredEndpoint | null> {
    const { database, tenant } = this.options;
    if (id.includes("\0")) return Promise.resolve(null);
    return database.call(async (db) => {
      const named = db.selectFrom("webhook_endpoint").selectAll().where("tenant", "=", tenant).where("id", "=", id);
      const row = await named.executeTakeFirst();
      return row ? endpointOf(row) : null;
    });
  }

  /** Stores a new one in its version 1; false when there is one with this id. */
  add(id: string, content: EndpointContent): Promise<boolean> {
    const { database, tenant, time } = this.options;
    return database.call(async (db) => {
      const inserted = await db
        .insertInto("webhook_endpoint")
        .values({
          tenant,
          id,
          version: 1,
          ...columnsOf(content),
          created_at: time(),
          updated_at: time(),
          enabled_at: time(),
          watched: 0,
        })
        .onConflict((conflict) => conflict.columns(["tenant", "id"]).doNothing())
        .executeTakeFirst();
      return inserted.numInsertedOrUpdatedRows === 1n;
    });
  }

  /**
   * Puts the next version in the place of one; false when somebody else was faster. `anew`: what happened so far is not
   * told, and the runs that are open now are.
   */
  replace(id: string, version: number, content: EndpointContent, anew: boolean): Promise<boolean> {
    const { database, tenant, time } = this.options;
    return database.call(async (db) => {
      const changed = await db
        .updateTable("webhook_endpoint")
        .set({
          ...columnsOf(content),
          version: version + 1,
          updated_at: time(),
          ...(anew ? { enabled_at: time(), watched: 0 } : {}),
        })
        .where("tenant", "=", tenant)
        .where("id", "=", id)
        .where("version", "=", version)
        .executeTakeFirst();
      return changed.numUpdatedRows === 1n;
    });
  }

  /** Whether there was one. What waits for it is deleted in the background. */
  remove(id: string): Promise<boolean> {
    const { database, tenant } = this.options;
    return database.call(async (db) => {
      const named = db.deleteFrom("webhook_endpoint").where("tenant", "=", tenant).where("id", "=", id);
      return (await named.executeTakeFirst()).numDeletedRows > 0n;
    });
  }

  /** The runs that were open when it was enabled are watched. */
  async watched({ id, enabledAt }: Pick<StoredEndpoint, "id" | "enabledAt">): Promise<void> {
    const { database, tenant } = this.options;
    await database.call((db) =>
      db
        .updateTable("webhook_endpoint")
        .set({ watched: 1 })
        .where("tenant", "=", tenant)
        .where("id", "=", id)
        .where("enabled_at", "=", enabledAt)
        .execute(),
    );
  }

  /**
   * Keeps the address of a run, and watches the run from `lookInMs` on; the first address of a run stays.
   */
  async keepCallback(callback: Omit<StoredCallback, "status">, lookInMs: number): Promise<void> {
    const { database, tenant, time } = this.options;
    const { run, shown, sealed, lane } = callback;
    await database.call((db) =>
      db.transaction().execute(async (transaction) => {
        await transaction
          .insertInto("webhook_callback")
          .values({ tenant, run, shown, sealed, lane, status: "enabled", created_at: time() })
          .onConflict((conflict) => conflict.columns(["tenant", "run"]).doNothing())
          .execute();
        await transaction
          .insertInto("webhook_watch")
          .values(({ eb, val }) => ({ tenant, run, look_at: eb(time(), "+", val(lookInMs)) }))
          .onConflict((conflict) => conflict.columns(["tenant", "run"]).doNothing())
          .execute();
      }),
    );
  }

  async callback(run: string): Promise<StoredCallback | null> {
    return (await this.callbacks([run])).get(run) ?? null;
  }

  /** The addresses of those of the runs that have one. */
  async callbacks(runs: readonly string[]): Promise<ReadonlyMap<string, StoredCallback>> {
    const { database, tenant } = this.options;
    if (runs.length === 0) return new Map();
    const rows = await database.call((db) =>
      db
        .selectFrom("webhook_callback")
        .select(["run", "shown", "sealed", "lane", "status"])
        .where("tenant", "=", tenant)
        .where("run", "in", [...runs])
        .execute(),
    );
    return new Map(rows.map((row) => [row.run, { ...row, status: row.status as EndpointStatus }]));
  }

  /** Those of the runs that have an address which takes messages. */
  async callbacksOf(runs: readonly string[]): Promise<ReadonlySet<string>> {
    const { database, tenant } = this.options;
    if (runs.length === 0) return new Set();
    const rows = await database.call((db) =>
      db
        .selectFrom("webhook_callback")
        .select("run")
        .where("tenant", "=", tenant)
        .where("run", "in", [...runs])
        .where("status", "=", "enabled")
        .execute(),
    );
    return new Set(rows.map(({ run }) => run));
  }

  async removeCallback(run: string): Promise<void> {
    const { database, tenant } = this.options;
    await database.call((db) =>
      db.deleteFrom("webhook_callback").where("tenant", "=", tenant).where("run", "=", run).execute(),
    );
  }
}

function columnsOf({ shown, sealed, events, workflow, description, status, reason }: EndpointContent) {
  return { shown, sealed, events: JSON.stringify(events), workflow, description, status, reason };
}

function endpointOf(row: Selectable<Tables["webhook_endpoint"]>): StoredEndpoint {
  const { id, version, shown, sealed, workflow, description, reason } = row;
  return {
    id,
    version,
    shown,
    sealed,
    events: JSON.parse(row.events) as readonly string[],
    workflow,
    description,
    status: row.status as EndpointStatus,
    reason,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
    enabledAt: Number(row.enabled_at),
    watched: row.watched === 1,
  };
}
