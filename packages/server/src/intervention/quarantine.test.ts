import { AppError, type Json } from "@weftwork/core";
import { afterEach, expect, test } from "vitest";
import { memoryDatabase } from "../db/database-sqlite.ts";
import type { Database } from "../db/database.ts";
import { CRASHES_MAX } from "../runtime/claims.ts";
import { LEASE_MS, TestBench, type TestProcess } from "../runtime/engine.testing.ts";
import { DeadLetterTable } from "./dead-letter-table.ts";
import { DeadLetters } from "./dead-letters.ts";

const TENANT = "acme";
const damage = new AppError("RUN_DAMAGED", { reason: "its row 1 changed" });
const databases: Database[] = [];
afterEach(async () => void (await Promise.all(databases.splice(0).map((one) => one.close()))));

async function lettersOf(bench: TestBench, { engine }: TestProcess): Promise<DeadLetters> {
  const database = await memoryDatabase();
  databases.push(database);
  return new DeadLetters({
    journal: bench.journal,
    table: new DeadLetterTable(database, TENANT, bench.clock.now),
    runs: engine.runs,
    tenant: TENANT,
  });
}

/** Starts processes one after the other, each when the lease of the one before has ended, until one lives on. */
async function owners(bench: TestBench, count: number): Promise<TestProcess> {
  let last!: TestProcess;
  for (let i = 0; i < count; i++) {
    await bench.clock.advance(LEASE_MS + 1001);
    last = await bench.start();
    // Whoever was held back has had its turn by then, while the lease of its owner holds.
    await bench.clock.advance(5000);
  }
  return last;
}

test("a poison run is set aside after five owners, the other runs of those owners end, and it is a dead letter (F8)", async () => {
  const bench = new TestBench();
  const process = await bench.start();
  await bench.publish(process, {
    name: "poison",
    steps: [
      { id: "ok", type: "step" },
      { id: "bomb", type: "step", depends_on: ["ok"] },
    ],
  });
  await bench.publish(process, {
    name: "long",
    steps: Array.from({ length: 9 }, (_, index) => ({
      id: `s${index}`,
      type: "step",
      ...(index > 0 ? { depends_on: [`s${index - 1}`] } : {}),
    })),
  });
  // Each owner does one step of the long runs, and then falls over the bomb.
  const done = new Map<TestProcess, number>();
  bench.onCall = (node, by) => {
    if (node === "bomb") {
      if (isMended) return;
      bombs += 1;
      by.crash();
    } else if (node !== "ok") done.set(by, (done.get(by) ?? 0) + 1);
  };
  let [bombs, isMended] = [0, false];
  void process.engine.runs.start({ workflow: "long", id: "other" });
  void process.engine.runs.start({ workflow: "poison", id: "bad", inputs: { n: 1 } });
  await bench.clock.advance(10);
  const last = await owners(bench, CRASHES_MAX + 2);
  expect(bombs).toBe(CRASHES_MAX);
  expect(await last.engine.runs.get("other")).toMatchObject({ status: "succeeded" });
  const letters = await lettersOf(bench, last);
  const { data } = await letters.list({ limit: 10, quarantined: true });
  expect(data).toMatchObject([{ id: "bad", error_code: "RUN_QUARANTINED", quarantined: true, state: "open" }]);
  expect((await letters.list({ limit: 10, quarantined: false })).data).toEqual([]);
  expect(await letters.get("bad")).toMatchObject({
    inputs: { n: 1 },
    error: { code: "RUN_QUARANTINED", message: expect.stringContaining("5 crashes"), step: null },
    failed_step: { id: "bomb", status: "cancelled" },
    steps: [{ id: "ok", status: "succeeded" }, { id: "bomb" }],
  });
  // Mended: the retry begins at the step it was at, and takes over what was done.
  isMended = true;
  const again = await letters.retry("bad");
  expect(again).toMatchObject({ reused: 1, recomputed: ["root/bomb"] });
  await bench.clock.advance(100);
  expect(await last.engine.runs.get(again.run.id)).toMatchObject({ status: "succeeded", outputs: { bomb: "bomb" } });
  expect((await letters.list({ limit: 10 })).data).toEqual([]);
});

test("a run that comes on while its owners crash is not taken for the cause", async () => {
  const bench = new TestBench();
  const process = await bench.start();
  const steps = Array.from({ length: 12 }, (_, index) => ({
    id: `s${index}`,
    type: "step",
    ...(index > 0 ? { depends_on: [`s${index - 1}`] } : {}),
  }));
  await bench.publish(process, { name: "long", steps });
  const calls = new Map<TestProcess, number>();
  bench.onCall = (_node, by) => {
    const count = (calls.get(by) ?? 0) + 1;
    calls.set(by, count);
    // The second step of each owner is its last deed.
    if (count === 2) by.crash();
  };
  void process.engine.runs.start({ workflow: "long", id: "r" });
  await bench.clock.advance(10);
  const last = await owners(bench, 14);
  expect(calls.size).toBeGreaterThan(CRASHES_MAX * 2);
  expect(await last.engine.runs.get("r")).toMatchObject({ status: "succeeded" });
});

test("a dead letter whose record cannot be read still says what is known of it", async () => {
  const bench = new TestBench();
  const process = await bench.start();
  await bench.publish(process, { name: "one", steps: [{ id: "a", type: "template", template: "{{ inputs.x.y.z }}" }] });
  const { run } = await process.engine.runs.start({ workflow: "one", inputs: { x: 1 } as { [name: string]: Json } });
  await bench.clock.advance(10);
  expect(await process.engine.runs.get(run.id)).toMatchObject({ status: "failed" });
  const letters = await lettersOf(bench, process);
  const other = await bench.start();
  const damaged = new DeadLetters({
    journal: bench.journal,
    table: new DeadLetterTable(databases[0]!, TENANT, bench.clock.now),
    runs: {
      detail: async () => {
        throw damage;
      },
      step: (...given) => other.engine.runs.step(...given),
      rerun: (...given) => other.engine.runs.rerun(...given),
      failedAt: (id) => other.engine.runs.failedAt(id),
    },
    tenant: TENANT,
  });
  expect(await letters.get(run.id)).toMatchObject({ damaged: null, inputs: { x: 1 } });
  expect(await damaged.get(run.id)).toMatchObject({
    id: run.id,
    inputs: null,
    damaged: expect.stringContaining("row 1"),
  });
});
