import pg from "pg";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Way } from "../../packages/server/src/connections/way.ts";
import { journalConformance } from "../../packages/server/src/journal/journal.conformance.ts";
import { postgresJournal } from "../../packages/server/src/journal/postgres.ts";
import { PostgresTasks } from "../../packages/server/src/tasks/postgres.ts";
import { taskStoreConformance } from "../../packages/server/src/tasks/task-store.conformance.ts";
import { openNamed } from "../../packages/server/src/transport/hang.testing.ts";
import { transportConformance } from "../../packages/server/src/transport/transport.conformance.ts";
import { behind, pooledForTests } from "./pooled.testing.ts";

const ROW_BYTES_MAX = 4_000_000;

/** The store's clock, stopped at a time of the suite's own. */
async function stoppedClock(url: string, schema: string) {
  const client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
  await client.connect();
  let now = Date.now();
  const stop = async (): Promise<void> => {
    await client.query(
      `create or replace function now_ms() returns bigint language sql volatile as 'select ${now}::bigint'`,
    );
  };
  await stop();
  return {
    now: () => now,
    async advance(ms: number) {
      now += ms;
      await stop();
    },
    end: () => client.end(),
    async drop() {
      await client.query(`drop schema ${schema} cascade`);
      await client.end();
    },
  };
}

const pooled = await pooledForTests();
if (pooled === null) {
  describe.skip("the stores behind a pooler (there is none)", () => test("conformance", () => undefined));
} else {
  const { url: server, postgres, pooler } = pooled;
  beforeAll(() => pooler.start());
  afterAll(() => pooler.remove());

  let schemas = 0;
  journalConformance("the PostgreSQL journal behind a pooler of transactions", async () => {
    const url = server;
    // Sessions are shared over all schemas, and so are the prepared statements on them.
    schemas += 1;
    const schema = `pooler_test_${process.pid}_${schemas}`;
    // What is told is heard only past the pooler.
    const way = new Way({ url: behind(url, pooler), listenUrl: url });
    const options = { url: behind(url, pooler), way, schema, rowBytesMax: ROW_BYTES_MAX, renewal: "by hand" } as const;
    let journal = await postgresJournal(options);
    const clock = await stoppedClock(url, schema);
    return {
      journal,
      now: clock.now,
      advance: clock.advance,
      rowBytesMax: ROW_BYTES_MAX,
      async reopen() {
        await journal.close();
        journal = await postgresJournal(options);
        return journal;
      },
      async close() {
        await journal.close();
        await clock.drop();
      },
    };
  });

  taskStoreConformance("the PostgreSQL task store behind a pooler of transactions", async () => {
    const { url, drop } = await postgres.create();
    const journal = await postgresJournal({ url: behind(url, pooler), renewal: "by hand", rowBytesMax: ROW_BYTES_MAX });
    const tasks = await PostgresTasks.open({ url: behind(url, pooler) });
    const clock = await stoppedClock(url, "weft");
    return {
      tasks,
      holders: tasks.holders,
      opened: {
        journal,
        now: clock.now,
        advance: clock.advance,
        rowBytesMax: ROW_BYTES_MAX,
        close: () => journal.close(),
      },
      async close() {
        await Promise.all([tasks.close(), journal.close()]);
        await clock.end();
        await drop();
      },
    };
  });

  transportConformance("the PostgreSQL transport behind a pooler of transactions", async () => {
    const { url, drop } = await postgres.create();
    const other = ["postgres", behind(url, pooler)];
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    return {
      connect: (problem, packMax) => openNamed(other, { problem, ...(packMax === undefined ? {} : { packMax }) }),
      other,
      async plant(name, text) {
        await pool.query("insert into weft.ticket (pool, rank, body) values ($1, 1, $2)", [name, text]);
      },
      async aside(name) {
        return (await pool.query("select reason, body from weft.ticket_aside where pool = $1", [name])).rows;
      },
      async close() {
        await pool.end();
        await drop();
      },
    };
  });
}
