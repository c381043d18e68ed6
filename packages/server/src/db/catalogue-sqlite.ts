import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@weftwork/core";
import type { Catalogue } from "./catalogue.ts";
import { sqlCatalogue } from "./catalogue-sql.ts";
import { nodeSqliteDialect } from "./sqlite-dialect.ts";

/** SQLITE_FULL (https://sqlite.org/rescode.html). */
const FULL = 13;

/** The catalogue in `catalogue.db` of a data folder. Whoever opens it holds the folder's lock. */
export async function sqliteCatalogue(options: { readonly folder: string }): Promise<Catalogue> {
  mkdirSync(options.folder, { recursive: true });
  return sqlCatalogue({ dialect: nodeSqliteDialect(join(options.folder, "catalogue.db")), storeError });
}

function storeError(error: unknown): AppError {
  const reason = error instanceof Error ? error.message : String(error);
  const code = (error as { errcode?: unknown } | null)?.errcode;
  if (typeof code !== "number") return new AppError("INTERNAL", { reason }, { cause: error });
  return new AppError((code & 0xff) === FULL ? "STORE_FULL" : "STORE_UNAVAILABLE", { reason }, { cause: error });
}
