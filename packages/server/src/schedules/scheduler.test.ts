import { AppError } from "@weftwork/core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { memoryDatabase } from "../db/database-sqlite.ts";
import { onEveryDatabase, type OpenTestDatabase, type TestDatabase } from "../db/database.testing.ts";
import { HandClock } from "../runtime/engine.testing.ts";
import { Scheduler } from "./scheduler.ts";
import { ScheduleBench } from "./schedules.testing.ts";

const HOURLY = { name: "hourly", workflow: "w", cron: "0 * * * *" };

function facts(open: OpenTestDatabase): void {
  let opened: TestDatabase;
  let bench: ScheduleBench;
  beforeAll(async () => void (opened = await open()));
  afterAll(() => opened.close());
  beforeEach(async () => {
    bench = new ScheduleBench(opened.database);
    for (const { id } of (await bench.schedules.list()).data) await bench.schedules.remove(id);
  });
  const show = () => bench.schedules.find("hourly");
  const outcomes = async (): Promise<string[]> =>
    (await show()).fires.map(({ due_at, outcome, until }) =>
      [due_at.slice(11, 19), outcome, ...(until === null ? [] : [until.slice(11, 19)])].join(" "),
    );

  test("a run begins when its time is due and not before, and the schedule moves on", async () => {
    const made = await bench.schedules.create({
      ...HOURLY,
      inputs: { a: 1 },
      priority: "batch",
      metadata: { by: "me" },
    });
    expect(made).toMatchObject({ status: "active", next_at: "2026-01-01T09:00:00.000Z" });
    bench.at("08:59:59");
    expect(await bench.look()).toBeGreaterThanOrEqual(1000);
    expect(bench.due()).toEqual([]);
    bench.at("09:00:00");
    await bench.look();
    const [run] = [...bench.runs.values()];
    expect(run).toEqual({
      workflow: "w",
      id: `${made.id}:2026-01-01T09:00:00Z`,
      inputs: { a: 1 },
      priority: "batch",
      metadata: {
        by: "me",
        trigger: "schedule",
        schedule: made.id,
        schedule_name: "hourly",
        due_at: "2026-01-01T09:00:00.000Z",
      },
    });
    expect(await show()).toMatchObject({
      next_at: "2026-01-01T10:00:00.000Z",
      last_run: run!.id,
      fires: [{ due_at: "2026-01-01T09:00:00.000Z", outcome: "started", run: run!.id, error: null, until: null }],
    });
    expect(bench.fired).toEqual([["started", 0]]);
  });

  test("processes that look at the same time begin one run a time", async () => {
    await bench.schedules.create({ ...HOURLY, catch_up: "all" });
    for (const time of ["09:00:00", "10:00:01", "15:20:00"]) {
      bench.at(time);
      await Promise.all([bench.look(), bench.look(), bench.look()]);
    }
    expect(bench.due().toSorted()).toEqual(["09", "10", "11", "12", "13", "14", "15"].map((hour) => `${hour}:00:00`));
    expect(await outcomes()).toHaveLength(7);
    expect(bench.fired).toHaveLength(7);
  });

  test("a process that dies between the start and the row leaves one run, which another one records", async () => {
    await bench.schedules.create(HOURLY);
    bench.at("09:00:00");
    const dying = {
      upcoming: (limit: number) => bench.table.upcoming(limit),
      move: () => Promise.reject(new AppError("STORE_UNAVAILABLE", { reason: "killed" })),
    };
    await bench.look(dying);
    expect([bench.runs.size, await outcomes()]).toEqual([1, []]);
    expect(bench.calls).toBe(1);
    expect(bench.problems).toEqual([expect.stringMatching(/hourly cannot be moved on/)]);
    bench.at("09:00:02");
    await bench.look();
    expect([bench.calls, bench.runs.size, await outcomes()]).toEqual([2, 1, ["09:00:00 started"]]);
  });

  test("is stood in for as long afterwards as may be: what it has begun is neither begun again nor given up", async () => {
    const made = await bench.schedules.create(HOURLY);
    bench.runs.set(`${made.id}:2026-01-01T09:00:00Z`, { workflow: "w" });
    bench.at("08:30:00");
    bench.now += 30 * 86_400_000;
    await bench.look();
    const { fires } = await show();
    expect(fires.map(({ due_at, outcome }) => [due_at.slice(5, 13), outcome])).toEqual([
      ["01-31T08", "started"],
      ["01-01T10", "missed"],
      ["01-01T09", "started"],
    ]);
    expect(bench.runs.size).toBe(2);
  });

  test("a process that is late with its row records the run that it has begun, and moves nothing", async () => {
    await bench.schedules.create({ ...HOURLY, overlap: "skip" });
    bench.at("09:00:00");
    const { due: rows } = await bench.table.upcoming(1);
    await bench.look();
    const fire = { dueAt: bench.now, outcome: "started" as const, until: null, run: "late", error: null };
    expect(await bench.table.move(rows[0]!, { dueAt: 1, fireAt: 1, fires: [fire] })).toBe(false);
    expect(await show()).toMatchObject({ next_at: "2026-01-01T10:00:00.000Z", fires: [{ outcome: "started" }] });
  });

  test.each([
    ["skip", [], ["09:00:00 missed 12:00:00"]],
    ["last", ["12:00:00"], ["12:00:00 started", "09:00:00 missed 11:00:00"]],
    [
      "all",
      ["09:00:00", "10:00:00", "11:00:00", "12:00:00"],
      ["12:00:00 started", "11:00:00 started", "10:00:00 started", "09:00:00 started"],
    ],
  ] as const)("when all were down for hours, %s begins %j", async (catch_up, due, recorded) => {
    await bench.schedules.create({ ...HOURLY, catch_up });
    bench.at("12:30:00");
    await bench.look();
    expect(bench.due()).toEqual(due);
    expect(await outcomes()).toEqual(recorded);
    expect((await show()).next_at).toBe("2026-01-01T13:00:00.000Z");
  });

  test("a clock that jumps an hour ahead and back begins no time twice", async () => {
    await bench.schedules.create({ ...HOURLY, cron: "*/10 * * * *", catch_up: "all" });
    for (const time of ["08:10:00", "09:10:05", "08:10:10", "08:40:00", "09:10:30", "09:20:00"]) {
      bench.at(time);
      await bench.look();
    }
    const due = bench.due();
    expect(due).toEqual([...new Set(due)]);
    expect(due).toEqual(
      ["08:10", "08:20", "08:30", "08:40", "08:50", "09:00", "09:10", "09:20"].map((at) => `${at}:00`),
    );
  });

  test("a run that cannot begin is recorded with its reason and told; the next time is tried nevertheless", async () => {
    await bench.schedules.create(HOURLY);
    bench.refusal = new AppError("WORKFLOW_NOT_FOUND", { workflow: "w" });
    for (const time of ["09:00:00", "10:00:00"]) {
      bench.at(time);
      await bench.look();
    }
    expect(await show()).toMatchObject({
      status: "active",
      failures: 2,
      last_error: { code: "WORKFLOW_NOT_FOUND" },
      next_at: "2026-01-01T11:00:00.000Z",
    });
    expect(bench.problems).toEqual([
      expect.stringMatching(/hourly could not begin its run of 2026-01-01T09.*next time/),
      expect.stringMatching(/10:00:00/),
    ]);
    bench.refusal = null;
    bench.at("11:00:00");
    await bench.look();
    expect(await show()).toMatchObject({ failures: 0, last_error: null });
    expect(await outcomes()).toEqual(["11:00:00 started", "10:00:00 failed", "09:00:00 failed"]);
  });

  test("while the store is full nothing is given up: the run begins when there is room", async () => {
    await bench.schedules.create(HOURLY);
    bench.refusal = new AppError("STORE_FULL", { reason: "no space" });
    bench.at("09:00:00");
    expect(await bench.look()).toBe(1000);
    expect(await show()).toMatchObject({ failures: 0, fires: [] });
    bench.refusal = null;
    bench.at("09:00:20");
    await bench.look();
    expect(await outcomes()).toEqual(["09:00:00 started"]);
    expect(bench.fired).toEqual([["started", 20_000]]);
  });

  test("one that cannot be moved on holds no other up", async () => {
    const stuck = await bench.schedules.create({ ...HOURLY, name: "stuck" });
    await bench.schedules.create(HOURLY);
    const table = {
      upcoming: (limit: number) => bench.table.upcoming(limit),
      move: (...[from, move]: Parameters<typeof bench.table.move>) =>
        from.id === stuck.id ? Promise.reject(new Error("a rule of no zone")) : bench.table.move(from, move),
    };
    for (const time of ["09:00:00", "10:00:00"]) {
      bench.at(time);
      await bench.look(table);
    }
    expect(await outcomes()).toEqual(["10:00:00 started", "09:00:00 started"]);
  });

  test("with overlap skip a time passes while the run before is open", async () => {
    const made = await bench.schedules.create({ ...HOURLY, overlap: "skip" });
    bench.at("09:00:00");
    await bench.look();
    bench.open.add(`${made.id}:2026-01-01T09:00:00Z`);
    bench.at("10:00:00");
    await bench.look();
    bench.open.clear();
    bench.at("11:00:00");
    await bench.look();
    expect(await outcomes()).toEqual(["11:00:00 started", "10:00:00 skipped", "09:00:00 started"]);
  });

  test("paused it begins nothing; resumed it goes on with the next time", async () => {
    await bench.schedules.create({ ...HOURLY, catch_up: "all" });
    expect(await bench.schedules.pause("hourly")).toMatchObject({ status: "paused", next_at: null });
    bench.at("11:30:00");
    await bench.look();
    expect(await bench.schedules.resume("hourly")).toMatchObject({
      status: "active",
      next_at: "2026-01-01T12:00:00.000Z",
    });
    expect(bench.due()).toEqual([]);
  });

  test("another rule counts from now on, also against a start that is under way", async () => {
    await bench.schedules.create(HOURLY);
    bench.at("09:00:00");
    const { due: rows } = await bench.table.upcoming(1);
    const changed = await bench.schedules.update("hourly", { cron: "30 * * * *", zone: "Asia/Kolkata" });
    expect(changed.next_at).toBe("2026-01-01T10:00:00.000Z");
    expect(await bench.table.move(rows[0]!, { dueAt: 1, fireAt: 1, fires: [] })).toBe(false);
    expect((await bench.schedules.update("hourly", { name: "other" })).next_at).toBe("2026-01-01T10:00:00.000Z");
    await expect(bench.schedules.find("hourly")).rejects.toMatchObject({ code: "SCHEDULE_NOT_FOUND" });
  });

  test("changes made side by side are all made", async () => {
    await bench.schedules.create(HOURLY);
    await Promise.all([
      bench.schedules.update("hourly", { inputs: { a: 1 } }),
      bench.schedules.update("hourly", { metadata: { b: 2 } }),
      bench.schedules.update("hourly", { overlap: "skip" }),
    ]);
    expect(await show()).toMatchObject({ inputs: { a: 1 }, metadata: { b: 2 }, overlap: "skip" });
  });

  test("a jitter puts all its starts off by the same time, and what has begun does not begin again with another", async () => {
    const made = await bench.schedules.create({ ...HOURLY, jitter: "10m" });
    const delay = Date.parse(made.next_at!) - Date.parse("2026-01-01T09:00:00Z");
    expect(delay).toBeGreaterThan(0);
    expect(delay).toBeLessThanOrEqual(600_000);
    bench.at("09:00:00");
    await bench.look();
    expect(bench.due()).toEqual([]);
    bench.now += delay;
    await bench.look();
    expect(bench.fired).toEqual([["started", 0]]);
    expect(Date.parse((await show()).next[1]!) - Date.parse("2026-01-01T11:00:00Z")).toBe(delay);
    await bench.schedules.update("hourly", { jitter: "24h" });
    bench.now += 3 * 86_400_000;
    await bench.look();
    expect(new Set(bench.runs.keys()).size).toBe(bench.runs.size);
  });

  test("the last time ends it; fifty of its fires are kept", async () => {
    await bench.schedules.create({ ...HOURLY, cron: "* * * * *", ends_at: "2026-01-01T09:10:00Z" });
    while (bench.now < Date.parse("2026-01-01T09:12:00Z")) {
      bench.now += 60_000;
      await bench.look();
    }
    expect(bench.runs.size).toBe(69);
    const shown = await show();
    expect(shown).toMatchObject({ status: "ended", next_at: null, next: [] });
    expect(shown.fires).toHaveLength(50);
    expect(shown.fires[0]!.due_at).toBe("2026-01-01T09:09:00.000Z");
  });

  test("are listed by name, in pages that meet", async () => {
    for (const name of ["c", "a", "b", "é", "大"]) await bench.schedules.create({ ...HOURLY, name });
    const names: string[] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await bench.schedules.list({ limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      names.push(...page.data.map(({ name }) => name));
      cursor = page.next_cursor;
    }
    expect(names.slice(0, 3)).toEqual(["a", "b", "c"]);
    expect(names.toSorted()).toEqual(["a", "b", "c", "é", "大"].toSorted());
    await expect(bench.schedules.list({ cursor: "AA" })).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  });

  test("a start by hand is recorded beside the others; a removed schedule leaves nothing behind", async () => {
    const made = await bench.schedules.create(HOURLY);
    await bench.schedules.pause(made.id);
    const { run, created } = await bench.schedules.trigger("hourly");
    expect(created).toBe(true);
    expect(await show()).toMatchObject({ status: "paused", last_run: run, fires: [{ outcome: "triggered", run }] });
    await bench.schedules.remove("hourly");
    const late = { dueAt: 5, outcome: "started" as const, until: null, run: "r", error: null };
    await bench.table.triggered(made.id, late);
    expect(await bench.table.fires(made.id)).toEqual([]);
  });

  test.each([
    [{ cron: "0 25 * * *" }, "SCHEDULE_INVALID", /not understood/],
    [{ cron: "0 0 30 2 *" }, "SCHEDULE_INVALID", /no time comes/],
    [{ zone: "Mars" }, "SCHEDULE_INVALID", /no zone/],
    [{ jitter: "2d" }, "SCHEDULE_INVALID", /jitter/],
    [{ jitter: -1 }, "SCHEDULE_INVALID", /jitter/],
    [{ starts_at: "2026-03-01T00:00:00Z", ends_at: "2026-02-01T00:00:00Z" }, "SCHEDULE_INVALID", /behind/],
    [{ ends_at: "2020-01-01T00:00:00Z" }, "SCHEDULE_INVALID", /no time comes/],
    [{ inputs: { text: "x".repeat(300_000) } }, "SCHEDULE_INVALID", /large values/],
    [{ name: "a\0b" }, "SCHEDULE_INVALID", /character 0/],
    [{ name: "taken" }, "SCHEDULE_EXISTS", /taken/],
  ])("with %j is refused", async (wrong, code, message) => {
    await bench.schedules.create({ ...HOURLY, name: "taken" });
    await expect(bench.schedules.create({ ...HOURLY, ...wrong })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as unknown,
    });
    expect((await bench.schedules.list()).data).toHaveLength(1);
  });
}

