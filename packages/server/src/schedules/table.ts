import { AppError } from "@weftwork/core";
import type { Schedule, ScheduleError } from "@weftwork/sdk";
import { sql, type Transaction } from "kysely";
import { databaseTime, type SqlClock } from "../db/database-clock.ts";
import type { Database } from "../db/database.ts";
import type { Tables } from "../db/schema.ts";
import { rowOf, storedOf, timeOf, type Move, type StoredFire, type StoredSchedule } from "./rows.ts";

/** What is due, and what comes. */
export interface Upcoming {
  readonly now: number;
  /** Null: nothing comes. */
  readonly nextAt: number | null;
  readonly due: readonly StoredSchedule[];
}

/** A schedule that begins at a node. */
export type Rooted = Pick<Schedule, "name" | "workflow" | "root" | "created_at">;

/** What a list of fires keeps of one schedule; older ones are deleted with each new one. */
const FIRES_KEPT = 50;
const ALREADY_THERE = /unique|duplicate/i;

/** The schedules of a tenant. What a change was based on is compared in the statement that makes it. */
export class ScheduleTable {
  private readonly database: Database;
  private readonly tenant: string;
  private readonly clock: SqlClock;

  constructor(database: Database, tenant: string, clock: SqlClock) {
    this.database = database;
    this.tenant = tenant;
    this.clock = clock;
  }

  /** The time that schedules are compared with, in milliseconds. */
  now(): Promise<number> {
    return databaseTime(this.database, this.clock);
  }

  /**
   * The time, the schedules that are due by it (the first first, at most `limit`), and when the next one is: one small
   * question where nothing is due, so that an idle process asks little.
   */
  upcoming(limit: number): Promise<Upcoming> {
    return this.database.call(async (db) => {
      const rows = await this.mine(db.selectFrom("schedule"))
        .select(["id", "fire_at", this.clock().as("now")])
        .where("fire_at", "is not", null)
        .orderBy("fire_at")
        .limit(limit)
        .execute();
      const now = Number(rows[0]?.now ?? 0);
      const dueIds = rows.filter((row) => Number(row.fire_at) <= now).map(({ id }) => id);
      const nextAt = timeOf(rows[0]?.fire_at ?? null);
      if (dueIds.length === 0) return { now, nextAt, due: [] };
      const due = await this.mine(db.selectFrom("schedule"))
        .selectAll()
        .where("id", "in", dueIds)
        .where("fire_at", "is not", null)
        .orderBy("fire_at")
        .execute();
      return { now, nextAt, due: due.map(storedOf) };
    });
  }

  /** By name, behind `after`. */
  page(after: string, limit: number): Promise<readonly StoredSchedule[]> {
    return this.database.call(async (db) => {
      const behind = this.mine(db.selectFrom("schedule")).selectAll().where("name", ">", after);
      return (await behind.orderBy("name").limit(limit).execute()).map(storedOf);
    });
  }

  count(): Promise<number> {
    return this.database.call(async (db) => {
      const counted = this.mine(db.selectFrom("schedule")).select(db.fn.countAll().as("count"));
      return Number((await counted.executeTakeFirstOrThrow()).count);
    });
  }

  /** Those that begin at a node of a Dify file, the first made first. */
  atRoots(): Promise<readonly Rooted[]> {
    return this.database.call(async (db) => {
      const rooted = this.mine(db.selectFrom("schedule")).where("root", "is not", null);
      const rows = await rooted.select(["name", "workflow", "root", "created_at"]).orderBy("created_at").execute();
      return rows.map((row) => ({ ...row, created_at: new Date(Number(row.created_at)).toISOString() }));
    });
  }

  /** By its id, or else by its name. */
  find(named: string): Promise<StoredSchedule | null> {
    return this.database.call(async (db) => {
      const rows = await db
        .selectFrom("schedule")
        .selectAll()
        .where("tenant", "=", this.tenant)
        .where((is) => is.or([is("id", "=", named), is("name", "=", named)]))
        .execute();
      const row = rows.find(({ id }) => id === named) ?? rows[0];
      return row ? storedOf(row) : null;
    });
  }

  /** Throws `SCHEDULE_EXISTS` when its name is taken. */
  async add(schedule: StoredSchedule): Promise<void> {
    await this.database.call((db) =>
      withName(
        schedule.name,
        db
          .insertInto("schedule")
          .values({ ...rowOf(schedule), tenant: this.tenant })
          .execute(),
      ),
    );
  }

  /**
   * Stores a changed schedule. False when it was changed by others since it was read (or is gone). What `times` leaves
   * out, what a start moves, stays as it is.
   */
  change(schedule: StoredSchedule, times: boolean): Promise<boolean> {
    const { id: _, due_at, fire_at, last_run: _run, failures: _count, last_error: _error, ...row } = rowOf(schedule);
    return this.database.call(async (db) => {
      const set = { ...row, revision: schedule.revision + 1, ...(times ? { due_at, fire_at } : {}) };
      const changing = this.of(db.updateTable("schedule").set(set), schedule.id);
      const { numUpdatedRows } = await withName(
        schedule.name,
        changing.where("revision", "=", schedule.revision).executeTakeFirst(),
      );
      return numUpdatedRows > 0n;
    });
  }

