import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { postgresForTests } from "../journal/test-services.ts";

/** A PostgreSQL server for tests. Each test file makes databases of its own and drops them. */
export interface TestPostgres {
  create(): Promise<{ readonly url: string; drop(): Promise<void> }>;
}

/** The server that tests use (see `postgresForTests`); null when there is none, which has been said then. */
export async function testPostgres(): Promise<TestPostgres | null> {
  const service = await postgresForTests();
  if ("skip" in service) return null;
  const { url: server } = service;
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
