import type { Selectable } from "kysely";
import type { Database } from "../db/database.ts";
import type { Tables } from "../db/schema.ts";

export type DeadLetterState = "open" | "retried" | "discarded";

/** What was done about a failed run. */
export interface StoredDeadLetter {
  readonly run: string;
  readonly state: DeadLetterState;
  readonly retryRun: string | null;
  readonly retryKey: string | null;
  readonly retries: number;
  readonly reason: string | null;
}

/** What became of failed runs, by run. A run that nobody has touched has no row. */
export class DeadLetterTable {
  private readonly database: Database;
  private readonly tenant: string;
  private readonly now: () => number;

  constructor(database: Database, tenant: string, now: () => number) {
    this.database = database;
    this.tenant = tenant;
    this.now = now;
  }

  async find(runs: readonly string[]): Promise<ReadonlyMap<string, StoredDeadLetter>> {
    const names = runs.filter((run) => !run.includes("\0"));
    if (names.length === 0) return new Map();
    const rows = await this.database.call((db) =>
      db.selectFrom("dead_letter").selectAll().where("tenant", "=", this.tenant).where("run", "in", names).execute(),
    );
    return new Map(rows.map((row) => [row.run, storedOf(row)]));
  }

  /**
   * Notes the run that takes over. The same run twice counts once. What was discarded stays so: whoever reruns it by hand
   * does not bring it back.
   */
  noteRetry(run: string, retryRun: string, key: string | null): Promise<StoredDeadLetter> {
    const updated_at = this.now();
    return this.database.call(async (db) =>
      storedOf(
        await db
          .insertInto("dead_letter")
          .values({
            tenant: this.tenant,
            run,
            state: "open",
            retry_run: retryRun,
            retry_key: key,
            retries: 1,
            reason: null,
            updated_at,
          })
          .onConflict((conflict) =>
            conflict.columns(["tenant", "run"]).doUpdateSet((eb) => {
              const isSame = eb("dead_letter.retry_run", "=", retryRun);
              return {
                state: eb
                  .case()
                  .when(isSame)
                  .then(eb.ref("dead_letter.state"))
                  .when("dead_letter.state", "=", "discarded")
                  .then("discarded")
                  .else("open")
                  .end(),
                retries: eb
                  .case()
                  .when(isSame)
                  .then(eb.ref("dead_letter.retries"))
                  .else(eb("dead_letter.retries", "+", 1))
                  .end(),
                retry_key: eb
                  .case()
                  .when(isSame)
                  .then(eb.fn.coalesce(eb.val(key), "dead_letter.retry_key"))
                  .else(key)
                  .end(),
                retry_run: retryRun,
                updated_at,
              };
            }),
          )
          .returningAll()
          .executeTakeFirstOrThrow(),
      ),
    );
  }

  /** The run that took over has ended. Nothing happens where another one has taken over meanwhile. */
  async settle(run: string, retryRun: string): Promise<void> {
    await this.database.call((db) =>
      db
        .updateTable("dead_letter")
        .set({ state: "retried", updated_at: this.now() })
        .where("tenant", "=", this.tenant)
        .where("run", "=", run)
        .where("retry_run", "=", retryRun)
        .where("state", "=", "open")
        .execute(),
    );
  }

  /** A second time changes nothing. */
  discard(run: string, reason: string | null): Promise<StoredDeadLetter> {
    const change = { state: "discarded", reason, updated_at: this.now() };
    return this.database.call(async (db) => {
      await db
        .insertInto("dead_letter")
        .values({ tenant: this.tenant, run, retry_run: null, retry_key: null, retries: 0, ...change })
        .onConflict((conflict) =>
          conflict.columns(["tenant", "run"]).doUpdateSet(change).where("dead_letter.state", "<>", "discarded"),
        )
        .execute();
      return storedOf(
        await db
          .selectFrom("dead_letter")
          .selectAll()
          .where("tenant", "=", this.tenant)
          .where("run", "=", run)
          .executeTakeFirstOrThrow(),
      );
    });
  }

  /** Runs with a row that was last touched before a time, by name, behind one of them. */
  async quiet(before: number, after: string, limit: number): Promise<readonly string[]> {
    const rows = await this.database.call((db) =>
      db
        .selectFrom("dead_letter")
        .select("run")
        .where("tenant", "=", this.tenant)
        .where("run", ">", after)
        .where("updated_at", "<", before)
        .orderBy("run")
        .limit(limit)
        .execute(),
    );
    return rows.map(({ run }) => run);
  }

  async remove(runs: readonly string[]): Promise<void> {
    if (runs.length === 0) return;
    await this.database.call((db) =>
      db.deleteFrom("dead_letter").where("tenant", "=", this.tenant).where("run", "in", runs).execute(),
    );
  }
}

function storedOf(row: Selectable<Tables["dead_letter"]>): StoredDeadLetter {
  const { run, state, retry_run: retryRun, retry_key: retryKey, retries, reason } = row;
  return { run, state: state as DeadLetterState, retryRun, retryKey, retries, reason };
}
