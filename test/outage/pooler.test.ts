import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { PostgresListener } from "../../packages/server/src/connections/listener.ts";
import { Way } from "../../packages/server/src/connections/way.ts";
import { PostgresPool } from "../../packages/server/src/journal/postgres-pool.ts";
import { postgresJournal } from "../../packages/server/src/journal/postgres.ts";
import { POLL_MS_MAX } from "../../packages/server/src/runtime/claims.ts";
import { openWeft, type Weft } from "../../packages/server/src/weft.ts";
import { ownPgbouncer, type OwnService } from "../services.ts";
import * as through from "./pooled.testing.ts";

/** The spread of the pauses between two looks of an owner. */
const LONGEST_PAUSE = 1.5;
/** What a busy machine adds, and the look of who waits. */
const BUSY_MS = 1500;
const until = (condition: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(condition, { timeout: 30_000, interval: 50 });

const pooled = await through.pooledForTests();
const behind = (url: string, pooler: OwnService = pooled!.pooler): string => through.behind(url, pooler);

describe.skipIf(!pooled)("behind a pooler of transactions (F30)", () => {
  beforeAll(() => pooled?.pooler.start());
  afterAll(() => pooled?.pooler.remove());
  const open: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0).toReversed()) await close();
  });

  async function freshDatabase(): Promise<string> {
    const { url, drop } = await pooled!.postgres.create();
    open.push(drop);
    return url;
  }

  function poolOf(url: string, told: string[] = []): PostgresPool {
    const way = new Way({ url, problem: (message) => told.push(message) });
    const options = { url, schema: "weft", size: 4, statementTimeoutMs: 5000, applicationName: "test", way };
    const pool = new PostgresPool(options);
    open.push(() => pool.close());
    return pool;
  }

  async function listening(url: string, told: string[]): Promise<PostgresListener> {
    const listener = new PostgresListener({
      connection: { connectionString: url, options: "-c synchronous_commit=off", connectionTimeoutMillis: 2000 },
      channels: ["one"],
      onNotification: (payload) => told.push(payload),
      onUp: () => told.push("up"),
      onDeaf: () => told.push("deaf"),
    });
    open.push(() => listener.close());
    listener.start();
    await until(() => expect(told).not.toEqual([]));
    return listener;
  }

  async function notify(url: string): Promise<void> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query("select pg_notify('one', 'a word')");
    await client.end();
  }

  test("a server is told from a pooler, also where only bytes are passed on", async () => {
    const url = await freshDatabase();
    const ways = [new Way({ url }), new Way({ url: behind(url) })];
    for (const way of ways) await way.look();
    expect(ways.map((way) => way.isPooled)).toEqual([false, true]);
  });

  test("prepared statements lose their names at the first that is not known, which is told once and fails nothing", async () => {
    const url = behind(await freshDatabase());
    const told: string[] = [];
    const pool = poolOf(url, told);
    const ask = (value: number) =>
      pool.query<{ one: number }>({ name: "one", text: "select $1::int4 as one", values: [value] });
    for (let round = 0; round < 20; round++) {
      const answers = await Promise.all([1, 2, 3, 4].map((value) => ask(value)));
      expect(answers.flat().map(({ one }) => one)).toEqual([1, 2, 3, 4]);
    }
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/prepared statements/);
  });

  test("a statement of another text under the same name is not met", async () => {
    const url = behind(await freshDatabase());
    const [mine, others] = [poolOf(url), poolOf(url)];
    for (let round = 0; round < 10; round++) {
      const [a] = await mine.query<{ is: string }>({
        name: "who",
        text: "select $1::text || ' mine' as is",
        values: ["a"],
      });
      const [b] = await others.query<{ is: string }>({
        name: "who",
        text: "select $1::text || ' other' as is",
        values: ["b"],
      });
      expect([a, b]).toEqual([{ is: "a mine" }, { is: "b other" }]);
    }
  });

  test("settings go with the transaction, and none is left on a session that others get", async () => {
    const url = behind(await freshDatabase());
    const pool = poolOf(url);
    const plain = new pg.Client({ connectionString: url });
    await plain.connect();
    open.push(() => plain.end());
    const settings = "select current_setting('search_path') as path, current_setting('enable_seqscan') as scan";
    for (let round = 0; round < 5; round++) {
      expect(await pool.query({ text: settings })).toEqual([{ path: "weft", scan: "off" }]);
      expect((await plain.query(settings)).rows).toEqual([{ path: '"$user", public', scan: "on" }]);
    }
  });

  test("what listens is told that it is deaf, and hears by way of the server itself", async () => {
    const url = await freshDatabase();
    const [deaf, heard]: [string[], string[]] = [[], []];
    const listener = await listening(behind(url), deaf);
    await listening(url, heard);
    await notify(behind(url));
    await until(() => expect(heard).toEqual(["up", "a word"]));
    expect(deaf).toEqual(["deaf"]);
    expect(listener.connection).toBeNull();
  });

  test("a pooler of sessions lets what listens hear", async () => {
    const url = await freshDatabase();
    const sessions = await ownPgbouncer({ server: url, settings: { pool_mode: "session" } });
    open.push(() => sessions.remove());
    await sessions.start();
    const heard: string[] = [];
    await listening(behind(url, sessions), heard);
    await notify(url);
    await until(() => expect(heard).toEqual(["up", "a word"]));
  });

  test("the lease is renewed for longer than it lasts", async () => {
    const journal = await postgresJournal({ url: behind(await freshDatabase()) });
    open.push(() => journal.close());
    const member = await journal.join({ name: "worker", incarnation: "1", pid: process.pid, leaseMs: 6000 });
    const first = member.deadline();
    await until(() => expect(member.deadline()).toBeGreaterThan(first + 6000));
    expect(performance.now()).toBeLessThan(member.deadline());
  });

  /** Two processes on the database: one that answers and leaves the rest to the other. */
  async function two(url: string, listenUrl?: string): Promise<{ readonly asked: Weft; readonly problems: string[] }> {
    const problems: string[] = [];
    const common = {
      store: url,
      problem: (message: string) => void problems.push(message),
      ...(listenUrl === undefined ? {} : { listenUrl }),
    };
    const asked = await openWeft({ ...common, name: "asked", own: false, serves: [] });
    open.push(() => asked.close({ graceMs: 0 }));
    const works = await openWeft({ ...common, name: "works" });
    open.push(() => works.close({ graceMs: 0 }));
    await asked.workflows.publish("name: short\nsteps:\n  - id: said\n    type: template\n    template: done\n");
    return { asked, problems };
  }

  async function endOf({ runs }: Weft): Promise<string | undefined> {
    const { run } = await runs.start({ workflow: "short" });
    return (await runs.wait(run.id))?.status;
  }

  test("runs of one process are done by another, and what is missing is told once by each", async () => {
    const { asked, problems } = await two(behind(await freshDatabase()));
    for (let count = 0; count < 20; count++) expect(await endOf(asked)).toBe("succeeded");
    await until(() => expect(problems.filter((one) => one.includes("WEFT_DATABASE_LISTEN_URL"))).toHaveLength(2));
    expect(problems.filter((one) => !/WEFT_DATABASE_LISTEN_URL|prepared statements/.test(one))).toEqual([]);
    expect(problems.filter((one) => one.includes("prepared statements")).length).toBeLessThanOrEqual(2);
  });

  test("a run that nobody is told of is found at the next look, also where none was for some time", async () => {
    const { asked, problems } = await two(behind(await freshDatabase()));
    await until(() => expect(problems.filter((one) => one.includes("WEFT_DATABASE_LISTEN_URL"))).toHaveLength(2));
    // The pauses between looks have grown to their longest.
    await new Promise((resolve) => setTimeout(resolve, 2 * POLL_MS_MAX));
    const { run } = await asked.runs.start({ workflow: "short" });
    const ended = await asked.runs.wait(run.id, { timeoutMs: POLL_MS_MAX * LONGEST_PAUSE + BUSY_MS });
    expect(ended?.status).toBe("succeeded");
  });

  test("with an address of its own to listen nothing is missing", async () => {
    const url = await freshDatabase();
    const { asked, problems } = await two(behind(url), url);
    for (let count = 0; count < 5; count++) expect(await endOf(asked)).toBe("succeeded");
    expect(problems.filter((one) => one.includes("WEFT_DATABASE_LISTEN_URL"))).toEqual([]);
  });

  test("the pooler is killed and started again while runs are submitted, and all of them end", async () => {
    const url = await freshDatabase();
    const own = await ownPgbouncer({ server: url });
    open.push(() => own.remove());
    await own.start();
    const { asked } = await two(behind(url, own));
    expect(await endOf(asked)).toBe("succeeded");
    const ends = Array.from({ length: 20 }, () => endOf(asked));
    await own.restart("kill");
    expect(await Promise.all(ends)).toEqual(ends.map(() => "succeeded"));
  });
});
