import type { Database } from "../db/database.ts";

/** A pool that begins nothing. */
export interface PausedPool {
  readonly pool: string;
  readonly reason: string | null;
  /** Milliseconds since 1970. */
  readonly pausedAt: number;
}

/** The pools that an operator has paused, for all processes on the store. */
export class PoolControlTable {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  list(): Promise<readonly PausedPool[]> {
    return this.database.call(async (db) =>
      (await db.selectFrom("pool_control").selectAll().orderBy("pool").execute()).map((row) => ({
        pool: row.pool,
        reason: row.reason,
        pausedAt: Number(row.paused_at),
      })),
    );
  }

  /** A pool that is paused already keeps the time of its first pause. */
  async pause({ pool, reason, pausedAt }: PausedPool): Promise<void> {
    await this.database.call((db) =>
      db
        .insertInto("pool_control")
        .values({ pool, reason, paused_at: pausedAt })
        .onConflict((conflict) => conflict.column("pool").doUpdateSet({ reason }))
        .execute(),
    );
  }

  async resume(pool: string): Promise<void> {
    await this.database.call((db) => db.deleteFrom("pool_control").where("pool", "=", pool).execute());
  }
}
