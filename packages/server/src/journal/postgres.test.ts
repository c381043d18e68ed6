import pg from "pg";
import { describe, test } from "vitest";
import { journalConformance } from "./journal.conformance.ts";
import { postgresJournal } from "./postgres.ts";
import { postgresForTests } from "./test-services.ts";

const service = await postgresForTests();
let schemas = 0;

if ("skip" in service) {
  describe.skip(`the PostgreSQL journal (${service.skip})`, () => test("conformance", () => undefined));
} else {
  journalConformance("the PostgreSQL journal", async () => {
    const { url } = service;
    schemas += 1;
    const schema = `journal_test_${process.pid}_${schemas}`;
    const options = { url, schema, rowBytesMax: 4_000_000, renewal: "by hand" } as const;
    let journal = await postgresJournal(options);
    const client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
    await client.connect();
    // The store's clock, stopped at a time of the suite's own.
    let now = Date.now();
    const stop = () =>
      client.query(
        `create or replace function now_ms() returns bigint language sql volatile as 'select ${now}::bigint'`,
      );
    await stop();
    return {
      journal,
      now: () => now,
      async advance(ms) {
        now += ms;
        await stop();
      },
      rowBytesMax: options.rowBytesMax,
      async reopen() {
        await journal.close();
        journal = await postgresJournal(options);
        return journal;
      },
      async close() {
        await journal.close();
        await client.query(`drop schema ${schema} cascade`);
        await client.end();
      },
    };
  });
}
