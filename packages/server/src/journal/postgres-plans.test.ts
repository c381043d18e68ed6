import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectionConfig } from "./postgres-pool.ts";
import { CLAIM } from "./postgres-ownership.ts";
import { flushStatement } from "./postgres-sql.ts";
import { postgresJournal } from "./postgres.ts";
import { postgresForTests } from "./test-services.ts";

const service = await postgresForTests();
const url = "url" in service ? service.url : "";
const schema = `journal_plans_${process.pid}`;

/**
 * The hot statements are planned once a connection, on tables that may be empty then and hold millions later. So what is
 * asked of the plan is not its cost: every table is entered by the index that the statement relies on.
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

  async function planOf(text: string, parameters: number): Promise<string> {
    await client.query(`deallocate all; prepare statement as ${text}`);
    const nulls = Array.from({ length: parameters }, () => "null").join(", ");
    const { rows } = await client.query<{ "QUERY PLAN": string }>(`explain execute statement (${nulls})`);
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  }

  const scans = (plan: string): string[] => [...plan.matchAll(/Scan using (\w+) on (\w+)/g)].map(([, index]) => index!);

  test("a flush looks runs up by key, and reads no table from end to end", async () => {
    const all = {
      creations: true,
      keys: true,
      rows: true,
      changes: true,
      snapshots: true,
      payloads: true,
      inputs: true,
    };
    const statement = flushStatement(all);
    const plan = await planOf(statement.text, statement.parameters.length);
    expect(plan).not.toContain("Seq Scan");
    expect(plan).not.toContain("Hash Join");
    expect(new Set(scans(plan).filter((index) => index.startsWith("run_")))).toEqual(new Set(["run_pkey"]));
    expect(plan).toMatch(
      /Index Cond: \(\(run_day = run(_\d+)?\.run_day\) AND \(run_key = input_1\.run_key\) AND \(seq =/,
    );
  });

  test("a claim reads free runs in the order of their index, and stops", async () => {
    const plan = await planOf(CLAIM, 3);
    expect(plan).not.toContain("Seq Scan");
    expect(new Set(scans(plan).filter((index) => index.startsWith("run_")))).toEqual(new Set(["run_free", "run_pkey"]));
    expect(plan).toContain("Index Cond: ((owner IS NULL) AND (rank = class.class) AND (available_at <=");
  });
});
