import type { Selectable } from "kysely";
import type { Database } from "../db/database.ts";
import type { Tables } from "../db/schema.ts";

/** A webhook that has an address. Its token is not here: only whoever was told it can show it. */
export interface StoredWebhook {
  readonly tenant: string;
  readonly workflow: string;
  readonly node: string;
  readonly tokenHash: string;
  readonly secret: string | null;
  readonly createdAt: number;
}

/** The addresses of webhooks, by the hash of their token. */
export class WebhookTable {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  byToken(tenant: string, tokenHash: string): Promise<StoredWebhook | null> {
    return this.database.call(async (db) => {
      const named = db.selectFrom("webhook").selectAll().where("token_hash", "=", tokenHash);
      const row = await named.where("tenant", "=", tenant).executeTakeFirst();
      return row ? storedOf(row) : null;
    });
  }

  list(tenant: string): Promise<readonly StoredWebhook[]> {
    return this.database.call(async (db) =>
      (await db.selectFrom("webhook").selectAll().where("tenant", "=", tenant).execute()).map(storedOf),
    );
  }

  /** Stores a webhook in the place of an earlier one of the same node; `secret` undefined keeps the one it has. */
  put(webhook: Omit<StoredWebhook, "secret"> & { readonly secret: string | null | undefined }): Promise<StoredWebhook> {
    const { tenant, workflow, node, secret, tokenHash: token_hash, createdAt: created_at } = webhook;
    const changed = { token_hash, created_at, ...(secret === undefined ? {} : { secret }) };
    return this.database.call(async (db) =>
      storedOf(
        await db
          .insertInto("webhook")
          .values({ tenant, workflow, node, token_hash, secret: secret ?? null, created_at })
          .onConflict((conflict) => conflict.columns(["tenant", "workflow", "node"]).doUpdateSet(changed))
          .returningAll()
          .executeTakeFirstOrThrow(),
      ),
    );
  }

  /** Whether there was one. */
  remove(tenant: string, workflow: string, node: string): Promise<boolean> {
    return this.database.call(async (db) => {
      const named = db.deleteFrom("webhook").where("tenant", "=", tenant).where("workflow", "=", workflow);
      return (await named.where("node", "=", node).executeTakeFirst()).numDeletedRows > 0n;
    });
  }
}

function storedOf(row: Selectable<Tables["webhook"]>): StoredWebhook {
  const { tenant, workflow, node, secret, token_hash: tokenHash } = row;
  return { tenant, workflow, node, tokenHash, secret, createdAt: Number(row.created_at) };
}
