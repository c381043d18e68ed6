import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** The tables of webhooks that this server sends. Times are milliseconds; text out of PostgreSQL's bigint. */
export interface WebhookTables {
  /** A receiver of webhooks that this server sends. `sealed` opens only with the data key and its place. */
  readonly webhook_endpoint: {
    readonly tenant: string;
    /** `callback` is the one that addresses of single runs are signed for. */
    readonly id: string;
    /** Raised with each change. */
    readonly version: number;
    /** The address, without what may be a token. */
    readonly shown: string;
    /** JSON of the address and the secrets. */
    readonly sealed: string;
    /** JSON list of patterns. */
    readonly events: string;
    /** Null: every workflow. */
    readonly workflow: string | null;
    readonly description: string | null;
    readonly status: string;
    /** Why it is disabled, where nobody did that by hand. */
    readonly reason: string | null;
    readonly created_at: number | string;
    readonly updated_at: number | string;
    /** What happened before is not told. */
    readonly enabled_at: number | string;
    /** 1 when the runs that were open then are watched. */
    readonly watched: number;
  };
  /** The address that a run was submitted with. */
  readonly webhook_callback: {
    readonly tenant: string;
    readonly run: string;
    readonly shown: string;
    readonly sealed: string;
    readonly lane: string;
    readonly status: string;
    readonly created_at: number | string;
  };
  /** A message for a receiver, written when what it tells is recorded. Its body never changes. */
  readonly webhook_delivery: {
    readonly tenant: string;
    /** Sent as `webhook-id`. */
    readonly id: string;
    readonly endpoint: string;
    /** Deliveries of one lane share their places: the endpoint, or the origin of a callback. */
    readonly lane: string;
    readonly run: string;
    readonly type: string;
    /** Order among the deliveries of one endpoint and run. */
    readonly position: number | string;
    readonly body: string;
    readonly traceparent: string | null;
    /** `open`, `delivered` or `dead`. */
    readonly state: string;
    /** Attempts since it was opened, and in all. */
    readonly tries: number;
    readonly attempts: number;
    /** While open: when it is due; while it is being sent: when its claim ends. */
    readonly due_at: number | string;
    /** Who sends it. */
    readonly claim: string | null;
    readonly created_at: number | string;
    readonly updated_at: number | string;
    /** Outcome of the last attempt. */
    readonly last_status: number | null;
    readonly last_error: string | null;
  };
  readonly webhook_attempt: {
    readonly tenant: string;
    readonly delivery: string;
    /** From 1. */
    readonly number: number;
    readonly started_at: number | string;
    readonly latency_ms: number;
    /** Null: no answer came. */
    readonly status: number | null;
    readonly error: string | null;
    /** First bytes of the answer, secrets taken out. */
    readonly answer: string;
  };
  /** Runs whose end has still to be told, for a crash between their end and the telling. */
  readonly webhook_watch: {
    readonly tenant: string;
    readonly run: string;
    readonly look_at: number | string;
  };
  /** How far runs have been looked at, by their creation; and who looks. */
  readonly webhook_cursor: {
    readonly tenant: string;
    readonly at: number | string;
    readonly holder: string | null;
    readonly until: number | string;
  };
}

export const WEBHOOK_OUT: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable("webhook_endpoint")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("version", "integer", (column) => column.notNull())
      .addColumn("shown", "text", (column) => column.notNull())
      .addColumn("sealed", "text", (column) => column.notNull())
      .addColumn("events", "text", (column) => column.notNull())
      .addColumn("workflow", "text")
      .addColumn("description", "text")
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("reason", "text")
      .addColumn("created_at", "bigint", (column) => column.notNull())
      .addColumn("updated_at", "bigint", (column) => column.notNull())
      .addColumn("enabled_at", "bigint", (column) => column.notNull())
      .addColumn("watched", "integer", (column) => column.notNull().defaultTo(0))
      .addPrimaryKeyConstraint("webhook_endpoint_key", ["tenant", "id"])
      .execute();
    await db.schema
      .createTable("webhook_callback")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("run", "text", (column) => column.notNull())
      .addColumn("shown", "text", (column) => column.notNull())
      .addColumn("sealed", "text", (column) => column.notNull())
      .addColumn("lane", "text", (column) => column.notNull())
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("created_at", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("webhook_callback_key", ["tenant", "run"])
      .execute();
    await sql`create index webhook_callback_age on webhook_callback (tenant, created_at)`.execute(db);
    await db.schema
      .createTable("webhook_delivery")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("endpoint", "text", (column) => column.notNull())
      .addColumn("lane", "text", (column) => column.notNull())
      .addColumn("run", "text", (column) => column.notNull())
      .addColumn("type", "text", (column) => column.notNull())
      .addColumn("position", "bigint", (column) => column.notNull())
      .addColumn("body", "text", (column) => column.notNull())
      .addColumn("traceparent", "text")
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("tries", "integer", (column) => column.notNull().defaultTo(0))
      .addColumn("attempts", "integer", (column) => column.notNull().defaultTo(0))
      .addColumn("due_at", "bigint", (column) => column.notNull())
      .addColumn("claim", "text")
      .addColumn("created_at", "bigint", (column) => column.notNull())
      .addColumn("updated_at", "bigint", (column) => column.notNull())
      .addColumn("last_status", "integer")
      .addColumn("last_error", "text")
      .addPrimaryKeyConstraint("webhook_delivery_key", ["tenant", "id"])
      .execute();
    await sql`create index webhook_delivery_due on webhook_delivery (tenant, lane, due_at, position) where state = 'open'`.execute(
      db,
    );
    await sql`create index webhook_delivery_run on webhook_delivery (tenant, run, endpoint, position)`.execute(db);
    await sql`create index webhook_delivery_log on webhook_delivery (tenant, endpoint, created_at, id)`.execute(db);
    await db.schema
      .createTable("webhook_attempt")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("delivery", "text", (column) => column.notNull())
      .addColumn("number", "integer", (column) => column.notNull())
      .addColumn("started_at", "bigint", (column) => column.notNull())
      .addColumn("latency_ms", "integer", (column) => column.notNull())
      .addColumn("status", "integer")
      .addColumn("error", "text")
      .addColumn("answer", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("webhook_attempt_key", ["tenant", "delivery", "number"])
      .execute();
    await db.schema
      .createTable("webhook_watch")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("run", "text", (column) => column.notNull())
      .addColumn("look_at", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("webhook_watch_key", ["tenant", "run"])
      .execute();
    await sql`create index webhook_watch_due on webhook_watch (tenant, look_at)`.execute(db);
    await db.schema
      .createTable("webhook_cursor")
      .addColumn("tenant", "text", (column) => column.primaryKey())
      .addColumn("at", "bigint", (column) => column.notNull())
      .addColumn("holder", "text")
      .addColumn("until", "bigint", (column) => column.notNull())
      .execute();
  },
};

/** Deliveries of one state are few among many, and are asked for by themselves. */
export const WEBHOOK_UNDELIVERED: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`create index webhook_delivery_undelivered on webhook_delivery (tenant, endpoint, state, created_at, id)
      where state <> 'delivered'`.execute(db);
  },
};
