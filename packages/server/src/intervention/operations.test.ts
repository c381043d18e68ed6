import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Database } from "../db/database.ts";
import { onEveryDatabase, type OpenTestDatabase, type TestDatabase } from "../db/database.testing.ts";
import { processClock, serverClock, type SqlClock } from "../db/database-clock.ts";
import { systemClock } from "../runtime/clock.ts";
import type { SelectedRuns } from "../runtime/select-runs.ts";
import type { RunnerOptions } from "./operation-runner.ts";
import { OperationTable } from "./operation-table.ts";
import { Operations } from "./operations.ts";
import { DeadLetterTable } from "./dead-letter-table.ts";

/** Processes over one table of operations; what they do to runs is noted. */
class Bench {
  readonly started: Operations[] = [];
  /** Runs that were cancelled, by process, in order. */
  readonly touched: { readonly process: string; readonly run: string }[] = [];
  /** Awaited before a run is touched. */
  before: (process: string, run: string) => Promise<void> = async () => {};
  /** A page of the dead letters that a filter means. */
  page: () => Promise<SelectedRuns> = async () => ({ runs: [], nextCursor: null });
  private readonly database: Database;
  private readonly tenant: string;
  private readonly clock: SqlClock;

  constructor(database: Database, tenant: string, clock: SqlClock) {
    this.database = database;
    this.tenant = tenant;
    this.clock = clock;
  }

  process(name: string): { readonly operations: Operations; die(): void } {
    let alive = true;
    const never = new Promise<never>(() => {});
    const table = new Proxy(new OperationTable(this.database, this.tenant, this.clock), {
      get: (real, member: keyof OperationTable) => {
        const method = real[member] as (...given: unknown[]) => Promise<unknown>;
        return (...given: unknown[]) => (alive ? method.apply(real, given) : never);
      },
    });
    const options: RunnerOptions = {
      table,
      tenant: this.tenant,
      clock: systemClock,
      journal: { find: async () => ({ runs: [], nextCursor: null }) },
      deadLetters: {
        page: () => this.page(),
        retry: () => Promise.reject(new Error("not asked for")),
        discard: async (run) => {
          await this.before(name, run);
          if (!alive) return never;
          this.touched.push({ process: name, run });
          return {} as never;
        },
      },
      runs: {
        get: async () => null,
        cancel: () => Promise.reject(new Error("not asked for")),
        rerun: () => Promise.reject(new Error("not asked for")),
      },
      problem: () => undefined,
    };
    const operations = new Operations(options);
    this.started.push(operations);
    operations.start();
    return { operations, die: () => (alive = false) };
  }

  async close(): Promise<void> {
    await Promise.all(this.started.map((one) => Promise.race([one.close(), new Promise((go) => setTimeout(go, 200))])));
  }
}

