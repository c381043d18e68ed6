import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { attacked, type Attacked } from "./server.ts";

const postgres = await testPostgres();

const STORES = [
  { store: "SQLite", skip: false },
  { store: "PostgreSQL", skip: postgres === null },
] as const;

/** Pieces of which statements are made, and what ends texts, numbers and names early in one database or another. */
const PIECES = [
  "'",
  "''",
  '"',
  '""',
  "`",
  ";",
  "--",
  "-- ",
  "/*",
  "*/",
  "#",
  "\\",
  "\\'",
  "%",
  "_",
  "(",
  ")",
  "$1",
  "?",
  ":a",
  "@@version",
  "$$",
  "\0",
  " or 1=1",
  "' or '1'='1",
  "'; drop table run; --",
  "'); delete from run; --",
  " union select name from run",
  "; select pg_sleep(9)",
  "' || (select 1) || '",
  "1e999",
  "-1",
  "null",
  "NaN",
  "0x27",
  "%27",
  "\u02bc",
  "＇",
  "\ud800",
  "x'41'",
  "E'\\x27'",
  "{}",
  "[]",
  "[*]",
  "$.a",
  "a.b",
  "tenant",
  "run_key",
  "created_at desc",
  "asc",
  "1",
  "failed",
  "open",
  "2026-01-01T00:00:00Z",
];
const attack = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(""));

