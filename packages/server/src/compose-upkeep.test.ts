import { afterEach, beforeEach, expect, test } from "vitest";
import { memoryBlobs } from "./blob/memory.ts";
import { openUpkeep, type Upkeep } from "./compose-upkeep.ts";
import { processClock } from "./db/database-clock.ts";
import { memoryDatabase } from "./db/database-sqlite.ts";
import type { Database } from "./db/database.ts";
import { appendOne, created, join, row, TENANT, type Opened } from "./journal/conformance/fixture.ts";
import { memoryJournal } from "./journal/memory.ts";
import { HandClock } from "./runtime/engine.testing.ts";
import { memoryStreamLog } from "./streamlog/memory.ts";

const DAY_MS = 24 * 3_600_000;
let clock: HandClock;
let database: Database;
let store: Opened;
let upkeep: Upkeep;
let problems: string[] = [];

beforeEach(async () => {
  clock = new HandClock();
  database = await memoryDatabase();
  const journal = memoryJournal({ now: () => clock.now() });
  store = { journal, now: () => clock.now(), advance: () => undefined, rowBytesMax: 1e6, close: () => journal.close() };
  problems = [];
  upkeep = openUpkeep({
    journal,
    database,
    blobs: memoryBlobs(),
    streamLog: memoryStreamLog(),
    clock,
    sqlClock: processClock(() => clock.now()),
    tenant: TENANT,
    keepMs: 30 * DAY_MS,
    problem: (message, error) => problems.push(`${message} ${String(error)}`),
  });
});
afterEach(async () => {
  await upkeep.close();
  await store.close();
  await database.close();
});

const metric = (name: string): number | undefined => {
  const line = upkeep.metrics.lines().find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.split(" ")[1]);
};

test("a process deletes what is past its time without being asked, each workflow by its own, and says so", async () => {
  const member = await join(store.journal);
  const at = clock.now() - 10 * DAY_MS;
  for (const workflow of ["brief", "plain"]) {
    const run = await created(store, member, workflow, { workflow, createdAt: at });
    await appendOne(store.journal, member, row(run, 2, { change: { status: "succeeded", finishedAt: at + 1000 } }));
  }
  const open = await created(store, member, "open", { workflow: "brief", createdAt: at });
  await upkeep.blobs.put(`${TENANT}/${"a".repeat(64)}`, Buffer.alloc(10));
  upkeep.start(async () => [{ workflow: "brief", keepMs: DAY_MS }]);
  expect(metric("weft_retention_lag_seconds")).toBeUndefined();

  await clock.advance(120_000);
  await expect.poll(() => metric("weft_retention_runs_total")).toBe(1);
  expect(await store.journal.head(TENANT, "brief")).toBeNull();
  expect(await store.journal.head(TENANT, "plain")).not.toBeNull();
  expect(await store.journal.head(TENANT, "open")).toMatchObject({ runKey: open.runKey });
  await expect.poll(() => metric("weft_retention_lag_seconds")).toBeLessThan(120);

  await clock.advance(2 * DAY_MS);
  await expect.poll(() => metric("weft_retention_objects_total")).toBe(1);
  await clock.advance(30 * DAY_MS);
  await expect.poll(() => metric("weft_retention_runs_total")).toBe(2);
  expect(problems).toEqual([]);
});
