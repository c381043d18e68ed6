import { readFileSync, writeFileSync } from "node:fs";
import pg from "pg";
import { afterEach, describe, expect, test } from "vitest";
import { dumpPostgresSchema, migratePostgres, POSTGRES_MIGRATIONS } from "./postgres-schema.ts";
import { postgresJournal } from "./postgres.ts";
import { postgresForTests } from "./test-services.ts";

const DUMP = new URL("schema.postgres.sql", import.meta.url);
const service = await postgresForTests();
const url = "url" in service ? service.url : "";
const schema = `schema_test_${process.pid}`;
const open: pg.Client[] = [];

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
  await client.connect();
  open.push(client);
  return client;
}

describe.skipIf("skip" in service)(`the PostgreSQL schema ${"skip" in service ? `(${service.skip})` : ""}`, () => {
  afterEach(async () => {
    await open[0]?.query(`drop schema if exists ${schema} cascade`);
    await Promise.all(open.splice(0).map((client) => client.end()));
  });

  test("the migrations make the schema that is written down", async () => {
    const client = await connect();
    await migratePostgres(client, schema);
    const dump = await dumpPostgresSchema(client, schema);
    if (process.env["WEFT_TEST_WRITE_SCHEMA"]) writeFileSync(DUMP, dump);
    expect(dump).toBe(readFileSync(DUMP, "utf8"));
  });

  test("every earlier version becomes the newest one", async () => {
    const client = await connect();
    for (let version = 0; version <= POSTGRES_MIGRATIONS.length; version++) {
      await migratePostgres(client, schema, version);
      await migratePostgres(client, schema);
      await migratePostgres(client, schema);
      expect(await dumpPostgresSchema(client, schema)).toBe(readFileSync(DUMP, "utf8"));
      await client.query(`drop schema ${schema} cascade`);
    }
  });

  test("several processes that start at once migrate once", async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, connect));
    await Promise.all(clients.map((client) => migratePostgres(client, schema)));
    const { rows } = await clients[0]!.query("select step from migration");
    expect(rows).toHaveLength(POSTGRES_MIGRATIONS.length);
  });

  test("a store to which a newer version has only added is worked on; one where it did more is not", async () => {
    const client = await connect();
    await migratePostgres(client, schema);
    const next = POSTGRES_MIGRATIONS.length + 1;
    await client.query("insert into migration values ($1, 'future', now())", [next]);
    await (await postgresJournal({ url, schema })).close();
    await client.query("update migration set checksum = '!future' where step = $1", [next]);
    await expect(postgresJournal({ url, schema })).rejects.toMatchObject({ code: "STORE_VERSION" });
  });

  test("a store with a gap in its history, or with another one, is refused", async () => {
    const client = await connect();
    await migratePostgres(client, schema);
    await client.query("insert into migration values (999, 'future', now())");
    await expect(postgresJournal({ url, schema })).rejects.toMatchObject({ code: "STORE_VERSION" });
    await client.query("delete from migration where step = 999");
    await client.query("update migration set checksum = 'other' where step = 1");
    await expect(postgresJournal({ url, schema })).rejects.toMatchObject({ code: "STORE_VERSION" });
  });
});