describe.each(STORES)("A28 on $store no text of a caller becomes part of a statement", ({ store, skip }) => {
  let server: Attacked;
  let drop: () => unknown;
  let total = 0;
  beforeAll(async () => {
    if (skip) return;
    if (store === "SQLite") {
      const folder = mkdtempSync(join(tmpdir(), "weft-sql-"));
      drop = () => rmSync(folder, { recursive: true });
      server = await attacked({ store: folder });
    } else {
      const database = await postgres!.create();
      drop = () => database.drop();
      server = await attacked({ store: database.url });
    }
    await server.weft.workflows.publish("name: plain\nsteps:\n  - {id: a, type: answer, input: x}\n");
    for (let at = 0; at < 5; at++) {
      const { run } = await server.weft.runs.start({ workflow: "plain", id: `run-${at}` });
      await server.weft.runs.wait(run.id, { timeoutMs: 10_000 });
    }
    total = 5;
  });
  afterAll(async () => {
    if (skip) return;
    await server.close();
    await drop();
  });

  const query = (members: Readonly<Record<string, string>>): string =>
    `/api/runs?${new URLSearchParams({ ...members }).toString()}`;

  /** An answer that a table of rules has given, never one of a database. */
  function expectCalm(text: string, status: number): void {
    expect(status, text).toBeLessThan(500);
    expect(text).not.toMatch(
      /syntax error|SQLITE|near "|unrecognized token|relation |column .* does not exist|invalid input syntax|invalid byte/i,
    );
  }

  async function expectWhole(): Promise<void> {
    const { text } = await server.ask("GET", "/api/runs?limit=200");
    expect((JSON.parse(text) as { data: unknown[] }).data).toHaveLength(total);
  }

  test.skipIf(skip)("filters, times, limits, cursors and unknown fields of a list", async () => {
    const field = fc.constantFrom(
      "status",
      "workflow",
      "created_after",
      "created_before",
      "limit",
      "cursor",
      "sort",
      "order",
      "q",
      "tenant",
      "metadata",
    );
    await fc.assert(
      fc.asyncProperty(field, attack, async (name, text) => {
        const answer = await server.ask("GET", query({ [name]: text }));
        expectCalm(answer.text, answer.status);
        // What is a filter finds nothing by such a text, and never more than there is.
        if (answer.status === 200 && name === "workflow") expect(JSON.parse(answer.text)).toMatchObject({ data: [] });
      }),
      { numRuns: 150 },
    );
    await fc.assert(
      fc.asyncProperty(attack, attack, async (name, text) => {
        const answer = await server.ask("GET", query({ [name]: text }));
        expectCalm(answer.text, answer.status);
        expect(answer.status).toBe(400);
      }),
      { numRuns: 50 },
    );
    await expectWhole();
  });

  test.skipIf(skip)("cursors that were made of statements", async () => {
    for (const inner of [
      `{"createdAt":"0' or 1=1 --","runKey":1}`,
      '[1,"1) or (1=1"]',
      "1:1' or '1'='1",
      "-1:1e999",
      "null",
      "[[],{}]",
    ]) {
      for (const cursor of [Buffer.from(inner).toString("base64url"), Buffer.from(inner).toString("base64"), inner]) {
        const answer = await server.ask("GET", query({ cursor }));
        expectCalm(answer.text, answer.status);
      }
    }
    await expectWhole();
  });

  test.skipIf(skip)("ids in paths, of runs, tasks, workflows and versions", async () => {
    await fc.assert(
      fc.asyncProperty(attack, async (text) => {
        const name = encodeURIComponent(text.replaceAll("\ud800", "x"));
        for (const path of [
          `/api/runs/${name}`,
          `/api/tasks/${name}`,
          `/api/runs/${name}/events`,
          `/api/workflows/${name}`,
          `/api/workflows/${name}/versions`,
          `/api/workflows/plain?version=${name}`,
        ]) {
          const answer = await server.ask("GET", path);
          expectCalm(answer.text, answer.status);
          expect([path, answer.status >= 400]).toEqual([path, true]);
        }
        const cancelled = await server.json("POST", `/api/runs/${name}/cancel`, {});
        expectCalm(cancelled.text, cancelled.status);
      }),
      { numRuns: 40 },
    );
    await expectWhole();
  });

  test.skipIf(skip)("every member of a submission, metadata and inputs come back as they went in", async () => {
    await fc.assert(
      fc.asyncProperty(attack, attack, async (name, text) => {
        // Half a pair of surrogates is no text of a database; that is a matter of its own below.
        const [key, value] = [name.replaceAll("\ud800", "x"), text.replaceAll("\ud800", "x")];
        for (const body of [
          { workflow: value },
          { workflow: "plain", version: value },
          { workflow: "plain", id: value },
          { workflow: "plain", priority: value },
          { workflow: "plain", run_at: value },
          { [key]: value },
        ]) {
          const answer = await server.json("POST", "/api/runs", body);
          if (answer.status === 202) total++;
          expectCalm(answer.text, answer.status);
        }
        const answer = await server.ask("POST", "/api/runs", {
          headers: {
            "content-type": "application/json",
            "idempotency-key": value.replaceAll(/[^\x20-\x7e]/g, "x").trim() || "x",
          },
          body: JSON.stringify({ workflow: "plain", inputs: { [key]: value }, metadata: { [key]: value } }),
        });
        expectCalm(answer.text, answer.status);
        if (answer.status !== 202) return;
        total++;
        const { id } = JSON.parse(answer.text) as { id: string };
        const run = JSON.parse((await server.ask("GET", `/api/runs/${id}`)).text) as {
          metadata: unknown;
          inputs: unknown;
        };
        expect(run).toMatchObject({ metadata: { [key]: value }, inputs: { [key]: value } });
      }),
      { numRuns: 20 },
    );
    await expectWhole();
  });

  test.skipIf(skip)("half a pair of surrogates is refused or kept, and breaks nothing", async () => {
    const answer = await server.json(
      "POST",
      "/api/runs",
      '{"workflow":"plain","inputs":{"a":"\\ud800"},"metadata":{"a":"\\udfff"}}',
    );
    expectCalm(answer.text, answer.status);
    if (answer.status < 300) total++;
    await expectWhole();
  });

  test.skipIf(skip)("workflows and their names", async () => {
    await fc.assert(
      fc.asyncProperty(attack, async (text) => {
        const source = JSON.stringify({ name: text, version: text, steps: [{ id: "a", type: "answer", input: text }] });
        const answer = await server.json("PUT", "/api/workflows", source);
        expectCalm(answer.text, answer.status);
        const held = JSON.stringify({
          name: "held",
          steps: [{ id: "a", type: "answer", input: text }],
          concurrency: { key: text, limit: 1 },
        });
        const second = await server.json("PUT", "/api/workflows", held);
        expectCalm(second.text, second.status);
      }),
      { numRuns: 30 },
    );
    const { text } = await server.ask("GET", "/api/workflows/plain");
    expect(JSON.parse(text)).toMatchObject({ name: "plain" });
    await expectWhole();
  });
});
