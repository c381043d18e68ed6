import { AppError } from "@weftwork/core";
import { Kysely, type Dialect } from "kysely";
import { migrate, type LockTables } from "./migrate.ts";
import type { Tables } from "./schema.ts";

export interface DatabaseOptions {
  readonly dialect: Dialect;
  /** The failure of the database as an error of the table. */
  readonly storeError: (error: unknown) => AppError;
  /** Where several processes may open it at once. */
  readonly lock?: LockTables;
}

/**
 * The database of the cold tables: what changes seldom and is small beside the journal. One handle a process, shared by
 * the stores on it; whoever opened it closes it.
 */
export interface Database {
  /** Runs statements; what the database answers badly is thrown as an `AppError`. */
  call<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Opens a database and brings its tables to what this version needs. */
export async function openDatabase({ dialect, storeError, lock }: DatabaseOptions): Promise<Database> {
  const db = new Kysely<Tables>({ dialect });
  const call: Database["call"] = async (work) => {
    try {
      return await work(db);
    } catch (error) {
      throw error instanceof AppError ? error : storeError(error);
    }
  };
  try {
    await call((tables) => migrate(tables, lock));
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return { call, close: () => db.destroy() };
}
