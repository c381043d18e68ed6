import pg from "pg";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";

/** The version of the server that was measured; null when none answers. */
export async function postgresVersion(): Promise<string | null> {
  const server = await testPostgres();
  if (!server) return null;
  const { url, drop } = await server.create();
  const client = new pg.Client(url);
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>("show server_version");
    return rows[0]!.server_version;
  } finally {
    await client.end();
    await drop();
  }
}
