import pg from "pg";
import { migratePostgres } from "../../packages/server/src/journal/postgres-schema.ts";

/** A process that brings a schema to the newest step: arguments are the database, and the schema. */
const [url, schema] = process.argv.slice(2) as [string, string];
const client = new pg.Client({
  connectionString: url,
  options: `-c search_path=${schema}`,
  application_name: "migrating",
});
await client.connect();
await migratePostgres(client, schema);
await client.end();
