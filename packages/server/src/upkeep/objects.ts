import { AppError } from "@weftwork/core";
import { sql } from "kysely";
import type { BlobStore } from "../blob/blob.ts";
import type { Database } from "../db/database.ts";
import type { Objects } from "./upkeep.ts";

export interface SqlObjectsOptions {
  readonly database: Database;
  readonly blobs: BlobStore;
  /** Which of the hashes are still named, or were within the last day. */
  readonly known: (tenant: string, hashes: readonly string[]) => Promise<ReadonlySet<string>>;
  /** Milliseconds since 1970, the same for all processes. */
  readonly now: () => Promise<number>;
}

const DAY_MS = 24 * 3_600_000;
/**
 * From the decision to delete an object until nothing of that decision can still arrive: many times the longest request.
 * Nobody writes the object meanwhile, and another process may then decide again.
 */
export const DOOM_MS = 600_000;
const BATCH = 200;
/** Deletions that fail before it is the store that does not answer. One object alone keeps no other. */
const FAILURES_MAX = 3;
/** One who stood still after the mark deletes nothing any more: by then the mark may count as left behind. */
const DELETE_MS = DOOM_MS / 2;

/**
 * The book of objects: which ones were ever begun, so that those that nothing refers to are found without listing a
 * bucket.
 *
 * O1. An object is in the book before its first byte is sent, and leaves it after its deletion. So nothing that a crash
 *     leaves behind is unknown.
 * O2. An object is looked at a day after it was last written, and then once a day. It is deleted only if no payload of
 *     that hash is known; a payload is known from its commit until a day after the last run that named it went.
 * O3. Deleting begins with a mark on the row. From the mark to the end of the deletion nobody writes the object: a
 *     writer is told to come again. So a write is never undone by a deletion that was decided before it.
 */
export class SqlObjects implements Objects {
  private readonly options: SqlObjectsOptions;
  private adopted = false;

  constructor(options: SqlObjectsOptions) {
    this.options = options;
  }

  /** The same blobs, for payloads: what is put is in the book first. */
  get blobs(): BlobStore {
    const { blobs } = this.options;
    return {
      put: async (key, bytes) => {
        await this.begin(key);
        await blobs.put(key, bytes);
      },
      write: async (key, source) => {
        await this.begin(key);
        await blobs.write(key, source);
      },
      get: (key) => blobs.get(key),
      read: (key) => blobs.read(key),
      delete: (key) => blobs.delete(key),
      close: () => blobs.close(),
    };
  }

  async collect(goOn: () => boolean): Promise<number> {
    await this.adopt();
    let count = 0;
    const failures: unknown[] = [];
    const end = (): number => {
      if (failures.length > 0) throw failures[0];
      return count;
    };
    while (goOn()) {
      const begun = performance.now();
      const at = await this.options.now();
      const due = await this.mark(at);
      if (due.length === 0) break;
      for (const [tenant, hashes] of byTenant(due)) {
        // Asked behind the mark: what was named before it is seen, and what is written after it waits.
        const known = await this.options.known(tenant, hashes);
        await this.keep(tenant, [...known], at);
        for (const hash of hashes) {
          if (known.has(hash)) continue;
          if (performance.now() - begun > DELETE_MS) return end();
          const failure = await this.delete(tenant, hash, at);
          if (failure === null) count += 1;
          else if (failures.push(failure.error) === FAILURES_MAX) throw failure.error;
        }
      }
    }
    return end();
  }

  private async begin(key: string): Promise<void> {
    const at = await this.options.now();
    const [tenant, hash] = split(key);
    const row = await this.options.database.call((db) =>
      db
        .insertInto("object")
        .values({ tenant, hash, due_at: at + DAY_MS, doomed_at: null })
        .onConflict((conflict) =>
          conflict
            .columns(["tenant", "hash"])
            .doUpdateSet({ due_at: at + DAY_MS, doomed_at: null })
            .where(sql<boolean>`coalesce(object.doomed_at, 0) <= ${at - DOOM_MS}`),
        )
        .returning("hash")
        .executeTakeFirst(),
    );
    if (!row) throw new AppError("STORE_UNAVAILABLE", { reason: `the object ${key} is being deleted; it comes back` });
  }

