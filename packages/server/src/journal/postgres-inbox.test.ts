import pg from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { created, join, TENANT, type Opened } from "./conformance/fixture.ts";
import { postgresJournal } from "./postgres.ts";
import { postgresForTests } from "./test-services.ts";

const service = await postgresForTests();
const url = "url" in service ? service.url : "";
const schema = `journal_inbox_${process.pid}`;

describe.skipIf("skip" in service)(`the inbox of many looks ${"skip" in service ? `(${service.skip})` : ""}`, () => {
  let store: Opened;
  let client: pg.Client;

  beforeAll(async () => {
    const journal = await postgresJournal({ url, schema, renewal: "by hand" });
    store = { journal, now: Date.now, advance: () => undefined, rowBytesMax: 1e6, close: () => journal.close() };
    client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
    await client.connect();
    vi.useFakeTimers({ toFake: ["performance"] });
  });
  afterAll(async () => {
    vi.useRealTimers();
    await store.close();
    await client.query(`drop schema ${schema} cascade`);
    await client.end();
  });

  test("a quick look passes over what a look of before has seen, and a whole one does not", async () => {
    const { journal } = store;
    const member = await join(journal);
    await created(store, member, "run");
    const offer = (inputId: string): Promise<unknown> =>
      journal.offer([{ tenant: TENANT, runId: "run", inputId, body: "1{}" }]);
    const quick = async (): Promise<readonly string[]> =>
      (await journal.inboxLately!(member, 10)).map(({ inputId }) => inputId);
    const whole = async (): Promise<readonly string[]> => (await journal.inbox(member, 10)).map((one) => one.inputId);
    await offer("a");
    expect(await quick()).toEqual(["a"]);
    // Its place was given before that of `b`, and it is seen behind it.
    await client.query("select nextval(pg_get_serial_sequence('inbox', 'place'))");
    const { rows } = await client.query<{ place: string }>("select last_value as place from inbox_place_seq");
    await offer("b");
    expect(await quick()).toEqual(["a", "b"]);
    await client.query(
      `insert into inbox (place, run_key, input_id, body) overriding system value
       select $1, run_key, 'late', '1{}' from run where id = 'run'`,
      [rows[0]!.place],
    );
    expect(await quick()).toEqual(["a", "late", "b"]);
    vi.advanceTimersByTime(200);
    await offer("c");
    expect(await quick()).toEqual(["c"]);
    expect(await whole()).toEqual(["a", "late", "b", "c"]);
    const other = await join(journal, "two");
    expect((await journal.inboxLately!(other, 10)).length).toBe(0);
    // Another member's looks say nothing of this one's.
    expect(await quick()).toEqual(["a", "late", "b", "c"]);
  });
});
