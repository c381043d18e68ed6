import pg, { type PoolClient, type QueryResultRow } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { created, finish, join, row, appendOne, TENANT, type Opened } from "./conformance/fixture.ts";
import { CLAIM } from "./postgres-ownership.ts";
import { connectionConfig, PostgresPool, type Query } from "./postgres-pool.ts";
import { PostgresQueries } from "./postgres-queries.ts";
import { postgresJournal } from "./postgres.ts";
import { postgresForTests } from "./test-services.ts";

const service = await postgresForTests();
const url = "url" in service ? service.url : "";
const schema = `journal_flat_${process.pid}`;
const config = { url, schema, size: 1, statementTimeoutMs: 30_000, applicationName: "test" };
const FINISHED = 60_000;
const DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;

interface Explained {
  readonly "Shared Hit Blocks": number;
  readonly "Shared Read Blocks": number;
}

/** Instead of its answer, a statement tells how many blocks it looked at; what it did is taken back. */
class CountingPool extends PostgresPool {
  blocks = 0;

  override async query<R extends QueryResultRow>({ text, values }: Query): Promise<R[]> {
    return this.use(async (client: PoolClient) => {
      await client.query("begin");
      const explain = `explain (analyze, buffers, timing off, format json) ${text}`;
      const { rows } = await client.query<{ "QUERY PLAN": readonly [{ readonly Plan: Explained }] }>(explain, [
        ...(values ?? []),
      ]);
      await client.query("rollback");
      const { Plan } = rows[0]!["QUERY PLAN"][0];
      this.blocks += Plan["Shared Hit Blocks"] + Plan["Shared Read Blocks"];
      return [];
    });
  }
}

/**
 * How much the hot statements read with few and with many finished runs beside the same open ones (F31). Blocks are
 * counted and not time: they say the same on every machine.
 */
describe.skipIf("skip" in service)(`with many finished runs ${"skip" in service ? `(${service.skip})` : ""}`, () => {
  let client: pg.Client;
  let store: Opened;
  let pool: CountingPool;
  let workerKey: number;
  const before = new Map<string, number>();

  beforeAll(async () => {
    const journal = await postgresJournal({ url, schema, renewal: "by hand" });
    store = { journal, now: Date.now, advance: () => undefined, rowBytesMax: 1e6, close: () => journal.close() };
    client = new pg.Client(connectionConfig(config));
    await client.connect();
    const dead = await join(journal);
    for (let i = 0; i < 40; i++) {
      const run = await created(store, dead, `run-${i}`);
      if (i >= 20) await appendOne(journal, dead, row(run, 2, finish(store)));
    }
    await dead.leave();
    ({ workerKey } = await join(journal));
    pool = new CountingPool(config);
  });
  afterAll(async () => {
    await pool.close();
    await store.close();
    await client.query(`drop schema ${schema} cascade`);
    await client.end();
  });

  const queries = (): PostgresQueries => new PostgresQueries(pool);
  const STATEMENTS: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["a claim", () => pool.query({ text: CLAIM, values: [workerKey, 64] })],
    ["a page of runs", () => queries().find({ tenant: TENANT, limit: 20 })],
    ["a page of open runs", () => queries().find({ tenant: TENANT, limit: 20, status: ["pending", "running"] })],
    ["a page of a workflow", () => queries().find({ tenant: TENANT, limit: 20, workflow: "flow_0" })],
    ["a run by its id", () => queries().head(TENANT, "run-3")],
    ["the rows of a run", async () => queries().read((await store.journal.head(TENANT, "run-3"))!.runKey, {})],
  ];

  async function blocksOf(statement: () => Promise<unknown>): Promise<number> {
    // Once for what a connection reads only the first time.
    await statement();
    pool.blocks = 0;
    await statement();
    return pool.blocks;
  }

  test("every statement reads something with 20 finished runs", async () => {
    for (const [name, statement] of STATEMENTS) before.set(name, await blocksOf(statement));
    expect([...before.values()].every((blocks) => blocks > 0)).toBe(true);
  });

  test(`${FINISHED} more of ${DAYS} days are written`, async () => {
    const today = Math.floor(Date.now() / DAY_MS);
    const { rows } = await client.query<{ columns: string }>(
      "select string_agg(column_name, ', ' order by ordinal_position) as columns from information_schema.columns where table_schema = $1 and table_name = 'run'",
      [schema],
    );
    const columns = rows[0]!.columns;
    const made: Record<string, string> = {
      run_key: "1000000 + n",
      run_day: `${today} - n % ${DAYS}`,
      id: "'many-' || n",
      created_at: `(${today}::int8 - n % ${DAYS}) * ${DAY_MS} + n`,
      idempotency_key: "null",
    };
    const values = columns.split(", ").map((name) => made[name] ?? `ended.${name}`);
    await client.query(
      `insert into run (${columns}) select ${values.join(", ")}
       from (select * from run where finished_at is not null limit 1) as ended, generate_series(1, ${FINISHED}) as n`,
    );
    const written = await client.query(
      `insert into entry (run_day, run_key, seq, epoch, body)
       select ${today} - n % ${DAYS}, 1000000 + n, 1, 1, '1[]'::bytea from generate_series(1, ${FINISHED}) as n`,
    );
    expect(written.rowCount).toBe(FINISHED);
  });

  test.each(STATEMENTS)("%s reads at most twice as much", async (name, statement) => {
    const blocks = await blocksOf(statement);
    // An index of this many runs is two levels deeper; a page of it reads a block or two a run.
    expect(blocks, `${before.get(name)} blocks before, ${blocks} now`).toBeLessThanOrEqual(before.get(name)! * 2 + 10);
  });
});
