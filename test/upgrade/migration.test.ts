import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { openWeft } from "../../packages/server/src/index.ts";
import {
  dumpPostgresSchema,
  migratePostgres,
  POSTGRES_MIGRATIONS,
} from "../../packages/server/src/journal/postgres-schema.ts";

const PROGRAM = fileURLToPath(new URL("migrating.ts", import.meta.url));
const SCHEMA = "weft";
const WRITTEN = readFileSync(new URL("../../packages/server/src/journal/schema.postgres.sql", import.meta.url), "utf8");
const server = await testPostgres();

describe.skipIf(server === null)("the schema of a store that is in use", () => {
  let url: string;
  let drop: () => Promise<void>;
  let clients: pg.Client[];

  beforeEach(async () => {
    ({ url, drop } = await server!.create());
    clients = [];
  });
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.end()));
    await drop();
  });

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url, options: `-c search_path=${SCHEMA}` });
    await client.connect();
    clients.push(client);
    return client;
  }

  const steps = async (client: pg.Client): Promise<number> =>
    (await client.query("select from migration")).rowCount ?? 0;

  async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
    for (const end = performance.now() + 20_000; !(await holds());) {
      if (performance.now() > end) throw new Error(`it never came to pass: ${what}`);
      await new Promise((resolve) => void setTimeout(resolve, 10));
    }
  }

  async function waitsForLock(client: pg.Client): Promise<boolean> {
    const text = `select from pg_stat_activity
      where datname = current_database() and application_name = 'migrating' and wait_event_type = 'Lock'`;
    return (await client.query(text)).rowCount! > 0;
  }

  test("a migration that is killed in the middle leaves nothing, and the next start goes on (F72)", async () => {
    const [watcher, reader] = [await connect(), await connect()];
    await migratePostgres(watcher, SCHEMA, 1);
    // In the middle of a step: it waits for a table that somebody reads.
    await reader.query("begin");
    await reader.query("select from worker");
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", PROGRAM, url, SCHEMA]);
    await until(() => waitsForLock(watcher), "the migration is in the middle of a step");
    child.kill("SIGKILL");
    await once(child, "exit");
    await reader.query("commit");
    expect(await steps(watcher)).toBe(1);
    await migratePostgres(watcher, SCHEMA);
    expect(await dumpPostgresSchema(watcher, SCHEMA)).toBe(WRITTEN);
  });

  test("a migration that has to wait holds nobody up for a second, and goes on by itself (F72)", async () => {
    const [watcher, reader, worker, migrating] = [await connect(), await connect(), await connect(), await connect()];
    await migratePostgres(watcher, SCHEMA, 1);
    await watcher.query(
      "insert into worker (name, incarnation, pid, joined_at, lease_until, state) values ('', '', 0, 0, 0, 0)",
    );
    // A backup, say: it reads for long, and whoever changes the table must wait for its end.
    await reader.query("begin");
    await reader.query("select from worker");
    const migrated = migratePostgres(migrating, SCHEMA);
    await worker.query("set lock_timeout = 1000");
    for (let beat = 0; beat < 100; beat++) await worker.query("update worker set lease_until = $1", [beat]);
    expect(await steps(watcher)).toBe(1);
    await reader.query("commit");
    await migrated;
    expect(await steps(watcher)).toBe(POSTGRES_MIGRATIONS.length);
  });

  test("a version works on a store to which a later one has added, and refuses one where it did more (F71)", async () => {
    const runs = async (): Promise<string> => {
      const weft = await openWeft({ store: url });
      try {
        await weft.workflows.publish("{name: one, steps: [{id: a, type: template, template: done}]}");
        const { run } = await weft.runs.start({ workflow: "one" });
        return (await weft.runs.wait(run.id))!.status;
      } finally {
        await weft.close();
      }
    };
    expect(await runs()).toBe("succeeded");
    const later = await connect();
    await later.query(`
      alter table run add column later text not null default 'later';
      create index run_later on run (later) where finished_at is null;
      create table later (id bigint primary key);
      insert into migration values (${POSTGRES_MIGRATIONS.length + 1}, 'later', now());
      alter table public.workflow add column later integer not null default 1;
      insert into public.catalogue_migration values ('9999_later', '2100-01-01')`);
    expect(await runs()).toBe("succeeded");

    await later.query("update public.catalogue_migration set name = '9999_later_breaking' where name = '9999_later'");
    await expect(runs()).rejects.toMatchObject({ code: "STORE_VERSION" });
    await later.query("delete from public.catalogue_migration where name = '9999_later_breaking'");
    await later.query("update migration set checksum = '!later' where checksum = 'later'");
    await expect(runs()).rejects.toMatchObject({ code: "STORE_VERSION" });
  });
});