  /** Rows that are due, marked as being deleted by us. */
  private async mark(at: number): Promise<readonly ObjectName[]> {
    return this.options.database.call((db) =>
      db
        .updateTable("object")
        .set({ doomed_at: at })
        .where(
          sql<boolean>`(tenant, hash) in (select tenant, hash from object
            where due_at <= ${at} and coalesce(doomed_at, 0) <= ${at - DOOM_MS} order by due_at limit ${BATCH})`,
        )
        // Looked at again on the row itself: of two processes that chose it, one has it.
        .where("due_at", "<=", at)
        .where(sql<boolean>`coalesce(doomed_at, 0) <= ${at - DOOM_MS}`)
        .returning(["tenant", "hash"])
        .execute(),
    );
  }

  private async keep(tenant: string, hashes: readonly string[], markedAt: number): Promise<void> {
    if (hashes.length === 0) return;
    // Spread, so that what was written together is not looked at together for ever.
    const dueAt = markedAt + Math.round(DAY_MS * (0.8 + 0.4 * Math.random()));
    await this.options.database.call((db) =>
      db
        .updateTable("object")
        .set({ doomed_at: null, due_at: dueAt })
        .where("tenant", "=", tenant)
        .where("hash", "in", [...hashes])
        .where("doomed_at", "=", markedAt)
        .execute(),
    );
  }

  /** Null: it is gone. */
  private async delete(tenant: string, hash: string, markedAt: number): Promise<{ readonly error: unknown } | null> {
    try {
      await this.options.blobs.delete(`${tenant}/${hash}`);
    } catch (error) {
      await this.putOff(tenant, hash, markedAt);
      return { error };
    }
    await this.forget(tenant, hash, markedAt);
    return null;
  }

  /** It could not be deleted: its turn comes again in a day. The mark stays, for the deletion may still arrive. */
  private async putOff(tenant: string, hash: string, markedAt: number): Promise<void> {
    await this.options.database.call((db) =>
      db
        .updateTable("object")
        .set({ due_at: markedAt + DAY_MS })
        .where("tenant", "=", tenant)
        .where("hash", "=", hash)
        .where("doomed_at", "=", markedAt)
        .execute(),
    );
  }

  private async forget(tenant: string, hash: string, markedAt: number): Promise<void> {
    await this.options.database.call((db) =>
      db
        .deleteFrom("object")
        .where("tenant", "=", tenant)
        .where("hash", "=", hash)
        .where("doomed_at", "=", markedAt)
        .execute(),
    );
  }

  /** Objects that an earlier version wrote are in no book. Where a store can list what it holds, they are entered once. */
  private async adopt(): Promise<void> {
    const { blobs, database, now } = this.options;
    if (this.adopted || !blobs.list) return;
    const dueAt = (await now()) + DAY_MS;
    let batch: string[] = [];
    const enter = async (): Promise<void> => {
      const keys = batch;
      batch = [];
      if (keys.length === 0) return;
      await database.call(async (db) => {
        // Blobs of files have rows of their own.
        const files = await db.selectFrom("file").select("blob_key").where("blob_key", "in", keys).execute();
        const ofFiles = new Set(files.map((row) => row.blob_key));
        const rows = keys
          .filter((key) => !ofFiles.has(key))
          .map((key) => ({ ...named(key), due_at: dueAt, doomed_at: null }));
        if (rows.length > 0)
          await db
            .insertInto("object")
            .values(rows)
            .onConflict((conflict) => conflict.columns(["tenant", "hash"]).doNothing())
            .execute();
      });
    };
    for await (const key of blobs.list()) if (batch.push(key) >= BATCH) await enter();
    await enter();
    this.adopted = true;
  }
}

interface ObjectName {
  readonly tenant: string;
  readonly hash: string;
}

function split(key: string): readonly [tenant: string, hash: string] {
  const at = key.lastIndexOf("/");
  return [key.slice(0, at), key.slice(at + 1)];
}

function named(key: string): ObjectName {
  const [tenant, hash] = split(key);
  return { tenant, hash };
}

function byTenant(names: readonly ObjectName[]): ReadonlyMap<string, readonly string[]> {
  return new Map(
    Object.entries(Object.groupBy(names, ({ tenant }) => tenant)).map(([tenant, group]) => [
      tenant,
      group!.map(({ hash }) => hash),
    ]),
  );
}
