import { AppError } from "@weftwork/core";
import type { Database } from "../db/database.ts";

/** A stored secret as the database holds it: sealed. */
export interface SecretRow {
  readonly tenant: string;
  readonly name: string;
  /** From 1, raised each time it is set. */
  readonly version: number;
  readonly hosts: readonly string[];
  readonly sealed: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A data key, wrapped by a master key. */
export interface DataKeyRow {
  readonly tenant: string;
  readonly wrapped: string;
}

/** The tables of the encrypted store. They know of no key. */
export class SecretTables {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  async find(tenant: string, names: readonly string[]): Promise<readonly SecretRow[]> {
    const rows = await this.database.call((db) =>
      db.selectFrom("secret").selectAll().where("tenant", "=", tenant).where("name", "in", names).execute(),
    );
    return rows.map(rowOf);
  }

  async list(tenant: string): Promise<readonly SecretRow[]> {
    const rows = await this.database.call((db) =>
      db.selectFrom("secret").selectAll().where("tenant", "=", tenant).orderBy("name").execute(),
    );
    return rows.map(rowOf);
  }

  /** Whether anything is sealed with the data key of the tenant. */
  async seals(tenant: string): Promise<boolean> {
    return this.database.call(async (db) => {
      for (const table of ["secret", "webhook_endpoint", "webhook_callback"] as const)
        if (await db.selectFrom(table).select("tenant").where("tenant", "=", tenant).limit(1).executeTakeFirst())
          return true;
      return false;
    });
  }

  /** Puts a version in the place of the one before it; false when somebody else was faster. */
  async put(row: SecretRow): Promise<boolean> {
    const { tenant, name, version, sealed, createdAt, updatedAt } = row;
    const values = { version, sealed, hosts: JSON.stringify(row.hosts), updated_at: updatedAt };
    const changed = await this.database.call(async (db) => {
      if (version === 1) {
        const inserted = await db
          .insertInto("secret")
          .values({ tenant, name, created_at: createdAt, ...values })
          .onConflict((conflict) => conflict.columns(["tenant", "name"]).doNothing())
          .executeTakeFirst();
        return inserted.numInsertedOrUpdatedRows;
      }
      const updated = await db
        .updateTable("secret")
        .set(values)
        .where("tenant", "=", tenant)
        .where("name", "=", name)
        .where("version", "=", version - 1)
        .executeTakeFirst();
      return updated.numUpdatedRows;
    });
    return changed === 1n;
  }

  /** Whether there was one. */
  async remove(tenant: string, name: string): Promise<boolean> {
    const { numDeletedRows } = await this.database.call((db) =>
      db.deleteFrom("secret").where("tenant", "=", tenant).where("name", "=", name).executeTakeFirst(),
    );
    return numDeletedRows > 0n;
  }

  async dataKey(tenant: string): Promise<DataKeyRow | null> {
    const row = await this.database.call((db) =>
      db.selectFrom("secret_key").selectAll().where("tenant", "=", tenant).executeTakeFirst(),
    );
    return row ?? null;
  }

  async dataKeys(): Promise<readonly DataKeyRow[]> {
    return this.database.call((db) => db.selectFrom("secret_key").selectAll().execute());
  }

  /** Keeps a first key; one that is there already stays. */
  async addDataKey({ tenant, wrapped }: DataKeyRow): Promise<DataKeyRow> {
    await this.database.call((db) =>
      db
        .insertInto("secret_key")
        .values({ tenant, wrapped })
        .onConflict((conflict) => conflict.column("tenant").doNothing())
        .execute(),
    );
    const kept = await this.dataKey(tenant);
    if (kept === null) throw new AppError("STORE_UNAVAILABLE", { reason: "the data key was removed meanwhile" });
    return kept;
  }

  /** Puts a wrapping in the place of another; false when that one is not there any more. */
  async rewrap(tenant: string, before: string, wrapped: string): Promise<boolean> {
    const { numUpdatedRows } = await this.database.call((db) =>
      db
        .updateTable("secret_key")
        .set({ wrapped })
        .where("tenant", "=", tenant)
        .where("wrapped", "=", before)
        .executeTakeFirst(),
    );
    return numUpdatedRows === 1n;
  }

  /** Lets go of a data key, so that another can be made. */
  async dropDataKey({ tenant, wrapped }: DataKeyRow): Promise<void> {
    await this.database.call((db) =>
      db.deleteFrom("secret_key").where("tenant", "=", tenant).where("wrapped", "=", wrapped).execute(),
    );
  }
}

function rowOf(row: {
  readonly tenant: string;
  readonly name: string;
  readonly version: number;
  readonly hosts: string;
  readonly sealed: string;
  readonly created_at: number | string;
  readonly updated_at: number | string;
}): SecretRow {
  const { tenant, name, version, sealed } = row;
  return {
    tenant,
    name,
    version,
    sealed,
    hosts: JSON.parse(row.hosts) as readonly string[],
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}
