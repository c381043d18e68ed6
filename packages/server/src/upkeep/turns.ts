import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { Database } from "../db/database.ts";
import type { Turn, TurnAnswer, Turns } from "./upkeep.ts";

export interface SqlTurnsOptions {
  readonly database: Database;
  /** Milliseconds since 1970, the same for all processes. */
  readonly now: () => Promise<number>;
  /** Calls back once after a delay; the answer cancels it. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

/** A turn that is not kept up is over. */
export const LEASE_MS = 8000;
const KEEP_MS = 2000;
/** Who found the turn taken looks again; after a turn that failed somebody tries again. */
const LOOK_MS = 5000;
const AGAIN_MS = 600_000;

/** Turns as rows of the cold tables, taken by compare-and-set on the database's clock. */
export class SqlTurns implements Turns {
  private readonly options: SqlTurnsOptions;

  constructor(options: SqlTurnsOptions) {
    this.options = options;
  }

  async ask(name: string, everyMs: number): Promise<TurnAnswer> {
    const { database, now } = this.options;
    const at = await now();
    const row = await database.call((db) =>
      db.selectFrom("upkeep").selectAll().where("name", "=", name).executeTakeFirst(),
    );
    const until = Number(row?.until ?? 0);
    const doneAt = row?.done_at == null ? null : Number(row.done_at);
    const wait = (waitMs: number): TurnAnswer => ({ turn: null, waitMs, lastMs: doneAt === null ? null : at - doneAt });
    if (doneAt !== null && doneAt + everyMs > at) return wait(doneAt + everyMs - at);
    if (until > at) return wait(Math.min(LOOK_MS, until - at));
    const holder = randomUUID();
    const taken = await database.call((db) =>
      db
        .insertInto("upkeep")
        .values({ name, holder, until: at + LEASE_MS, done_at: null })
        .onConflict((conflict) =>
          conflict
            .column("name")
            .doUpdateSet({ holder, until: at + LEASE_MS })
            // As it was read: whoever came in between has it.
            .where("upkeep.until", "=", row?.until ?? -1)
            .where(sql<boolean>`coalesce(upkeep.done_at, -1) = ${doneAt ?? -1}`),
        )
        .returning("holder")
        .executeTakeFirst(),
    );
    return taken ? { turn: this.keep(name, holder) } : wait(LOOK_MS);
  }

  private keep(name: string, holder: string): Turn {
    const { database, now, after } = this.options;
    let heldUntil = performance.now() + LEASE_MS;
    let ended = false;
    let cancel = (): void => undefined;
    let keeping: Promise<void> = Promise.resolve();
    const set = async (values: { readonly until: number; readonly done_at?: number }): Promise<boolean> => {
      const { numUpdatedRows } = await database.call((db) =>
        db.updateTable("upkeep").set(values).where("name", "=", name).where("holder", "=", holder).executeTakeFirst(),
      );
      return numUpdatedRows > 0n;
    };
    const keep = async (): Promise<void> => {
      const sentAt = performance.now();
      try {
        const until = (await now()) + LEASE_MS;
        if (ended) return;
        heldUntil = (await set({ until })) ? sentAt + LEASE_MS : 0;
      } catch {
        // A database that does not answer: the lease runs out by itself.
      }
      if (!ended && performance.now() < heldUntil) arm();
    };
    const arm = (): void => {
      cancel = after(KEEP_MS, () => {
        keeping = keep();
      });
    };
    arm();
    return {
      isHeld: () => !ended && performance.now() < heldUntil,
      async end(done) {
        ended = true;
        cancel();
        // What is still on its way would take back what the end says.
        await keeping;
        const at = await now();
        await set(done ? { until: at, done_at: at } : { until: at + AGAIN_MS });
      },
    };
  }
}
