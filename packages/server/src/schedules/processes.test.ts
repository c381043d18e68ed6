import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testPostgres } from "../db/test-postgres.ts";
import { openWeft, type Weft } from "../weft.ts";

const server = await testPostgres();
const HELLO = "name: hello\nsteps:\n  - {id: a, type: template, template: hi}\n";

const runsOf = async (weft: Weft): Promise<readonly string[]> =>
  (await weft.runs.list({ limit: 200 })).data.map(({ metadata }) => String(metadata["due_at"]));

describe.skipIf(server === null)("schedules of several processes on PostgreSQL", () => {
  test("begin each time once, and go on when one of the processes ends", async () => {
    const made = await server!.create();
    const problems: string[] = [];
    const open = (name: string): Promise<Weft> =>
      openWeft({
        store: made.url,
        name,
        problem: (message, _run, error) => problems.push(`${message}: ${String(error)}`),
      });
    const [first, second] = [await open("one"), await open("two")];
    try {
      await first.workflows.publish(HELLO);
      await first.schedules.create({ name: "often", workflow: "hello", cron: "* * * * * *" });
      await expect.poll(async () => (await runsOf(second)).length, { timeout: 15_000 }).toBeGreaterThanOrEqual(3);
      await first.close({ graceMs: 1000 });
      const before = (await runsOf(second)).length;
      await expect.poll(async () => (await runsOf(second)).length, { timeout: 15_000 }).toBeGreaterThan(before + 2);
      await second.schedules.pause("often");
      const due = await runsOf(second);
      expect(new Set(due).size).toBe(due.length);
      const { fires } = await second.schedules.find("often");
      // None was passed over in between.
      const seconds = fires.map(({ due_at }) => Date.parse(due_at) / 1000);
      expect(seconds).toEqual(seconds.map((_, at) => seconds[0]! - at));
      expect(problems.filter((problem) => problem.includes("schedule"))).toEqual([]);
    } finally {
      await first.close({ graceMs: 0 });
      await second.close({ graceMs: 0 });
      await made.drop();
    }
  }, 60_000);
});

describe("schedules of a data folder", () => {
  test("are there after a restart; a process that only reads begins none", async () => {
    const folder = mkdtempSync(join(tmpdir(), "weft-schedules-"));
    try {
      const first = await openWeft({ store: folder });
      await first.workflows.publish(HELLO);
      await first.schedules.create({ name: "yearly", workflow: "hello", cron: "@yearly" });
      await first.schedules.create({ name: "often", workflow: "hello", cron: "* * * * * *", catch_up: "all" });
      await first.close({ graceMs: 1000 });
      const reading = await openWeft({ store: folder, reading: true });
      const { fires, next_at } = await reading.schedules.find("often");
      // Two of its times pass.
      await expect.poll(() => Date.now(), { timeout: 8000 }).toBeGreaterThan(Date.parse(next_at!) + 2000);
      expect((await reading.schedules.find("often")).fires).toEqual(fires);
      await reading.close({ graceMs: 0 });
      const second = await openWeft({ store: folder });
      expect((await second.schedules.list()).data.map(({ name }) => name)).toEqual(["often", "yearly"]);
      const done = async (): Promise<number> => (await second.schedules.find("often")).fires.length;
      await expect.poll(done, { timeout: 8000 }).toBeGreaterThan(fires.length + 1);
      await second.close({ graceMs: 1000 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 30_000);
});
