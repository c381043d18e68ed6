import pg from "pg";
import { describe, test } from "vitest";
import { testPostgres } from "../db/test-postgres.ts";
import { memoryJournal } from "../journal/memory.ts";
import { postgresJournal } from "../journal/postgres.ts";
import { MemoryTasks } from "./memory.ts";
import { PostgresTasks } from "./postgres.ts";
import { taskStoreConformance } from "./task-store.conformance.ts";

const ROW_BYTES_MAX = 4_000_000;

taskStoreConformance("the memory task store", async () => {
  let now = 1_700_000_000_000;
  const journal = memoryJournal({ now: () => now, rowBytesMax: ROW_BYTES_MAX });
  const tasks = new MemoryTasks({ journal, now: () => now });
  return {
    tasks,
    holders: tasks.holders,
    opened: {
      journal,
      now: () => now,
      advance: (ms) => void (now += ms),
      rowBytesMax: ROW_BYTES_MAX,
      close: () => journal.close(),
    },
    async close() {
      await tasks.close();
      await journal.close();
    },
  };
});

const postgres = await testPostgres();
if (postgres === null) {
  describe.skip("the PostgreSQL task store (there is no PostgreSQL)", () => test("conformance", () => undefined));
} else {
  taskStoreConformance("the PostgreSQL task store", async () => {
    const { url, drop } = await postgres.create();
    const journal = await postgresJournal({ url, renewal: "by hand", rowBytesMax: ROW_BYTES_MAX });
    const tasks = await PostgresTasks.open({ url });
    const client = new pg.Client({ connectionString: url, options: "-c search_path=weft" });
    await client.connect();
    // The store's clock, stopped at a time of the suite's own.
    let now = Date.now();
    const stop = async (): Promise<void> => {
      await client.query(
        `create or replace function now_ms() returns bigint language sql volatile as 'select ${now}::bigint'`,
      );
    };
    await stop();
    return {
      tasks,
      holders: tasks.holders,
      opened: {
        journal,
        now: () => now,
        async advance(ms) {
          now += ms;
          await stop();
        },
        rowBytesMax: ROW_BYTES_MAX,
        close: () => journal.close(),
      },
      async close() {
        await Promise.all([tasks.close(), journal.close()]);
        await client.end();
        await drop();
      },
    };
  });
}