onEveryDatabase("schedules", facts, { folder: false });

describe("a process that runs schedules", () => {
  test("looks when the next one is due, takes over from one that died, and asks little while nothing is", async () => {
    const database = await memoryDatabase();
    const bench = new ScheduleBench(database);
    const clock = new HandClock(bench.now);
    let looks = 0;
    const table = {
      upcoming(limit: number) {
        looks++;
        bench.now = clock.now();
        return bench.table.upcoming(limit);
      },
      move: bench.table.move.bind(bench.table),
    };
    const process = (): Scheduler => new Scheduler({ ...bench.options(table), clock });
    const first = process();
    first.start();
    await clock.advance(60_000);
    expect(looks).toBeLessThan(40);
    bench.now = clock.now();
    await bench.schedules.create({ ...HOURLY, cron: "*/5 * * * * *" });
    await clock.advance(20_000);
    expect(bench.due()).toEqual(["08:01:05", "08:01:10", "08:01:15", "08:01:20"].slice(0, bench.runs.size));
    expect(bench.runs.size).toBeGreaterThanOrEqual(3);
    await first.close();
    const before = bench.runs.size;
    const second = process();
    second.start();
    await clock.advance(15_000);
    expect(bench.runs.size - before).toBeGreaterThanOrEqual(3);
    expect(Math.max(...bench.fired.map(([, late]) => late))).toBeLessThanOrEqual(1000);
    await second.close();
    await database.close();
  });

  test("says once that the store does not answer, and goes on when it does", async () => {
    const database = await memoryDatabase();
    const bench = new ScheduleBench(database);
    const clock = new HandClock(bench.now);
    let isDown = true;
    const table = {
      upcoming: (limit: number) =>
        isDown ? Promise.reject(new AppError("STORE_UNAVAILABLE", { reason: "down" })) : bench.table.upcoming(limit),
      move: bench.table.move.bind(bench.table),
    };
    await bench.schedules.create(HOURLY);
    const scheduler = new Scheduler({ ...bench.options(table), clock });
    scheduler.start();
    await clock.advance(10_000);
    expect(bench.problems).toHaveLength(1);
    isDown = false;
    bench.at("09:00:00");
    await clock.advance(2000);
    expect(bench.due()).toEqual(["09:00:00"]);
    await scheduler.close();
    await database.close();
  });
});
