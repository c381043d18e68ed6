import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PUT, READ, READ_LATELY } from "./postgres-inbox.ts";
import { BY_ID, BY_KEY, RUNS } from "./postgres-judge.ts";
import { CLAIM, RELEASE } from "./postgres-ownership.ts";
import { connectionConfig } from "./postgres-pool.ts";
import { DELETE, SCAN } from "./postgres-prune.ts";
import { HEADS, KNOWN, READ_RUNS } from "./postgres-queries.ts";
import { flushStatement } from "./postgres-sql.ts";
import { postgresJournal } from "./postgres.ts";
import { postgresForTests } from "./test-services.ts";

const service = await postgresForTests();
const url = "url" in service ? service.url : "";
const schema = `journal_plans_${process.pid}`;
const everything = flushStatement({
  creations: true,
  keys: true,
  rows: true,
  changes: true,
  snapshots: true,
  payloads: true,
  inputs: true,
});

/** Statement, number of parameters, and the scans that follow an order instead of a key. */
const STATEMENTS: readonly (readonly [string, string, number, readonly string[]])[] = [
  ["a flush", everything.text, everything.parameters.length, []],
  ["a claim", CLAIM, 2, []],
  ["a release", RELEASE, 5, []],
  ["an offer", PUT, 5, []],
  ["the inbox", READ, 2, ["inbox_pkey"]],
  ["a quick look into the inbox", READ_LATELY, 3, []],
  ["a judgement", RUNS, 2, []],
  ["a judgement by key", BY_KEY, 2, []],
  ["a judgement by id", BY_ID, 2, []],
  ["pruning", DELETE, 2, []],
  ["the walk of pruning", SCAN, 5, []],
  ["heads of runs", HEADS, 2, []],
  ["runs whole", READ_RUNS, 1, []],
  ["payloads that are known", KNOWN, 2, []],
];

/**
 * The statements are planned once a connection, on tables that may be empty then and hold millions later. So what is
 * asked of a plan is not its cost: every table that grows is entered through an index, at a key.
 */
describe.skipIf("skip" in service)(`plans on an empty database ${"skip" in service ? `(${service.skip})` : ""}`, () => {
  let client: pg.Client;
  beforeAll(async () => {
    await (await postgresJournal({ url, schema, renewal: "by hand" })).close();
    const options = { url, schema, size: 1, statementTimeoutMs: 5000, applicationName: "test" };
    client = new pg.Client(connectionConfig(options));
    await client.connect();
  });
  afterAll(async () => {
    await client.query(`drop schema ${schema} cascade`);
    await client.end();
  });

  async function planOf(text: string, parameters: number): Promise<string[]> {
    await client.query(`deallocate all; prepare statement as ${text}`);
    const nulls = Array.from({ length: parameters }, () => "null").join(", ");
    const { rows } = await client.query<{ "QUERY PLAN": string }>(`explain execute statement (${nulls})`);
    return rows.map((row) => row["QUERY PLAN"]);
  }

  test.each(STATEMENTS)("%s enters every table at a key", async (_name, text, parameters, ordered) => {
    const plan = await planOf(text, parameters);
    const astray = plan.filter((line, at) => {
      if (/(Seq Scan|Hash Join|Merge Join)/.test(line)) return !line.includes(" on worker");
      const index = /(?:Scan using|Bitmap Index Scan on) (\w+)/.exec(line)?.[1];
      return index !== undefined && !ordered.includes(index) && !plan[at + 1]?.includes("Index Cond");
    });
    expect(astray, plan.join("\n")).toEqual([]);
  });

  test.each([
    ["a flush", everything.text, everything.parameters.length],
    ["a release", RELEASE, 5],
    ["the inbox", READ, 2],
    ["a quick look into the inbox", READ_LATELY, 3],
  ] as const)("%s looks runs up by their key only", async (_name, text, parameters) => {
    const plan = (await planOf(text, parameters)).join("\n");
    expect(plan).toContain("run_pkey");
    expect(plan).not.toContain("run_free");
  });

  test.each([
    ["heads of runs", HEADS, 2],
    ["an offer", PUT, 5],
    ["a judgement by id", BY_ID, 2],
  ] as const)("%s finds a run by its id, not among all of its tenant", async (_name, text, parameters) => {
    const plan = (await planOf(text, parameters)).join("\n");
    expect(plan).toMatch(/Scan using run_id on run/);
    expect(plan).not.toMatch(/Scan using run_(created|workflow|open|bad) /);
  });

  test("a claim reads free runs in the order of their index, and stops at the limit", async () => {
    const plan = (await planOf(CLAIM, 2)).join("\n");
    expect(plan).toMatch(/Index Cond: \(\(owner IS NULL\) AND \(rank = class\.class\) AND \(available_at <= \$\d+\)\)/);
    expect(plan.match(/LockRows .*\n +-> {2}Index Scan using run_free/g)).toHaveLength(2);
  });
});
