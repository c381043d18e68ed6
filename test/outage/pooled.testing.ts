import { testPostgres, type TestPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { postgresForTests } from "../../packages/server/src/journal/test-services.ts";
import { ownPgbouncer, pgbouncerProgram, type OwnService } from "../services.ts";

/** A PostgreSQL server for tests and a pooler of transactions before it, which is not started yet. */
export interface Pooled {
  /** Of the server itself. */
  readonly url: string;
  readonly postgres: TestPostgres;
  readonly pooler: OwnService;
}

/** Null where one of them is missing, which has been said then; a failure where the whole check runs. */
export async function pooledForTests(): Promise<Pooled | null> {
  const service = await postgresForTests();
  const postgres = await testPostgres();
  if ("skip" in service || postgres === null) return null;
  if (pgbouncerProgram() === null) {
    if (process.env["CI"] === "true") throw new Error("The whole check needs it: pgbouncer is not installed.");
    process.stderr.write("Skipped: pgbouncer is not installed.\n");
    return null;
  }
  return { url: service.url, postgres, pooler: await ownPgbouncer({ server: service.url }) };
}

/** The same database by way of a pooler. */
export function behind(url: string, pooler: OwnService): string {
  const pooled = new URL(url);
  [pooled.hostname, pooled.port] = ["127.0.0.1", String(pooler.port)];
  return pooled.href;
}
