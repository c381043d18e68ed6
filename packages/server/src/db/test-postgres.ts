import { randomBytes } from "node:crypto";
import { Client } from "pg";

/** A PostgreSQL server for tests. Each test file makes databases of its own and drops them. */
export interface TestPostgres {
  create(): Promise<{ readonly url: string; drop(): Promise<void> }>;
}

const DEFAULT_URL = "postgres://postgres@127.0.0.1:5432/postgres";

/** The server of `WEFT_TEST_POSTGRES_URL`, or the one on loopback; null when none answers within two seconds. */
export async function testPostgres(): Promise<TestPostgres | null> {
  const server = process.env["WEFT_TEST_POSTGRES_URL"] ?? DEFAULT_URL;
  try {
    await execute(server, "select 1");
  } catch (error) {
    if (process.env["WEFT_TEST_POSTGRES_URL"] !== undefined) throw error;
    return null;
  }
  return {
    async create() {
      const name = `weft_test_${randomBytes(6).toString("hex")}`;
      await execute(server, `create database ${name}`);
      const url = new URL(server);
      url.pathname = `/${name}`;
      return { url: url.href, drop: () => execute(server, `drop database ${name} with (force)`) };
    },
  };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
