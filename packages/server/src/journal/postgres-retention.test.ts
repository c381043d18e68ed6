import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { appendOne, bodies, creation, created, finish, join, row, TENANT, type Opened } from "./conformance/fixture.ts";
import type { Append, Membership } from "./journal.ts";
import { MOVED_MAX } from "./postgres-partitions.ts";
import { postgresJournal } from "./postgres.ts";
import { postgresForTests } from "./test-services.ts";

const service = await postgresForTests();
const url = "url" in service ? service.url : "";
const DAY_MS = 24 * 60 * 60 * 1000;
const dayOf = (time: number): number => Math.floor(time / DAY_MS);

describe.skipIf("skip" in service)(`retention on PostgreSQL ${"skip" in service ? `(${service.skip})` : ""}`, () => {
  let schema: string;
  let schemas = 0;
  let client: pg.Client;
  let stores: Opened[] = [];
  let member: Membership;
  const now = Date.now();

  async function start(): Promise<Opened> {
    const journal = await postgresJournal({ url, schema, renewal: "by hand" });
    const store = { journal, now: Date.now, advance: () => undefined, rowBytesMax: 1e6, close: () => journal.close() };
    stores.push(store);
    return store;
  }

  beforeAll(async () => {
    client = new pg.Client({ connectionString: url });
    await client.connect();
  });
  beforeEach(async () => {
    await clear();
    schema = `journal_retention_${process.pid}_${++schemas}`;
    await client.query(`set search_path = ${schema}`);
    member = await join((await start()).journal);
  });
  afterAll(async () => {
    await clear();
    await client.end();
  });

  async function clear(): Promise<void> {
    await Promise.all(stores.map((store) => store.close()));
    if (stores.length > 0) await client.query(`drop schema ${schema} cascade`);
    stores = [];
  }

  async function rows(text: string, values: readonly unknown[] = []): Promise<readonly Record<string, unknown>[]> {
    return (await client.query<Record<string, unknown>>(text, [...values])).rows;
  }

  async function partitions(): Promise<readonly number[]> {
    const found = await rows(
      "select substring(relname from 8)::int as day from pg_class where relname ~ '^entry_d\\d+$' and relkind = 'r' and relnamespace = current_schema()::regnamespace order by 1",
    );
    return found.map(({ day }) => Number(day));
  }

  /** Runs of one time, `ended` of them over. */
  async function runsAt(createdAt: number, count: number, ended: number, workflow = "flow_0"): Promise<Append[]> {
    const [store] = stores as [Opened];
    const firsts = await Promise.all(
      Array.from({ length: count }, (_, i) =>
        creation(store, `${createdAt}-${workflow}-${i}`, { createdAt, workflow }),
      ),
    );
    for (let at = 0; at < count; at += 500) await store.journal.append(member, firsts.slice(at, at + 500));
    const ends = firsts
      .slice(0, ended)
      .map((first) => row(first, 2, { change: { status: "succeeded", finishedAt: createdAt + 1000 } }));
    for (let at = 0; at < ended; at += 500) await store.journal.append(member, ends.slice(at, at + 500));
    return firsts;
  }

  test("partitions are there for a week ahead, and are made again after a while without upkeep", async () => {
    const today = dayOf(now);
    expect(await partitions()).toEqual(Array.from({ length: 9 }, (_, i) => today - 1 + i));
    await client.query(`drop table entry_d${today + 5}`);
    expect(await stores[0]!.journal.makeRoom!()).toEqual({ strayRows: 0 });
    expect(await partitions()).toContain(today + 5);
  });

  test("a day that nobody made a partition for is told, and its few rows are moved while runs go on (F28)", async () => {
    const { journal } = stores[0]!;
    await client.query(`drop table entry_d${dayOf(now)}`);
    const runs = await runsAt(now, 20, 0);
    expect(await journal.makeRoom!()).toEqual({ strayRows: 20 });
    expect(await rows("select from entry_default")).toHaveLength(0);
    expect(await partitions()).toContain(dayOf(now));
    for (const run of runs) expect((await appendOne(journal, member, row(run, 2))).type).toBe("committed");
    expect(await bodies(journal, runs[0]!.runKey)).toHaveLength(2);
    expect(await journal.makeRoom!()).toEqual({ strayRows: 0 });
  });

  test("a day with too many rows to move stays in the default partition, is no endless retry, and goes run by run", async () => {
    const { journal } = stores[0]!;
    const past = now - 40 * DAY_MS;
    const [run] = await runsAt(past, 3, 2);
    await client.query(
      "insert into entry select $1, 900000000 + n, 1, 1, '1'::bytea from generate_series(1, $2::int) as n",
      [dayOf(past), MOVED_MAX],
    );
    for (let i = 0; i < 2; i++) expect(await journal.makeRoom!()).toEqual({ strayRows: MOVED_MAX + 1 });
    expect(await partitions()).not.toContain(dayOf(past));
    expect(await bodies(journal, run!.runKey)).toHaveLength(2);
    expect((await journal.prune(now - 30 * DAY_MS)).runs).toBe(2);
    const left = await rows("select count(*)::int as rows from entry_default where run_key < 900000000");
    expect(left).toEqual([{ rows: 1 }]);
  });

  test("rows of a day that is over are never deleted one by one: its partition is dropped behind its runs", async () => {
    const { journal } = stores[0]!;
    const [over, open] = [now - 50 * DAY_MS, now - 51 * DAY_MS];
    await runsAt(over, 40, 40);
    await runsAt(open, 40, 39);
    await journal.makeRoom!();
    await client.query(`
      create table deleted (run_day integer, run_key bigint);
      create function note() returns trigger language plpgsql as
        $$ begin insert into deleted values (old.run_day, old.run_key); return old; end $$;
      create trigger note before delete on entry for each row execute function note()`);
    expect((await journal.prune(now - 30 * DAY_MS)).runs).toBe(79);
    expect(await rows("select run_day as day, count(*)::int as rows from deleted group by 1")).toEqual([
      { day: dayOf(open), rows: 78 },
    ]);
    const left = await partitions();
    expect(left).not.toContain(dayOf(over));
    expect(left).toContain(dayOf(open));
    expect(await rows("select from run")).toHaveLength(1);
  });

  test("the workflow that keeps its runs longest keeps their day's partition, and nobody else's run in it", async () => {
    const { journal } = stores[0]!;
    const past = now - 50 * DAY_MS;
    await runsAt(past, 5, 5, "brief");
    const [kept] = await runsAt(past, 1, 1, "kept");
    await journal.makeRoom!();
    const own = [{ tenant: TENANT, workflow: "kept", finishedBefore: now - 90 * DAY_MS }];
    expect((await journal.prune(now - 30 * DAY_MS, { own })).runs).toBe(5);
    expect(await partitions()).toContain(dayOf(past));
    expect(await bodies(journal, kept!.runKey)).toHaveLength(2);
    expect((await journal.prune(now - 30 * DAY_MS)).runs).toBe(1);
    expect(await partitions()).not.toContain(dayOf(past));
  });

  test("processes that prune at once delete each run once and no open one, while others begin and end", async () => {
    const others = await Promise.all([start(), start()]);
    const all = [...stores];
    const past = now - 50 * DAY_MS;
    const runs = await runsAt(past, 3000, 2400);
    const second = await runsAt(past - DAY_MS, 1500, 1500);
    await stores[0]!.journal.makeRoom!();
    const working = (async () => {
      const mine = await join(others[0]!.journal);
      for (let i = 0; i < 30; i++) {
        const run = await created(others[0]!, mine, `live-${i}`);
        expect((await appendOne(others[0]!.journal, mine, row(run, 2, finish(others[0]!)))).type).toBe("committed");
      }
    })();
    const results = await Promise.all(all.map(({ journal }) => journal.prune(now - 30 * DAY_MS)));
    await working;
    expect(results.reduce((sum, { runs: count }) => sum + count, 0)).toBe(3900);
    expect(await rows("select count(*)::int as open from run where finished_at is null")).toEqual([{ open: 600 }]);
    expect(await rows("select count(*)::int as runs from run")).toEqual([{ runs: 630 }]);
    const entries = "select count(*)::int as rows from entry";
    expect(await rows(entries)).toEqual([{ rows: 600 + 60 }]);
    expect(await bodies(stores[0]!.journal, runs[2999]!.runKey)).toHaveLength(1);
    expect(await partitions()).not.toContain(dayOf(past - DAY_MS));
    expect(second).toHaveLength(1500);
  });
});
