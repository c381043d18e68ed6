import type { AddressInfo } from "node:net";
import pg from "pg";
import { afterEach, describe, expect, test } from "vitest";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { createApp } from "../../packages/server/src/http/app.ts";
import { openWeft, type Weft } from "../../packages/server/src/weft.ts";
import { said, telling, tokens } from "../streams/served.ts";

const postgres = await testPostgres();
const PROCESSES = 8;

/** Resolves when the answer is not null. */
async function until<T>(ask: () => Promise<T | null>, what: string, ms = 30_000): Promise<T> {
  for (const end = performance.now() + ms; ;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > end) throw new Error(`still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe.skipIf(!postgres)("connections to PostgreSQL", () => {
  const open: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0).toReversed()) await close();
  });

  async function freshDatabase(): Promise<{ readonly url: string; readonly look: pg.Client }> {
    const { url, drop } = await postgres!.create();
    open.push(drop);
    const look = new pg.Client({ connectionString: url, application_name: "the test" });
    await look.connect();
    open.push(() => look.end());
    return { url, look };
  }

  async function opened(
    url: string,
    name: string,
  ): Promise<{ readonly weft: Weft; readonly problems: string[]; gate: ReturnType<typeof tokens> }> {
    const gate = tokens();
    const problems: string[] = [];
    const weft = await openWeft({ store: url, name, nodes: [gate.node], problem: (message) => problems.push(message) });
    open.push(() => weft.close({ graceMs: 0 }));
    return { weft, problems, gate };
  }

  const COUNT = `
    select count(*)::int4 as all from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and application_name <> 'the test'`;

  test(`${PROCESSES} processes under load have at most 80 % of a server's hundred, from their start on`, async () => {
    const { url, look } = await freshDatabase();
    // The limit of the database stands for that of a server of its own.
    await look.query(`alter database ${new URL(url).pathname.slice(1)} connection limit 100`);
    let most = 0;
    const count = async (): Promise<number> => {
      const { rows } = await look.query<{ all: number }>(COUNT);
      most = Math.max(most, rows[0]!.all);
      return rows[0]!.all;
    };
    const processes = await Promise.all(Array.from({ length: PROCESSES }, (_, at) => opened(url, `process ${at}`)));
    await processes[0]!.weft.workflows.publish(telling("load", { count: 2, pace: 1 }));
    const load = new AbortController();
    const loads = processes.map(async ({ weft }) => {
      while (!load.signal.aborted) {
        const runs = await Promise.all(Array.from({ length: 20 }, () => weft.runs.start({ workflow: "load" })));
        await Promise.all([weft.runs.list({ limit: 20 }), weft.workflows.list(), weft.runs.stats()]);
        for (const { run } of runs) {
          const ended = await weft.runs.wait(run.id);
          expect(ended?.outputs).toEqual({ say: said(2, 20, 1).join("") });
        }
      }
    });
    for (const end = performance.now() + 6000; performance.now() < end;) await count();
    load.abort();
    await Promise.all(loads);
    expect(most).toBeGreaterThan(PROCESSES * 5);
    expect(most).toBeLessThanOrEqual(80);
    expect(processes.flatMap(({ problems }) => problems)).toEqual([]);
  });

  test("a process alone takes more, and gives it back when others come", async () => {
    const { url, look } = await freshDatabase();
    await look.query(`alter database ${new URL(url).pathname.slice(1)} connection limit 40`);
    const pools = poolsOf();
    const first = await opened(url, "first");
    const room = (): number => [...pools].reduce((sum, pool) => sum + pool.options.max, 0);
    const alone = await until(() => Promise.resolve(room() > 15 ? room() : null), "it has grown");
    await first.weft.workflows.publish(telling("load", { count: 2 }));
    await hold(pools, async () => undefined);
    const before = [...pools];
    const used = (): number => before.reduce((sum, pool) => sum + pool.totalCount, 0);
    expect(used()).toBe(alone);
    await opened(url, "second");
    await opened(url, "third");
    // 40 % of 80 for each of three is what each needs at least.
    await until(() => Promise.resolve(used() <= 6 ? used() : null), "it has given back what the others may have");
    const { run } = await first.weft.runs.start({ workflow: "load" });
    expect((await first.weft.runs.wait(run.id))?.status).toBe("succeeded");
  });

  test("with every connection held the API says so within a second, the lease is renewed, and all goes on after it (F20)", async () => {
    const { url, look } = await freshDatabase();
    const pools = poolsOf();
    const { weft, gate } = await opened(url, "held");
    const quiet = (): void => undefined;
    const app = createApp({
      weft,
      config: { host: "127.0.0.1", port: 0, bodyLimit: 100_000 },
      logger: { info: quiet, warn: quiet, error: quiet },
    });
    await app.listen();
    open.push(() => app.close());
    const address = `http://127.0.0.1:${(app.fastify.server.address() as AddressInfo).port}`;
    await weft.workflows.publish(telling("short", { count: 2 }));
    await weft.workflows.publish(telling("long", { count: 3, gate: 1 }));
    const submit = (id: string): Promise<Response> =>
      fetch(`${address}/api/runs`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ workflow: "short", id }),
      });
    expect((await submit("before")).status).toBe(202);
    await weft.runs.wait("before");
    await weft.runs.start({ workflow: "long", id: "midway" });
    await gate.arrived();
    const size = (): number => [...pools].reduce((sum, pool) => sum + pool.options.max, 0);
    await until(() => Promise.resolve(size() > 15 ? true : null), "the pools have grown");
    const lease = async (): Promise<number> =>
      Number((await look.query("select max(lease_until) as until from weft.worker where state = 0")).rows[0].until);
    await hold(pools, async () => {
      const before = await lease();
      for (const ask of [
        () => fetch(`${address}/api/runs/before-${Math.random()}`),
        () => fetch(`${address}/api/runs`),
        () => fetch(`${address}/api/workflows`),
        () => submit("during"),
        () => fetch(`${address}/api/runs/midway/cancel`, { method: "POST" }),
        () => fetch(`${address}/readyz`),
      ]) {
        const begun = performance.now();
        const answer = await ask();
        expect([answer.status, Number(answer.headers.get("retry-after")) > 0 || answer.url.endsWith("readyz")]).toEqual(
          [503, true],
        );
        // Within a second, and what a machine that is full adds.
        expect(performance.now() - begun).toBeLessThan(3000);
      }
      gate.open();
      // Longer than the lease: it is renewed on a connection of its own, or it would have ended.
      await until(async () => ((await lease()) > before + 12_000 ? true : null), "the lease is renewed");
    });
    expect((await weft.runs.wait("midway", { timeoutMs: 20_000 }))?.status).toBe("succeeded");
    expect((await submit("after")).status).toBe(202);
    expect((await weft.runs.wait("after", { timeoutMs: 20_000 }))?.status).toBe("succeeded");
    expect((await fetch(`${address}/api/runs/during`)).status).toBe(404);
    const { rows } = await look.query("select max(epoch) as epoch from weft.run where id = 'midway'");
    expect(Number(rows[0].epoch)).toBe(1);
  });

  /** The pools that are made from now on. */
  function poolsOf(): Set<pg.Pool> {
    const pools = new Set<pg.Pool>();
    const { connect } = pg.Pool.prototype;
    // Its only use is to know the pools: each is used while the store is opened.
    pg.Pool.prototype.connect = new Proxy(connect, {
      apply(target, pool: pg.Pool, args) {
        pools.add(pool);
        return Reflect.apply(target, pool, args);
      },
    });
    open.push(() => {
      pg.Pool.prototype.connect = connect;
      return Promise.resolve();
    });
    return pools;
  }

  /** Does something while all connections of the pools are in use. */
  async function hold(pools: ReadonlySet<pg.Pool>, work: () => Promise<void>): Promise<void> {
    // As many as there may be; they come to us as they become free.
    const clients = await Promise.all(
      [...pools].flatMap((pool) => Array.from({ length: pool.options.max }, () => pool.connect())),
    );
    try {
      await work();
    } finally {
      for (const client of clients) client.release();
    }
  }
});
