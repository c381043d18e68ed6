import { sql } from "kysely";
import type { TablesOptions } from "./endpoint-table.ts";

const INSERTS = 200;

/** Runs whose end has still to be told, and how far runs have been looked at. */
export class WatchTable {
  private readonly options: TablesOptions;

  constructor(options: TablesOptions) {
    this.options = options;
  }

  /** Watches runs; the first look comes after so many milliseconds. */
  async add(runs: readonly string[], lookInMs: number): Promise<void> {
    const { database, tenant, time } = this.options;
    for (let at = 0; at < runs.length; at += INSERTS) {
      const values = runs
        .slice(at, at + INSERTS)
        .map((run) => ({ tenant, run, look_at: sql<number>`${time()} + ${sql.lit(lookInMs)}` }));
      await database.call((db) =>
        db
          .insertInto("webhook_watch")
          .values(values)
          .onConflict((conflict) => conflict.columns(["tenant", "run"]).doNothing())
          .execute(),
      );
    }
  }

  /** Runs that are to be looked at now, those that wait longest first; they are put off for so many milliseconds. */
  async due(limit: number, againInMs: number): Promise<readonly string[]> {
    const { database, tenant, time } = this.options;
    const rows = await database.call((db) =>
      db
        .updateTable("webhook_watch")
        .set({ look_at: sql<number>`${time()} + ${sql.lit(againInMs)}` })
        .where("tenant", "=", tenant)
        .where("run", "in", (one) =>
          one
            .selectFrom("webhook_watch")
            .select("run")
            .where("tenant", "=", tenant)
            .where("look_at", "<=", time())
            .orderBy("look_at")
            .limit(limit),
        )
        .returning("run")
        .execute(),
    );
    return rows.map(({ run }) => run);
  }

  /** The next look at those of the runs that are still watched comes after so many milliseconds. */
  async putOff(runs: readonly string[], lookInMs: number): Promise<void> {
    const { database, tenant, time } = this.options;
    if (runs.length === 0) return;
    await database.call((db) =>
      db
        .updateTable("webhook_watch")
        .set({ look_at: sql<number>`${time()} + ${sql.lit(lookInMs)}` })
        .where("tenant", "=", tenant)
        .where("run", "in", [...runs])
        .execute(),
    );
  }

  async remove(runs: readonly string[]): Promise<void> {
    const { database, tenant } = this.options;
    if (runs.length === 0) return;
    await database.call((db) =>
      db
        .deleteFrom("webhook_watch")
        .where("tenant", "=", tenant)
        .where("run", "in", [...runs])
        .execute(),
    );
  }

  /**
   * Takes the right to look for so many milliseconds, or keeps it; null while another process has it. Answers with the
   * time up to which runs were looked at, and the present one.
   */
  async hold(holder: string, leaseMs: number): Promise<{ readonly at: number; readonly now: number } | null> {
    const { database, tenant, time } = this.options;
    return database.call(async (db) => {
      await db
        .insertInto("webhook_cursor")
        .values({ tenant, at: 0, holder: null, until: 0 })
        .onConflict((conflict) => conflict.column("tenant").doNothing())
        .execute();
      const row = await db
        .updateTable("webhook_cursor")
        .set({ holder, until: sql<number>`${time()} + ${sql.lit(leaseMs)}` })
        .where("tenant", "=", tenant)
        .where(({ eb, or }) => or([eb("holder", "=", holder), eb("holder", "is", null), eb("until", "<=", time())]))
        .returning(["at", sql<number | string>`${time()}`.as("now")])
        .executeTakeFirst();
      return row ? { at: Number(row.at), now: Number(row.now) } : null;
    });
  }

  /** Runs created before `to` have been looked at. Only for the holder. */
  async advance(holder: string, to: number): Promise<void> {
    const { database, tenant } = this.options;
    await database.call((db) =>
      db
        .updateTable("webhook_cursor")
        .set({ at: to })
        .where("tenant", "=", tenant)
        .where("holder", "=", holder)
        .where("at", "<", to)
        .execute(),
    );
  }

  /** Gives the right to look back. */
  async leave(holder: string): Promise<void> {
    const { database, tenant } = this.options;
    await database.call((db) =>
      db
        .updateTable("webhook_cursor")
        .set({ holder: null })
        .where("tenant", "=", tenant)
        .where("holder", "=", holder)
        .execute(),
    );
  }
}