function facts(open: OpenTestDatabase): void {
  let opened: TestDatabase;
  let clock: SqlClock;
  let bench: Bench;
  let number = 0;
  beforeAll(async () => {
    opened = await open();
    clock = opened.isShared ? serverClock : processClock(() => Date.now());
  });
  afterAll(() => opened.close());
  beforeEach(() => void (bench = new Bench(opened.database, `t${number++}`, clock)));
  afterEach(() => bench.close());

  test("an operation is taken by one process, and its lease is its own", async () => {
    const table = new OperationTable(opened.database, "lease", clock);
    await table.add("op_a", { action: "discard", ids: ["x"] }, 1);
    const taken = await Promise.all(["a", "b", "c"].map((holder) => table.take(holder, 300)));
    expect(taken.filter((one) => one !== null)).toHaveLength(1);
    const holder = ["a", "b", "c"][taken.findIndex((one) => one !== null)]!;
    expect(await table.step("op_a", "other", { done: 9 }, 300)).toBeNull();
    expect(await table.step("op_a", holder, { status: "running", done: 1 }, 50)).toMatchObject({ done: 1 });
    await expect.poll(() => table.take("d", 5000)).toMatchObject({ id: "op_a", done: 1 });
    expect(await table.step("op_a", holder, { done: 7 }, 300)).toBeNull();
    await table.abort("op_a");
    expect(await table.step("op_a", "d", { status: "running", done: 2 }, 300)).toMatchObject({ status: "aborting" });
    const last = await table.step("op_a", "d", { status: "aborted", finishedAt: 5, error: null }, 0);
    expect(last).toMatchObject({ status: "aborted", done: 2 });
    expect(await table.take("e", 300)).toBeNull();
    expect(await table.find("op_a")).toEqual(last);
    await table.prune(6);
    expect(await table.find("op_a")).toBeNull();
  });

  test("another process goes on within 15 s where one dies in the middle; every run is counted once", async () => {
    const ids = Array.from({ length: 120 }, (_, index) => `r${index}`);
    const first = bench.process("first");
    let isDead = false;
    bench.before = async (process, run) => {
      // Dies with half of its second batch done.
      if (process !== "first" || run !== "r75" || isDead) return;
      isDead = true;
      first.die();
    };
    const { operation } = await first.operations.begin({ action: "discard", ids, rate: 500 }, null);
    await expect.poll(() => isDead, { timeout: 10_000 }).toBe(true);
    const died = performance.now();
    const second = bench.process("second");
    await expect
      .poll(() => second.operations.get(operation.id), { timeout: 20_000, interval: 50 })
      .toMatchObject({ status: "succeeded", total: 120, done: 120, failed: 0, skipped: 0 });
    expect(performance.now() - died).toBeLessThan(15_000);
    const byFirst = bench.touched.filter(({ process }) => process === "first").length;
    expect(byFirst).toBeGreaterThanOrEqual(50);
    expect(new Set(bench.touched.map(({ run }) => run)).size).toBe(120);
    // What the first had counted was not done again.
    expect(bench.touched.filter(({ process, run }) => process === "second" && Number(run.slice(1)) < 50)).toEqual([]);
  }, 30_000);

  test("a process that is closed leaves the rest to another at once", async () => {
    const ids = Array.from({ length: 200 }, (_, index) => `r${index}`);
    const first = bench.process("first");
    const { operation } = await first.operations.begin({ action: "discard", ids, rate: 100 }, null);
    await expect.poll(async () => (await first.operations.get(operation.id)).done).toBeGreaterThanOrEqual(50);
    await first.operations.close();
    const second = bench.process("second");
    await expect
      .poll(() => second.operations.get(operation.id), { timeout: 10_000 })
      .toMatchObject({ status: "succeeded", done: 200 });
    expect(bench.touched).toHaveLength(200);
    const page = await second.operations.list({ limit: 1 });
    expect(page).toMatchObject({ data: [{ id: operation.id }], next_cursor: null });
  }, 20_000);

  test("a preview ends where a filter fits nothing for long, and says that there may be more", async () => {
    const { operations } = bench.process("only");
    bench.page = async () => ({ runs: [], nextCursor: "on" });
    const preview = await operations.preview({ action: "retry", filter: {} });
    expect(preview).toMatchObject({ total: 0, exact: false, sample: [] });
  });

  test("what was done about a dead letter is kept by run and tenant; a second run that takes over counts, the same does not", async () => {
    let now = 1;
    const table = new DeadLetterTable(opened.database, "letters", () => now++);
    expect(await table.noteRetry("r", "b", null)).toMatchObject({ state: "open", retryRun: "b", retries: 1 });
    expect(await table.noteRetry("r", "b", "key")).toMatchObject({ retries: 1, retryKey: "key" });
    expect(await table.noteRetry("r", "b", null)).toMatchObject({ retries: 1, retryKey: "key" });
    await table.settle("r", "other");
    expect((await table.find(["r"])).get("r")).toMatchObject({ state: "open" });
    await table.settle("r", "b");
    expect(await table.noteRetry("r", "b", null)).toMatchObject({ state: "retried" });
    expect(await table.noteRetry("r", "c", null)).toMatchObject({
      state: "open",
      retryRun: "c",
      retryKey: null,
      retries: 2,
    });
    expect(await table.discard("r", "why")).toMatchObject({ state: "discarded", reason: "why", retryRun: "c" });
    expect(await table.discard("r", "again")).toMatchObject({ reason: "why" });
    expect(await table.noteRetry("r", "d", null)).toMatchObject({ state: "discarded", retries: 3 });
    await table.settle("r", "d");
    expect((await table.find(["r", "s", "\0"])).get("r")).toMatchObject({ state: "discarded" });
    expect(await new DeadLetterTable(opened.database, "others", () => 1).find(["r"])).toEqual(new Map());
    await table.discard("s", null);
    expect(await table.quiet(100, "", 10)).toEqual(["r", "s"]);
    expect(await table.quiet(100, "r", 10)).toEqual(["s"]);
    await table.remove(["r"]);
    expect(await table.quiet(100, "", 10)).toEqual(["s"]);
  });
}

onEveryDatabase("operations", facts, { folder: false });
