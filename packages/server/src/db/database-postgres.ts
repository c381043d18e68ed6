import { AppError } from "@weftwork/core";
import { PostgresAdapter, PostgresDialect, sql } from "kysely";
import { Pool } from "pg";
import type { Connections } from "../connections/pool.ts";
import { exactNumbers } from "./postgres-numbers.ts";
import { openDatabase, type Database } from "./database.ts";
import type { LockTables } from "./migrate.ts";

export interface PostgresDatabaseOptions {
  readonly url: string;
  /** Connections at most. Publishing is rare, and plans are kept in memory: two serve many workers. */
  readonly connectionsMax?: number;
  /** Connections that are shared with others; left out, it has its own. */
  readonly connections?: Connections;
}

/** SQLSTATE classes and codes that say the row or the statement is at fault, not the server. */
const OUR_FAULT = /^(?:22|23|42)/;
const DISK_FULL = "53100";

/** The lock that Kysely takes by itself, and versions before this one with it. */
const LOCK = 3853314791062309107n;

/** A lock of the session would stay for ever behind a pooler, where the session is another one at the unlocking (F30). */
class Adapter extends PostgresAdapter {
  override acquireMigrationLock(): Promise<void> {
    return Promise.resolve();
  }

  override releaseMigrationLock(): Promise<void> {
    return Promise.resolve();
  }
}

class Dialect extends PostgresDialect {
  override createAdapter(): PostgresAdapter {
    return new Adapter();
  }
}

const lock: LockTables = async (transaction) => {
  await sql`select pg_advisory_xact_lock(${sql.lit(LOCK)})`.execute(transaction);
};

/** The cold tables in a PostgreSQL database, 15 or newer. */
export async function postgresDatabase(options: PostgresDatabaseOptions): Promise<Database> {
  const connections = options.connections ?? ownPool(options);
  const pool = { connect: () => connections.connect(), end: () => connections.end(), options: {} };
  return openDatabase({ dialect: new Dialect({ pool }), storeError, lock });
}

function ownPool({ url, connectionsMax = 2 }: PostgresDatabaseOptions): Pool {
  const pool = new Pool({
    connectionString: url,
    max: connectionsMax,
    idleTimeoutMillis: 300_000,
    connectionTimeoutMillis: 5000,
    application_name: "weftwork catalogue",
    types: exactNumbers,
  });
  // An idle connection that breaks is replaced by the pool; the next query tells if the server is gone.
  pool.on("error", () => undefined);
  return pool;
}

function storeError(error: unknown): AppError {
  const reason = error instanceof Error ? error.message || error.name : String(error);
  const code = (error as { code?: unknown } | null)?.code;
  if (code === DISK_FULL) return new AppError("STORE_FULL", { reason }, { cause: error });
  if (typeof code === "string" && OUR_FAULT.test(code)) return new AppError("INTERNAL", { reason }, { cause: error });
  return new AppError("STORE_UNAVAILABLE", { reason }, { cause: error });
}
