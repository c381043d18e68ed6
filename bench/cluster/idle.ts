import pg from "pg";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { WorkerProcesses, type TransportName } from "./setup.ts";

export interface IdleResult {
  readonly transport: TransportName;
  readonly workers: number;
  /** Transactions a second that each worker makes with nothing to do. */
  readonly queriesPerSecond: number;
}

const SETTLE_MS = 20_000;

/** What workers ask the database while there is nothing to do. A statement by itself is one transaction. */
export async function idle(server: TestPostgres, transport: TransportName, seconds: number): Promise<IdleResult> {
  const { url, drop } = await server.create();
  const count = 2;
  const workers = await WorkerProcesses.start(count, url, transport);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await sleep(SETTLE_MS);
    const before = await transactions(client);
    await sleep(seconds * 1000);
    // Our own look is one of them.
    const made = (await transactions(client)) - before - 1;
    return { transport, workers: count, queriesPerSecond: made / seconds / count };
  } finally {
    await client.end();
    await workers.stop();
    await drop();
  }
}

async function transactions(client: pg.Client): Promise<number> {
  // Backends tell of their work with a delay of up to a second.
  await sleep(1500);
  const { rows } = await client.query<{ count: string }>(
    "select xact_commit + xact_rollback as count from pg_stat_database where datname = current_database()",
  );
  return Number(rows[0]!.count);
}
