import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** The tables by which an operator steps in. Times are milliseconds; text out of PostgreSQL's bigint. */
export interface InterventionTables {
  /** What became of a failed run: no row while nobody has touched it. */
  readonly dead_letter: {
    readonly tenant: string;
    readonly run: string;
    /** `open`, `retried` (the run that took over has ended), `discarded`. */
    readonly state: string;
    /** The newest run that took over. */
    readonly retry_run: string | null;
    /** The idempotency key that began it, where one was given. */
    readonly retry_key: string | null;
    readonly retries: number;
    readonly reason: string | null;
    readonly updated_at: number | string;
  };
  /** Something done to many runs. Whoever holds its lease does it; every step of it is committed with the lease checked. */
  readonly bulk_operation: {
    readonly tenant: string;
    readonly id: string;
    readonly action: string;
    readonly status: string;
    /** JSON of what was asked for. */
    readonly request: string;
    readonly total: number | string | null;
    readonly done: number | string;
    readonly failed: number | string;
    readonly skipped: number | string;
    /** JSON list of the first of them. */
    readonly errors: string;
    /** Where the next page begins. */
    readonly cursor: string | null;
    /** JSON of why the whole of it failed. */
    readonly error: string | null;
    readonly holder: string | null;
    /** Milliseconds of the database's clock. */
    readonly held_until: number | string;
    readonly created_at: number | string;
    readonly started_at: number | string | null;
    readonly finished_at: number | string | null;
  };
  /** Objects that payloads were written to. Entered before the first byte is sent. */
  readonly object: {
    readonly tenant: string;
    readonly hash: string;
    /** When somebody has to look whether it is still named. */
    readonly due_at: number | string;
    /** Since when it is being deleted; null: it is not. */
    readonly doomed_at: number | string | null;
  };
  /** Whose turn it is to do what one process does for all. */
  readonly upkeep: {
    readonly name: string;
    readonly holder: string;
    readonly until: number | string;
    /** When the last turn ended in order. */
    readonly done_at: number | string | null;
  };
}

export const INTERVENTION: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable("dead_letter")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("run", "text", (column) => column.notNull())
      .addColumn("state", "text", (column) => column.notNull())
      .addColumn("retry_run", "text")
      .addColumn("retry_key", "text")
      .addColumn("retries", "integer", (column) => column.notNull())
      .addColumn("reason", "text")
      .addColumn("updated_at", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("dead_letter_key", ["tenant", "run"])
      .execute();
    await db.schema
      .createTable("bulk_operation")
      .addColumn("tenant", "text", (column) => column.notNull())
      .addColumn("id", "text", (column) => column.notNull())
      .addColumn("action", "text", (column) => column.notNull())
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("request", "text", (column) => column.notNull())
      .addColumn("total", "bigint")
      .addColumn("done", "bigint", (column) => column.notNull())
      .addColumn("failed", "bigint", (column) => column.notNull())
      .addColumn("skipped", "bigint", (column) => column.notNull())
      .addColumn("errors", "text", (column) => column.notNull())
      .addColumn("cursor", "text")
      .addColumn("error", "text")
      .addColumn("holder", "text")
      .addColumn("held_until", "bigint", (column) => column.notNull())
      .addColumn("created_at", "bigint", (column) => column.notNull())
      .addColumn("started_at", "bigint")
      .addColumn("finished_at", "bigint")
      .addPrimaryKeyConstraint("bulk_operation_key", ["tenant", "id"])
      .execute();
    await sql`create index bulk_operation_open on bulk_operation (tenant, held_until) where finished_at is null`.execute(
      db,
    );
    await sql`create index bulk_operation_made on bulk_operation (tenant, created_at, id)`.execute(db);
  },
};
