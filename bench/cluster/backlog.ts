import { randomUUID } from "node:crypto";
import pg from "pg";
import { postgresJournal } from "../../packages/server/src/journal/postgres.ts";
import type { TestPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { quantile } from "../statistics.ts";

export interface BacklogResult {
  readonly pending: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const CLAIMS = 300;
const CLAIM = 16;

/** What a claim of 16 runs costs while so many wait. The rows are those of runs that were handed over and not begun. */
export async function backlog(server: TestPostgres, sizes: readonly number[]): Promise<readonly BacklogResult[]> {
  const results: BacklogResult[] = [];
  for (const pending of sizes) {
    const { url, drop } = await server.create();
    const journal = await postgresJournal({ url });
    try {
      await fill(url, pending);
      const membership = await journal.join({
        name: "bench",
        incarnation: randomUUID(),
        pid: process.pid,
        leaseMs: 60_000,
      });
      const samples: number[] = [];
      for (let at = 0; at < CLAIMS && at * CLAIM < pending; at++) {
        const start = performance.now();
        const claimed = await journal.claim(membership, CLAIM);
        samples.push(performance.now() - start);
        if (claimed.length === 0) throw new Error("nothing was there to be claimed");
      }
      // The first claims make the plan and read the pages.
      const counted = samples.slice(Math.min(20, samples.length >> 2));
      results.push({ pending, p50Ms: quantile(counted, 0.5), p99Ms: quantile(counted, 0.99) });
    } finally {
      await journal.close();
      await drop();
    }
  }
  return results;
}

async function fill(url: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: url, options: "-c search_path=weft" });
  await client.connect();
  try {
    await client.query(
      `insert into run (run_key, run_day, tenant, id, workflow, version, version_hash, rank, metadata, created_at,
         fingerprint, slotted, status, available_at, epoch, crash_count)
       select n, (now_ms() / 86400000)::int, 'default', 'run_' || n, 'w', '1', 'hash', 1, '{}', now_ms() - 1000000 + n % 1000,
         '', false, 'running', now_ms() - 1000000 + n % 1000, 1, 0
       from generate_series(1, $1::int) as n`,
      [count],
    );
    await client.query("vacuum analyze run");
  } finally {
    await client.end();
  }
}
