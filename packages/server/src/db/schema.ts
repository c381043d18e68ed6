import { sql, type Generated, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { INTERVENTION, type InterventionTables } from "./schema-intervention.ts";
import { WEBHOOK_OUT, WEBHOOK_UNDELIVERED, type WebhookTables } from "./schema-webhooks.ts";

/**
 * The cold tables, the same on SQLite and PostgreSQL.
 *
 * The catalogue: one row a workflow, and one a version. `version_count` is raised in the transaction that adds a version, before
 * anything is read: that statement is the lock that puts publishers of one name in a row, on both databases.
 */
export interface Tables extends InterventionTables, WebhookTables {
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
  /** A secret of the encrypted store. `sealed` opens only with the data key and with the other members bound to it. */
  readonly secret: {
    readonly tenant: string;
    readonly name: string;
    /** From 1, raised each time it is set. */
    readonly version: number;
    /** JSON list of the hosts that may know it. */
    readonly hosts: string;
    readonly sealed: string;
    readonly created_at: number | string;
    readonly updated_at: number | string;
  };
  /** A pool that begins nothing, in any process. */
  readonly pool_control: { readonly pool: string; readonly reason: string | null; readonly paused_at: number | string };
  /** The data key of a tenant, wrapped by the master key, which is not in the database. */
  readonly secret_key: { readonly tenant: string; readonly wrapped: string };
  /** A file of the file store. Its bytes are a blob; the row is there before them, and says when they are whole. */
  readonly file: {
    readonly tenant: string;
    readonly id: string;
    readonly name: string;
    readonly mime_type: string;
    /** Bytes; 0 while they arrive. */
    readonly size: number | string;
    /** Empty while the bytes arrive. */
    readonly sha256: string;
    readonly blob_key: string;
    /** 1 when the bytes are whole. */
    readonly ready: number;
    readonly created_at: number | string;
    /** From then on it counts as gone, and is deleted soon; null: it stays. While bytes arrive: when they count as given up. */
    readonly expires_at: number | string | null;
  };
  /** Bytes of the files of a tenant, raised and lowered in the transactions that add and remove them. */
  readonly file_usage: {
    readonly tenant: string;
    readonly bytes: number | string;
    readonly files: number | string;
  };
  /** A conversation of a chat app. Its row is written first in every transaction that touches it: that is the lock. */
  readonly conversation: {
    readonly tenant: string;
    readonly id: string;
    /** The workflow that answers. */
    readonly app: string;
    readonly user_id: string | null;
    readonly name: string | null;
    /** JSON map of its variables. */
    readonly variables: string;
    readonly message_count: number;
    /** The run that answers now. */
    readonly active_run: string | null;
    readonly created_at: number | string;
    readonly updated_at: number | string;
  };
  /** A message of a conversation with its answer; one run each. */
  readonly conversation_message: {
    readonly tenant: string;
    readonly id: string;
    readonly conversation: string;
    readonly run: string;
    /** From 1. */
    readonly position: number;
    readonly query: string;
    readonly inputs: string;
    readonly files: string;
    readonly user_id: string | null;
    readonly status: string;
    readonly answer: string;
    readonly answer_files: string;
    readonly error: string | null;
    readonly created_at: number | string;
    readonly finished_at: number | string | null;
  };
  /** A webhook that receives calls. Of its token only the hash is kept. */
  readonly webhook: {
    readonly tenant: string;
    readonly workflow: string;
    readonly node: string;
    /** SHA-256 in hex. */
    readonly token_hash: string;
    /** Name of the secret that calls are signed with; null: the token is enough. */
    readonly secret: string | null;
    readonly created_at: number | string;
  };
  /** A schedule: when it begins runs of a workflow, and with what. Times are milliseconds. */
  readonly schedule: {
    readonly tenant: string;
    readonly id: string;
    readonly name: string;
    readonly workflow: string;
    /** Null: the newest at the time. */
    readonly version: string | null;
    readonly root: string | null;
    readonly inputs: string;
    readonly priority: string | null;
    readonly metadata: string;
    readonly cron: string;
    readonly zone: string;
    readonly catch_up: string;
    readonly overlap: string;
    readonly jitter_ms: number | string;
    readonly starts_at: number | string | null;
    readonly ends_at: number | string | null;
    readonly paused: number;
    /** Raised by each change of the rows above. */
    readonly revision: number;
    /** The next time by its rule; null: it is paused, or none comes any more. */
    readonly due_at: number | string | null;
    /** The same with the delay of its jitter: when its run begins. */
    readonly fire_at: number | string | null;
    readonly last_run: string | null;
    /** Times in a row whose run could not begin. */
    readonly failures: number;
    readonly last_error: string | null;
    readonly created_at: number | string;
    readonly updated_at: number | string;
  };
  /** What became of a time of a schedule. */
  readonly schedule_fire: {
    readonly tenant: string;
    readonly schedule: string;
    readonly due_at: number | string;
    readonly outcome: string;
    /** Of several times that were missed, the last one. */
    readonly until: number | string | null;
    readonly run: string | null;
    readonly error: string | null;
    readonly fired_at: number | string;
  };
  /** The key that links to files are signed with: one row. */
  readonly file_link_key: { readonly id: number; readonly key: string };
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
  "0002_secret": {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("secret")
        .addColumn("tenant", "text", (column) => column.notNull())
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("version", "integer", (column) => column.notNull())
        .addColumn("hosts", "text", (column) => column.notNull())
        .addColumn("sealed", "text", (column) => column.notNull())
        .addColumn("created_at", "bigint", (column) => column.notNull())
        .addColumn("updated_at", "bigint", (column) => column.notNull())
        .addPrimaryKeyConstraint("secret_pk", ["tenant", "name"])
        .execute();
      await db.schema
        .createTable("secret_key")
        .addColumn("tenant", "text", (column) => column.primaryKey())
        .addColumn("wrapped", "text", (column) => column.notNull())
        .execute();
    },
  },
  "0003_file": {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("file")
        .addColumn("tenant", "text", (column) => column.notNull())
        .addColumn("id", "text", (column) => column.notNull())
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("mime_type", "text", (column) => column.notNull())
        .addColumn("size", "bigint", (column) => column.notNull())
        .addColumn("sha256", "text", (column) => column.notNull())
        .addColumn("blob_key", "text", (column) => column.notNull())
        .addColumn("ready", "integer", (column) => column.notNull())
        .addColumn("created_at", "bigint", (column) => column.notNull())
        .addColumn("expires_at", "bigint")
        .addPrimaryKeyConstraint("file_key", ["tenant", "id"])
        .execute();
      await sql`create index file_expiry on file (expires_at) where expires_at is not null`.execute(db);
      await db.schema
        .createTable("file_usage")
        .addColumn("tenant", "text", (column) => column.primaryKey())
        .addColumn("bytes", "bigint", (column) => column.notNull())
        .addColumn("files", "bigint", (column) => column.notNull())
        .execute();
      await db.schema
        .createTable("file_link_key")
        .addColumn("id", "integer", (column) => column.primaryKey())
        .addColumn("key", "text", (column) => column.notNull())
        .execute();
    },
  },
  "0004_conversation": {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("conversation")
        .addColumn("tenant", "text", (column) => column.notNull())
        .addColumn("id", "text", (column) => column.notNull())
        .addColumn("app", "text", (column) => column.notNull())
        .addColumn("user_id", "text")
        .addColumn("name", "text")
        .addColumn("variables", "text", (column) => column.notNull())
        .addColumn("message_count", "integer", (column) => column.notNull())
        .addColumn("active_run", "text")
        .addColumn("created_at", "bigint", (column) => column.notNull())
        .addColumn("updated_at", "bigint", (column) => column.notNull())
        .addPrimaryKeyConstraint("conversation_key", ["tenant", "id"])
        .execute();
      await sql`create index conversation_touched on conversation (tenant, updated_at, id)`.execute(db);
      await db.schema
        .createTable("conversation_message")
        .addColumn("tenant", "text", (column) => column.notNull())
        .addColumn("id", "text", (column) => column.notNull())
        .addColumn("conversation", "text", (column) => column.notNull())
        .addColumn("run", "text", (column) => column.notNull())
        .addColumn("position", "integer", (column) => column.notNull())
        .addColumn("query", "text", (column) => column.notNull())
        .addColumn("inputs", "text", (column) => column.notNull())
        .addColumn("files", "text", (column) => column.notNull())
        .addColumn("user_id", "text")
        .addColumn("status", "text", (column) => column.notNull())
        .addColumn("answer", "text", (column) => column.notNull())
        .addColumn("answer_files", "text", (column) => column.notNull())
        .addColumn("error", "text")
        .addColumn("created_at", "bigint", (column) => column.notNull())
        .addColumn("finished_at", "bigint")
        .addPrimaryKeyConstraint("conversation_message_key", ["tenant", "id"])
        .addUniqueConstraint("conversation_message_place", ["tenant", "conversation", "position"])
        .addUniqueConstraint("conversation_message_run", ["tenant", "run"])
        .execute();
      await sql`create index conversation_message_open on conversation_message (tenant) where status = 'running'`.execute(
        db,
      );
    },
  },
  "0005_webhook": {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("webhook")
        .addColumn("tenant", "text", (column) => column.notNull())
        .addColumn("workflow", "text", (column) => column.notNull())
        .addColumn("node", "text", (column) => column.notNull())
        .addColumn("token_hash", "text", (column) => column.notNull())
        .addColumn("secret", "text")
        .addColumn("created_at", "bigint", (column) => column.notNull())
        .addPrimaryKeyConstraint("webhook_key", ["tenant", "workflow", "node"])
        .addUniqueConstraint("webhook_token", ["token_hash"])
        .execute();
    },
  },
  "0006_webhook_out": WEBHOOK_OUT,
  "0007_schedule": {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("schedule")
        .addColumn("tenant", "text", (column) => column.notNull())
        .addColumn("id", "text", (column) => column.notNull())
        .addColumn("name", "text", (column) => column.notNull())
        .addColumn("workflow", "text", (column) => column.notNull())
        .addColumn("version", "text")
        .addColumn("root", "text")
        .addColumn("inputs", "text", (column) => column.notNull())
        .addColumn("priority", "text")
        .addColumn("metadata", "text", (column) => column.notNull())
        .addColumn("cron", "text", (column) => column.notNull())
        .addColumn("zone", "text", (column) => column.notNull())
        .addColumn("catch_up", "text", (column) => column.notNull())
        .addColumn("overlap", "text", (column) => column.notNull())
        .addColumn("jitter_ms", "bigint", (column) => column.notNull())
        .addColumn("starts_at", "bigint")
        .addColumn("ends_at", "bigint")
        .addColumn("paused", "integer", (column) => column.notNull())
        .addColumn("revision", "integer", (column) => column.notNull())
        .addColumn("due_at", "bigint")
        .addColumn("fire_at", "bigint")
        .addColumn("last_run", "text")
        .addColumn("failures", "integer", (column) => column.notNull().defaultTo(0))
        .addColumn("last_error", "text")
        .addColumn("created_at", "bigint", (column) => column.notNull())
        .addColumn("updated_at", "bigint", (column) => column.notNull())
        .addPrimaryKeyConstraint("schedule_pk", ["tenant", "id"])
        .addUniqueConstraint("schedule_name", ["tenant", "name"])
        .execute();
      await sql`create index schedule_due on schedule (tenant, fire_at) where fire_at is not null`.execute(db);
      await db.schema
        .createTable("schedule_fire")
        .addColumn("tenant", "text", (column) => column.notNull())
        .addColumn("schedule", "text", (column) => column.notNull())
        .addColumn("due_at", "bigint", (column) => column.notNull())
        .addColumn("outcome", "text", (column) => column.notNull())
        .addColumn("until", "bigint")
        .addColumn("run", "text")
        .addColumn("error", "text")
        .addColumn("fired_at", "bigint", (column) => column.notNull())
        .addPrimaryKeyConstraint("schedule_fire_key", ["tenant", "schedule", "due_at", "outcome"])
        .execute();
    },
  },
  "0008_intervention": INTERVENTION,
  "0009_pool_control": {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("pool_control")
        .addColumn("pool", "text", (column) => column.primaryKey())
        .addColumn("reason", "text")
        .addColumn("paused_at", "bigint", (column) => column.notNull())
        .execute();
    },
  },
  "0010_object": {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable("object")
        .addColumn("tenant", "text", (column) => column.notNull())
        .addColumn("hash", "text", (column) => column.notNull())
        .addColumn("due_at", "bigint", (column) => column.notNull())
        .addColumn("doomed_at", "bigint")
        .addPrimaryKeyConstraint("object_key", ["tenant", "hash"])
        .execute();
      await sql`create index object_due on object (due_at)`.execute(db);
      await db.schema
        .createTable("upkeep")
        .addColumn("name", "text", (column) => column.primaryKey())
        .addColumn("holder", "text", (column) => column.notNull())
        .addColumn("until", "bigint", (column) => column.notNull())
        .addColumn("done_at", "bigint")
        .execute();
    },
  },
  "0011_webhook_undelivered": WEBHOOK_UNDELIVERED,
};
