import type { JsonObject } from "@weftwork/core";
import type { Operation, OperationError, OperationRequest } from "@weftwork/sdk";
import { sql, type Kysely, type Selectable } from "kysely";
import type { SqlClock } from "../db/database-clock.ts";
import type { Database } from "../db/database.ts";
import type { Tables } from "../db/schema.ts";

/** An operation as it is kept. Times are milliseconds. */
export interface StoredOperation {
  readonly id: string;
  readonly status: Operation["status"];
  readonly request: OperationRequest;
  readonly total: number | null;
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
  readonly errors: readonly OperationError[];
  readonly cursor: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

/** What one step of an operation changes. */
export type OperationStep = Partial<
  Pick<
    StoredOperation,
    "status" | "total" | "done" | "failed" | "skipped" | "errors" | "cursor" | "error" | "startedAt" | "finishedAt"
  >
>;

/**
 * Operations over many runs.
 *
 * B1. Whoever takes an operation has it until its lease ends, by the database's clock. A step is stored only while the
 *     lease is its own: what a process counts that has lost it is not counted.
 */
export class OperationTable {
  private readonly database: Database;
  private readonly tenant: string;
  private readonly now: SqlClock;

  constructor(database: Database, tenant: string, now: SqlClock) {
    this.database = database;
    this.tenant = tenant;
    this.now = now;
  }

  /** Keeps a new operation. Where the id is there already, that one is returned. */
  async add(id: string, request: OperationRequest, createdAt: number): Promise<StoredOperation> {
    await this.database.call((db) =>
      db
        .insertInto("bulk_operation")
        .values({
          tenant: this.tenant,
          id,
          action: request.action,
          status: "pending",
          request: JSON.stringify(request),
          total: null,
          done: 0,
          failed: 0,
          skipped: 0,
          errors: "[]",
          cursor: null,
          error: null,
          holder: null,
          held_until: 0,
          created_at: createdAt,
          started_at: null,
          finished_at: null,
        })
        .onConflict((conflict) => conflict.columns(["tenant", "id"]).doNothing())
        .execute(),
    );
    return (await this.find(id))!;
  }

  async find(id: string): Promise<StoredOperation | null> {
    if (id.includes("\0")) return null;
    const row = await this.database.call((db) => this.named(db, id).executeTakeFirst());
    return row ? storedOf(row) : null;
  }

  /** Newest first, behind a place. */
  async list(
    limit: number,
    after: { readonly createdAt: number; readonly id: string } | null,
  ): Promise<readonly StoredOperation[]> {
    const rows = await this.database.call((db) => {
      const all = db.selectFrom("bulk_operation").selectAll().where("tenant", "=", this.tenant);
      const behind =
        after === null
          ? all
          : all.where((eb) =>
              eb.or([
                eb("created_at", "<", after.createdAt),
                eb.and([eb("created_at", "=", after.createdAt), eb("id", "<", after.id)]),
              ]),
            );
      return behind.orderBy("created_at", "desc").orderBy("id", "desc").limit(limit).execute();
    });
    return rows.map(storedOf);
  }

  /** Takes the oldest operation that is to be done and that nobody holds. Null: there is none. */
  async take(holder: string, leaseMs: number): Promise<StoredOperation | null> {
    const row = await this.database.call((db) => {
      const now = this.now();
      const free = db
        .selectFrom("bulk_operation as free")
        .select("free.id")
        .where("free.tenant", "=", this.tenant)
        .where("free.finished_at", "is", null)
        .where("free.held_until", "<", now)
        .orderBy("free.created_at")
        .limit(1);
      return db
        .updateTable("bulk_operation")
        .set({ holder, held_until: sql<number>`${now} + ${sql.lit(leaseMs)}` })
        .where("tenant", "=", this.tenant)
        .where("id", "=", free)
        .where("finished_at", "is", null)
        .where("held_until", "<", now)
        .returningAll()
        .executeTakeFirst();
    });
    return row ? storedOf(row) : null;
  }

  /** Stores a step and holds on for another `leaseMs` (0: lets go). Null: the lease is lost, and nothing was stored. */
  async step(id: string, holder: string, step: OperationStep, leaseMs: number): Promise<StoredOperation | null> {
    const { status, total, done, failed, skipped, errors, cursor, error, startedAt, finishedAt } = step;
    const row = await this.database.call((db) =>
      db
        .updateTable("bulk_operation")
        .set({
          held_until: leaseMs === 0 ? 0 : sql<number>`${this.now()} + ${sql.lit(leaseMs)}`,
          // An abort that came meanwhile stays, until whoever works has seen it.
          ...(status === undefined
            ? {}
            : status === "running"
              ? { status: sql<string>`case when status = 'aborting' then status else 'running' end` }
              : { status }),
          ...(total === undefined ? {} : { total }),
          ...(done === undefined ? {} : { done }),
          ...(failed === undefined ? {} : { failed }),
          ...(skipped === undefined ? {} : { skipped }),
          ...(errors === undefined ? {} : { errors: JSON.stringify(errors) }),
          ...(cursor === undefined ? {} : { cursor }),
          ...(error === undefined ? {} : { error: error === null ? null : JSON.stringify(error) }),
          ...(startedAt === undefined ? {} : { started_at: startedAt }),
          ...(finishedAt === undefined ? {} : { finished_at: finishedAt }),
        })
        .where("tenant", "=", this.tenant)
        .where("id", "=", id)
        .where("holder", "=", holder)
        .where("held_until", ">=", this.now())
        .where("finished_at", "is", null)
        .returningAll()
        .executeTakeFirst(),
    );
    return row ? storedOf(row) : null;
  }

  /** Asks whoever works at it to stop. One that has ended stays as it is. */
  async abort(id: string): Promise<void> {
    await this.database.call((db) =>
      db
        .updateTable("bulk_operation")
        .set({ status: "aborting" })
        .where("tenant", "=", this.tenant)
        .where("id", "=", id)
        .where("finished_at", "is", null)
        .execute(),
    );
  }

  /** Forgets operations that ended before a time. */
  async prune(before: number): Promise<void> {
    await this.database.call((db) =>
      db.deleteFrom("bulk_operation").where("tenant", "=", this.tenant).where("finished_at", "<", before).execute(),
    );
  }

  private named(db: Kysely<Tables>, id: string) {
    return db.selectFrom("bulk_operation").selectAll().where("tenant", "=", this.tenant).where("id", "=", id);
  }
}

function storedOf(row: Selectable<Tables["bulk_operation"]>): StoredOperation {
  const number = (value: number | string | null): number | null => (value === null ? null : Number(value));
  return {
    id: row.id,
    status: row.status as Operation["status"],
    request: JSON.parse(row.request) as OperationRequest,
    total: number(row.total),
    done: Number(row.done),
    failed: Number(row.failed),
    skipped: Number(row.skipped),
    errors: JSON.parse(row.errors) as readonly OperationError[],
    cursor: row.cursor,
    error: row.error === null ? null : (JSON.parse(row.error) as JsonObject & { code: string; message: string }),
    createdAt: Number(row.created_at),
    startedAt: number(row.started_at),
    finishedAt: number(row.finished_at),
  };
}
