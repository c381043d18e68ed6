import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@weftwork/core";
import { openDatabase, type Database } from "./database.ts";
import { nodeSqliteDialect } from "./sqlite-dialect.ts";

/** SQLITE_FULL (https://sqlite.org/rescode.html). */
const FULL = 13;

/** The cold tables in `catalogue.db` of a data folder. Whoever opens it holds the folder's lock. */
export async function sqliteDatabase(options: { readonly folder: string }): Promise<Database> {
  mkdirSync(options.folder, { recursive: true });
  return openDatabase({ dialect: nodeSqliteDialect(join(options.folder, "catalogue.db")), storeError });
}

/** The cold tables in the memory of the process. */
export async function memoryDatabase(): Promise<Database> {
  return openDatabase({ dialect: nodeSqliteDialect(":memory:"), storeError });
}

function storeError(error: unknown): AppError {
  const reason = error instanceof Error ? error.message : String(error);
  const code = (error as { errcode?: unknown } | null)?.errcode;
  if (typeof code !== "number") return new AppError("INTERNAL", { reason }, { cause: error });
  return new AppError((code & 0xff) === FULL ? "STORE_FULL" : "STORE_UNAVAILABLE", { reason }, { cause: error });
}