  /** Whether there was one. Its runs stay. */
  remove(id: string): Promise<boolean> {
    return this.database.call((db) =>
      db.transaction().execute(async (transaction) => {
        const { numDeletedRows } = await this.of(transaction.deleteFrom("schedule"), id).executeTakeFirst();
        const fires = transaction.deleteFrom("schedule_fire").where("tenant", "=", this.tenant);
        await fires.where("schedule", "=", id).execute();
        return numDeletedRows > 0n;
      }),
    );
  }

  /**
   * Moves a schedule on from the time that it had, and records what became of that. False when it has been moved or
   * changed by others: then nothing is written but the runs that were begun nevertheless.
   */
  move(from: StoredSchedule, { dueAt, fireAt, fires }: Move): Promise<boolean> {
    const begun = fires.filter(({ outcome }) => outcome === "started");
    const failed = fires.find(({ outcome }) => outcome === "failed");
    return this.database.call((db) =>
      db.transaction().execute(async (transaction) => {
        const moved = await this.of(
          transaction.updateTable("schedule").set({
            due_at: dueAt,
            fire_at: fireAt,
            ...(begun.length > 0 ? { last_run: begun.at(-1)!.run, failures: 0, last_error: null } : {}),
            ...(failed ? { failures: sql`failures + 1`, last_error: JSON.stringify(failed.error) } : {}),
          }),
          from.id,
        )
          .where("due_at", "=", from.dueAt)
          .where("revision", "=", from.revision)
          .executeTakeFirst();
        const isMoved = moved.numUpdatedRows > 0n;
        await this.record(transaction, from.id, isMoved ? fires : begun);
        return isMoved;
      }),
    );
  }

  /** Records a start that no time asked for. */
  async triggered(id: string, fire: StoredFire): Promise<void> {
    await this.database.call((db) => db.transaction().execute((transaction) => this.record(transaction, id, [fire])));
  }

  /** The newest first. */
  fires(id: string): Promise<readonly (StoredFire & { readonly firedAt: number })[]> {
    return this.database.call(async (db) => {
      const mine = db.selectFrom("schedule_fire").selectAll().where("tenant", "=", this.tenant);
      const rows = await mine.where("schedule", "=", id).orderBy("due_at", "desc").orderBy("outcome").execute();
      return rows.map((row) => ({
        dueAt: Number(row.due_at),
        outcome: row.outcome as StoredFire["outcome"],
        until: timeOf(row.until),
        run: row.run,
        error: row.error === null ? null : (JSON.parse(row.error) as ScheduleError),
        firedAt: Number(row.fired_at),
      }));
    });
  }

  /** Within a transaction. What stands there already stays; of a schedule that is gone nothing is written. */
  private async record(db: Transaction<Tables>, id: string, fires: readonly StoredFire[]): Promise<void> {
    if (fires.length === 0) return;
    // The row is locked by this, so that none is written beside a removal.
    const run = fires.findLast((fire) => fire.run !== null)?.run;
    const touched = this.of(db.updateTable("schedule").set(run == null ? { name: sql`name` } : { last_run: run }), id);
    if ((await touched.executeTakeFirst()).numUpdatedRows === 0n) return;
    const place = { tenant: this.tenant, schedule: id, fired_at: this.clock() };
    for (const { dueAt, outcome, until, run: begun, error } of fires) {
      const text = error === null ? null : JSON.stringify(error);
      await db
        .insertInto("schedule_fire")
        .values({ ...place, due_at: dueAt, outcome, until, run: begun, error: text })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
    await sql`delete from schedule_fire where tenant = ${this.tenant} and schedule = ${id} and due_at < (
      select due_at from schedule_fire where tenant = ${this.tenant} and schedule = ${id}
      order by due_at desc limit 1 offset ${FIRES_KEPT - 1})`.execute(db);
  }

  private mine<Query extends { where(column: "tenant", is: "=", value: string): Query }>(query: Query): Query {
    return query.where("tenant", "=", this.tenant);
  }

  private of<Query extends { where(column: "tenant" | "id", is: "=", value: string): Query }>(
    query: Query,
    id: string,
  ): Query {
    return query.where("tenant", "=", this.tenant).where("id", "=", id);
  }
}

async function withName<Answer>(name: string, statement: Promise<Answer>): Promise<Answer> {
  try {
    return await statement;
  } catch (error) {
    if (error instanceof Error && ALREADY_THERE.test(error.message))
      throw new AppError("SCHEDULE_EXISTS", { name }, { cause: error });
    throw error;
  }
}
