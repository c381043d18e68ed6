import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { appendOne, bodies, created, creation, finish, join, LEASE_MS, row, TENANT } from "./conformance/fixture.ts";
import type { Opened } from "./conformance/fixture.ts";
import type { Journal } from "./journal.ts";
import type { PostgresJournalOptions } from "./postgres.ts";
import { postgresJournal } from "./postgres.ts";
import { postgresForTests, startProxy } from "./test-services.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const service = await postgresForTests();
const url = "url" in service ? service.url : "";
const schema = `journal_faults_${process.pid}`;

/** Faults of the database and of the way to it: F15 to F18, F27 to F29, F35, and the lease (F4, F5, F20). */
describe.skipIf("skip" in service)(`PostgreSQL in trouble ${"skip" in service ? `(${service.skip})` : ""}`, () => {
  let client: pg.Client;
  let ids = 0;
  const open: Journal[] = [];

  async function start(options: Partial<PostgresJournalOptions> = {}): Promise<Opened> {
    const journal = await postgresJournal({ url, schema, ...options });
    open.push(journal);
    return { journal, now: Date.now, advance: () => undefined, rowBytesMax: 1e6, close: () => journal.close() };
  }

  /** An id of its own for each run: the tests share a schema. */
  const id = (): string => `run_${++ids}`;

  beforeAll(async () => {
    await (await start()).close();
    client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
    await client.connect();
  });
  afterAll(async () => {
    await Promise.all(open.map((journal) => journal.close()));
    await client.query(`drop schema ${schema} cascade`);
    await client.end();
  });

  test("a connection lost behind the commit: the flush is repeated and stored once (F17)", async () => {
    const proxy = await startProxy(url);
    const store = await start({ url: proxy.url, renewal: "by hand" });
    const member = await join(store.journal);
    const first = await created(store, member, id());
    proxy.swallowNextAnswer();
    expect((await appendOne(store.journal, member, row(first, 2))).type).toBe("committed");
    expect(proxy.swallowed()).toBe(1);
    expect(await bodies(store.journal, first.runKey)).toHaveLength(2);
    proxy.swallowNextAnswer();
    const batch = await Promise.all(Array.from({ length: 10 }, () => creation(store, id())));
    const verdicts = await store.journal.append(member, batch);
    expect(new Set(verdicts.map(({ type }) => type))).toEqual(new Set(["committed"]));
    expect(proxy.swallowed()).toBe(2);
    await store.close();
    await proxy.close();
  });

  test("a claim whose answer is lost says so, and `owned` tells what it took", async () => {
    const proxy = await startProxy(url);
    const store = await start({ url: proxy.url, renewal: "by hand" });
    const old = await join(store.journal);
    const first = await created(store, old, id());
    await store.journal.release(old, [{ runKey: first.runKey, epoch: 1, availableAt: 0 }]);
    const member = await join(store.journal);
    await store.journal.claim(member, 0);
    proxy.swallowNextAnswer(2);
    await expect(store.journal.claim(member, 500)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    const owned = await store.journal.owned(member);
    expect(owned).toContainEqual({ runKey: first.runKey, epoch: 2 });
    expect(
      await store.journal.release(
        member,
        owned.map((run) => ({ ...run, availableAt: null })),
      ),
    ).toBe(owned.length);
    await store.close();
    await proxy.close();
  });

  test("serialization errors and deadlocks are repeated, invisible to runs (F29)", async () => {
    const store = await start({ renewal: "by hand" });
    const member = await join(store.journal);
    await client.query(`
      create or replace function sometimes_fail() returns trigger language plpgsql as $$ begin
        if random() < 0.1 then raise exception 'a test said so' using errcode = '40001'; end if;
        if random() < 0.1 then raise exception 'a test said so' using errcode = '40P01'; end if;
        return null; end $$;
      create trigger sometimes_fail after insert on entry_default for each statement execute function sometimes_fail();
      create trigger sometimes_fail after update on counter for each statement execute function sometimes_fail();`);
    for (let flush = 0; flush < 40; flush++) {
      const batch = await Promise.all(Array.from({ length: 4 }, () => creation(store, id())));
      const verdicts = await store.journal.append(member, batch);
      expect(new Set(verdicts.map(({ type }) => type))).toEqual(new Set(["committed"]));
    }
    await client.query("drop function sometimes_fail() cascade");
  });

  test("a table lock is a typed error, and work goes on when it ends (F27)", async () => {
    const store = await start({ renewal: "by hand", statementTimeoutMs: 100 });
    const member = await join(store.journal);
    const first = await created(store, member, id());
    await client.query("begin; lock table run in access exclusive mode");
    const append = row(first, 2);
    await expect(appendOne(store.journal, member, append)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(store.journal.head(TENANT, "x")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await client.query("rollback");
    expect((await appendOne(store.journal, member, append)).type).toBe("committed");
  });

  test("a server that is not there is a typed error", async () => {
    const nobody = "postgres://postgres@127.0.0.1:1/postgres";
    await expect(postgresJournal({ url: nobody, schema })).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  test("a row that the server refuses is refused alone (F35)", async () => {
    const store = await start({ renewal: "by hand" });
    const member = await join(store.journal);
    const firsts = await Promise.all(Array.from({ length: 64 }, () => creation(store, id())));
    await store.journal.append(member, firsts);
    const batch = firsts.map((first, at) =>
      at % 31 === 5 ? row(first, 2, { change: { status: "failed", errorCode: "nul\u0000" } }) : row(first, 2),
    );
    const verdicts = await store.journal.append(member, batch);
    expect(verdicts.flatMap(({ type }, at) => (type === "committed" ? [] : [[at, type]]))).toEqual([
      [5, "refused"],
      [36, "refused"],
    ]);
  });

  test("a flush that waits behind a takeover is fenced by it (F4, F16)", async () => {
    const store = await start({ renewal: "by hand" });
    const member = await join(store.journal);
    const first = await created(store, member, id());
    await client.query("begin");
    await client.query("select from worker where worker_key = $1 for update", [member.workerKey]);
    const late = appendOne(store.journal, member, row(first, 2));
    await waitFor(async () => (await waiting()) > 0);
    await client.query("update worker set state = 1 where worker_key = $1", [member.workerKey]);
    await client.query("update run set epoch = epoch + 1 where run_key = $1", [first.runKey]);
    await client.query("commit");
    expect(await late).toEqual({ type: "fenced" });
    expect(await bodies(store.journal, first.runKey)).toHaveLength(1);
  });

  test("a worker leaves behind its own flushes: nothing of it is stored after another one has its runs (I4)", async () => {
    const store = await start({ renewal: "by hand" });
    const member = await join(store.journal);
    await client.query("begin; select from worker for key share");
    let left = false;
    const leaving = member.leave().then(() => {
      left = true;
      return left;
    });
    await waitFor(async () => (await waiting()) > 0);
    expect(left).toBe(false);
    await client.query("commit");
    expect(await leaving).toBe(true);
  });

  test("a takeover passes over a worker with a flush under way, and takes it the next time (F15)", async () => {
    const store = await start({ renewal: "by hand" });
    const dead = await join(store.journal);
    const first = await created(store, dead, id());
    const member = await join(store.journal);
    await client.query("update worker set lease_until = 0 where worker_key = $1", [dead.workerKey]);
    const slow = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
    await slow.connect();
    await slow.query("begin; select from worker for key share");
    const before = await store.journal.claim(member, 500);
    expect(before.some(({ runKey }) => runKey === first.runKey)).toBe(false);
    await slow.query("commit");
    await slow.end();
    const heads = await store.journal.claim(member, 500);
    expect(heads.find(({ runKey }) => runKey === first.runKey)).toMatchObject({ epoch: 2, crashCount: 1 });
  });

  test("two processes that take over from the same dead worker share its runs (F16)", async () => {
    const [one, two] = [await start({ renewal: "by hand" }), await start({ renewal: "by hand" })];
    const dead = await join(one.journal);
    const batch = await Promise.all(Array.from({ length: 300 }, () => creation(one, id())));
    await one.journal.append(dead, batch);
    const members = [await join(one.journal), await join(two.journal)] as const;
    await client.query("update worker set lease_until = 0 where worker_key = $1", [dead.workerKey]);
    const claimed: number[] = [];
    for (let round = 0; round < 20; round++) {
      const heads = await Promise.all([
        one.journal.claim(members[0], 64),
        two.journal.claim(members[1], 64),
        one.journal.claim(members[0], 64),
      ]);
      claimed.push(...heads.flat().map(({ runKey }) => runKey));
    }
    expect(new Set(claimed).size).toBe(claimed.length);
    expect(batch.every(({ runKey }) => claimed.includes(runKey))).toBe(true);
  });

  test("rows of a day without a partition go to the default one, and are moved when it is made (F28)", async () => {
    const store = await start({ renewal: "by hand" });
    const member = await join(store.journal);
    const first = await created(store, member, id(), { createdAt: Date.now() - 50 * DAY_MS });
    const stray = async () => (await client.query("select from entry_default")).rowCount;
    expect(await stray()).toBe(1);
    await store.journal.prune(0);
    expect(await stray()).toBe(0);
    expect((await appendOne(store.journal, member, row(first, 2))).type).toBe("committed");
    expect(await bodies(store.journal, first.runKey)).toEqual([first.body, row(first, 2).body]);
  });

  test("retention drops the partitions of days whose runs have all ended, and no other", async () => {
    const store = await start({ renewal: "by hand" });
    const member = await join(store.journal);
    const [kept, gone] = [Date.now() - 70 * DAY_MS, Date.now() - 80 * DAY_MS];
    const waits = await created(store, member, id(), { createdAt: kept });
    const runs = [kept, kept, gone, gone].map((createdAt) => created(store, member, id(), { createdAt }));
    for (const run of await Promise.all(runs)) {
      await appendOne(store.journal, member, row(run, 2, { change: { status: "succeeded", finishedAt: kept } }));
    }
    await store.journal.prune(0);
    const partitions = async () =>
      (
        await client.query<{ name: string }>(
          "select relname as name from pg_class where relname ~ '^entry_d\\d+$' and relkind = 'r' and relnamespace = current_schema()::regnamespace",
        )
      ).rows.map(({ name }) => name);
    const nameOf = (time: number): string => `entry_d${Math.floor(time / DAY_MS)}`;
    expect(await partitions()).toEqual(expect.arrayContaining([nameOf(kept), nameOf(gone)]));
    expect((await store.journal.prune(Date.now() - 60 * DAY_MS)).runs).toBe(4);
    const left = await partitions();
    expect(left).toContain(nameOf(kept));
    expect(left).not.toContain(nameOf(gone));
    expect(await bodies(store.journal, waits.runKey)).toHaveLength(1);
  });

  test("a lease is kept by its own thread while the event loop stands still (F5)", async () => {
    const store = await start({ heartbeatMs: 100 });
    const member = await store.journal.join({ name: "busy", incarnation: "1", pid: process.pid, leaseMs: 6000 });
    expect(member.deadline() - performance.now()).toBeLessThanOrEqual(4000);
    const first = await created(store, member, id());
    const until = performance.now() + 6500;
    while (performance.now() < until);
    expect(member.deadline()).toBeGreaterThan(performance.now());
    expect((await appendOne(store.journal, member, row(first, 2))).type).toBe("committed");
    await member.leave();
    expect(member.deadline()).toBe(Number.NEGATIVE_INFINITY);
  });

  test("a lease connection that breaks is replaced before the deadline (F20)", async () => {
    const store = await start({ heartbeatMs: 100 });
    const member = await store.journal.join({ name: "cut", incarnation: "1", pid: process.pid, leaseMs: 4000 });
    const renewals = async () =>
      Number(
        (await client.query("select lease_until from worker where worker_key = $1", [member.workerKey])).rows[0]
          .lease_until,
      );
    const joined = await renewals();
    await waitFor(async () => (await renewals()) > joined);
    await client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query like '%lease_until = now_ms()%' and pid <> pg_backend_pid()",
    );
    const cut = await renewals();
    await waitFor(async () => (await renewals()) > cut);
    expect(member.deadline()).toBeGreaterThan(performance.now());
    await member.leave();
  });

  test("a worker whose lease was taken away learns it, and nothing it sends is stored (F4)", async () => {
    const store = await start({ heartbeatMs: 50 });
    const member = await join(store.journal);
    const first = await created(store, member, id());
    await client.query("update worker set state = 1 where worker_key = $1", [member.workerKey]);
    await waitFor(async () => member.deadline() === Number.NEGATIVE_INFINITY);
    expect(await appendOne(store.journal, member, row(first, 2))).toEqual({ type: "fenced" });
    expect(await bodies(store.journal, first.runKey)).toHaveLength(1);
  });

  test("a worker that is late but was not taken over goes on", async () => {
    const store = await start({ renewal: "by hand" });
    const member = (await join(store.journal)) as Awaited<ReturnType<typeof join>> & { renew(): Promise<boolean> };
    const first = await created(store, member, id());
    await client.query("update worker set lease_until = now_ms() - 1 where worker_key = $1", [member.workerKey]);
    expect(await appendOne(store.journal, member, row(first, 2))).toEqual({ type: "fenced" });
    expect(await member.renew()).toBe(true);
    expect((await appendOne(store.journal, member, row(first, 2))).type).toBe("committed");
    expect((await appendOne(store.journal, member, row(first, 3, finish(store)))).type).toBe("committed");
    expect(LEASE_MS).toBe(12_000);
  });

  async function waiting(): Promise<number> {
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    const { rowCount } = await other.query(
      "select from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'member|set state' and pid <> pg_backend_pid()",
    );
    await other.end();
    return rowCount ?? 0;
  }
});

/** Asks again until it is so. The database gives no sign that could be waited for. */
async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > until) throw new Error("what was waited for did not happen");
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
}
