import { sql, type Generated, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * The cold tables, the same on SQLite and PostgreSQL.
 *
 * The catalogue: one row a workflow, and one a version. `version_count` is raised in the transaction that adds a version, before
 * anything is read: that statement is the lock that puts publishers of one name in a row, on both databases.
 */
export interface Tables {
  readonly workflow: {
    readonly tenant: string;
    readonly name: string;
    /** Versions published; the newest has this number as its place. */
    readonly version_count: number;
  };
  readonly workflow_version: {
    readonly tenant: string;
    readonly name: string;
    readonly version: string;
    /** 1 for the first version that was published under the name. */
    readonly place: number;
    readonly hash: string;
    readonly source: string;
    /** Milliseconds. Text out of PostgreSQL's bigint; read it through `Number`. */
    readonly created_at: number | string;
    /** Format of `source`: 1 is the author's text. */
    readonly format: Generated<number>;
  };
}

/** Forward only: a published step is never changed, and none leads back. Their names are their order. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "0001_workflow_version": {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("workflow")
        .addColumn("tenant", "text", (column) => column.notNull())
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("version_count", "integer", (column) => column.notNull())
        .addPrimaryKeyConstraint("workflow_key", ["tenant", "name"])
        .execute();
      await db.schema
        .createTable("workflow_version")
        .addColumn("tenant", "text", (column) => column.notNull())
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("version", "text", (column) => column.notNull())
        .addColumn("place", "integer", (column) => column.notNull())
        .addColumn("hash", "text", (column) => column.notNull())
        .addColumn("source", "text", (column) => column.notNull())
        .addColumn("created_at", "bigint", (column) => column.notNull())
        .addColumn("format", "integer", (column) => column.notNull().defaultTo(1))
        .addPrimaryKeyConstraint("workflow_version_key", ["tenant", "name", "version"])
        .addUniqueConstraint("workflow_version_place", ["tenant", "name", "place"])
        .execute();
      await sql`create index workflow_version_hash on workflow_version (tenant, hash)`.execute(db);
    },
  },
};
