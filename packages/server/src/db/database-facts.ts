import pg from "pg";

/** What a PostgreSQL server says of itself. */
export interface DatabaseFacts {
  readonly version: string;
  readonly maxConnections: number;
  /** Open ones, of everybody; those the account may not see are not counted. */
  readonly connections: number;
  /** How far its clock is ahead of this machine's, in milliseconds; uncertain by half of `roundTripMs`. */
  readonly clockDifferenceMs: number;
  readonly roundTripMs: number;
}

interface Row {
  readonly version: string;
  readonly max: string;
  readonly open: number;
  readonly now: number;
}

/** Asks a server once, on a connection of its own. Rejects with what the connection met, within `waitMs`. */
export async function databaseFacts(url: string, waitMs: number): Promise<DatabaseFacts> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: waitMs, query_timeout: waitMs });
  // What the connection meets after the answer is told to nobody.
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query("select 1");
    const before = Date.now();
    const startedAt = performance.now();
    const { rows } = await client.query<Row>(
      `select current_setting('server_version') as version, current_setting('max_connections') as max,
              (select count(*)::int from pg_stat_activity) as open,
              (extract(epoch from clock_timestamp()) * 1000)::float8 as now`,
    );
    const roundTripMs = performance.now() - startedAt;
    const { version, max, open, now } = rows[0]!;
    return {
      version,
      maxConnections: Number(max),
      connections: open,
      clockDifferenceMs: now - (before + roundTripMs / 2),
      roundTripMs,
    };
  } finally {
    await client.end();
  }
}
