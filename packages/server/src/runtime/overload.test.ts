import { type AppError, PRIORITIES, type Priority } from "@weftwork/core";
import { describe, expect, it } from "vitest";
import type { RunStats } from "../journal/journal.ts";
import { CALM, type Signals } from "../limits/pressure.ts";
import { HandClock, turn } from "./engine.testing.ts";
import { LOOK_MS, LOOKS, Overload, TASKS_WAITING_MAX, type OverloadOptions } from "./overload.ts";

/** How long a pressure must last to count. */
const STANDING_MS = LOOK_MS * LOOKS;

function setUp(given: Partial<OverloadOptions> = {}) {
  const clock = new HandClock(0);
  const world = {
    signals: CALM as Signals,
    runs: 0,
    tasks: 0,
    stats: { submitted: 0, open: 0, succeeded: 0, failed: 0, cancelled: 0 } as RunStats,
    reads: 0,
    load: 0,
  };
  const held: (readonly Priority[])[] = [];
  const refused: string[] = [];
  const overload = new Overload({
    journal: {
      stats: async () => {
        world.reads += 1;
        return world.stats;
      },
    },
    clock,
    tenant: "acme",
    runsHere: () => world.runs,
    runsMax: 1000,
    tasksWaiting: () => world.tasks,
    backlogMax: 5000,
    signals: () => ({ ...world.signals, load: world.load }),
    sheds: true,
    hold: (classes) => void held.push(classes),
    refused: (priority, reason) => void refused.push(`${priority} ${reason}`),
    random: () => 0.5,
    ...given,
  });
  overload.start();
  /** The classes that are refused now. */
  const closed = (): readonly Priority[] => PRIORITIES.filter((priority) => refusalOf(overload, priority) !== null);
  return { clock, world, held, refused, overload, closed };
}

function refusalOf(overload: Overload, priority: Priority): AppError | null {
  try {
    overload.admit(priority);
    return null;
  } catch (error) {
    return error as AppError;
  }
}

const loop = (u: number): Signals => ({ ...CALM, loopDelayMs: u * 50 });

describe("overload control", () => {
  it.each<[number, readonly Priority[]]>([
    [0.6, []],
    [0.8, ["background"]],
    [0.9, ["batch", "background"]],
    [1.1, ["normal", "batch", "background"]],
    [5, ["interactive", "normal", "batch", "background"]],
  ])("refuses by class at a pressure of %d that lasts: %j", async (u, classes) => {
    const { clock, world, closed, overload } = setUp();
    world.signals = loop(u);
    await clock.advance(STANDING_MS - LOOK_MS);
    expect(closed()).toEqual([]);
    await clock.advance(LOOK_MS);
    expect(closed()).toEqual(classes);
    expect(overload.pressure).toBeCloseTo(u);
  });

  it("lets in again when it was calm for as long, and not for a moment's pause", async () => {
    const { clock, world, closed } = setUp();
    world.signals = loop(3);
    await clock.advance(STANDING_MS);
    world.signals = loop(0);
    await clock.advance(2 * LOOK_MS);
    expect(closed()).toEqual(PRIORITIES);
    world.signals = loop(3);
    await clock.advance(LOOK_MS);
    world.signals = loop(0);
    await clock.advance(STANDING_MS - LOOK_MS);
    expect(closed()).toEqual(PRIORITIES);
    await clock.advance(LOOK_MS);
    expect(closed()).toEqual([]);
  });

  it("neither refuses nor puts off for pressure where the program around may cause it", async () => {
    const { clock, world, closed, held } = setUp({ sheds: false });
    world.signals = loop(9);
    await clock.advance(5000);
    expect([closed(), held]).toEqual([[], []]);
  });

  it("says when to come again: once to twice the time that the work here takes", async () => {
    for (const [random, seconds] of [
      [0, 10],
      [0.999, 20],
    ] as const) {
      const { clock, world, overload } = setUp({ random: () => random });
      world.runs = 400;
      world.signals = loop(3);
      // Forty a second.
      for (let look = 0; look < 40; look++) {
        for (let i = 0; i < 4; i++) overload.ended();
        await clock.advance(LOOK_MS);
      }
      const refusal = refusalOf(overload, "normal")!;
      expect([refusal.code, refusal.status]).toEqual(["OVERLOADED", 503]);
      expect(Math.abs(Number(refusal.details["retryAfter"]) - seconds)).toBeLessThanOrEqual(1);
      expect(refusal.message).toContain("processor is busy");
    }
  });

  it("is shut for everybody only when even the most urgent work is refused", async () => {
    const { clock, world, overload, refused } = setUp();
    world.signals = loop(1.1);
    await clock.advance(STANDING_MS);
    expect(overload.shut()).toBeNull();
    world.signals = loop(1.3);
    await clock.advance(STANDING_MS);
    expect(overload.shut()).toMatchObject({ code: "OVERLOADED" });
    expect(refused).toEqual(["unread pressure"]);
  });

  it("refuses all when it holds as many runs, or as many waiting tasks, as it may", async () => {
    const { clock, world, closed, refused, overload } = setUp();
    world.runs = 1000;
    expect(closed()).toEqual(PRIORITIES);
    world.runs = 999;
    expect(closed()).toEqual([]);
    world.tasks = TASKS_WAITING_MAX;
    await clock.advance(LOOK_MS);
    expect(closed()).toEqual(PRIORITIES);
    expect(overload.hasRoom).toBe(false);
    expect(new Set(refused)).toEqual(new Set(PRIORITIES.flatMap((one) => [`${one} runs`, `${one} tasks`])));
  });

  it.each([
    { why: "every turn of a busy event loop is long", load: 1, turnMs: 25, recordingMs: 0, yields: true },
    { why: "the event loop has time left", load: 0.9, turnMs: 25, recordingMs: 100, yields: false },
    { why: "there are short turns", load: 1, turnMs: 10, recordingMs: 50, yields: false },
    { why: "recording takes long", load: 1, turnMs: 10, recordingMs: 100, yields: true },
  ])(
    "knows behind a pressure when a line stands in the sockets: $why",
    async ({ load, turnMs, recordingMs, yields }) => {
      const { clock, world, overload } = setUp();
      for (let look = 0; look < 20; look++) {
        for (let run = 0; run < 100; run++) overload.ended();
        await clock.advance(LOOK_MS);
      }
      world.signals = loop(2);
      await clock.advance(STANDING_MS);
      world.signals = loop(0);
      await clock.advance(STANDING_MS);
      world.load = load;
      const taken: number[] = [];
      for (let look = 0; look < 12; look++) {
        let count = 0;
        for (let ms = 0; ms < LOOK_MS; ms += turnMs) {
          const place = await overload.enter("normal");
          clock.after(recordingMs, () => place.leave());
          for (let i = 0; i < 100 && overload.shut() === null; i++) {
            overload.admit("interactive");
            count += 1;
          }
          await clock.advance(turnMs);
        }
        taken.push(count);
      }
      if (yields) expect(taken.at(-1)).toBeLessThan(taken[0]! * 0.7);
      else expect(taken.at(-1)).toBeGreaterThan(taken[0]!);
    },
  );

  it("counts the open runs of all processes, and those begun here since they were counted", async () => {
    const { clock, world, overload } = setUp();
    const begin = (count: number): void => {
      for (let i = 0; i < count; i++) overload.began();
    };
    world.stats = { ...world.stats, submitted: 4990, open: 4990 };
    begin(1);
    await clock.advance(LOOK_MS);
    await turn();
    expect([world.reads, refusalOf(overload, "batch")]).toEqual([1, null]);
    begin(10);
    const refusal = refusalOf(overload, "batch")!;
    expect([refusal.code, refusal.status]).toEqual(["BACKLOG_FULL", 429]);
    expect(refusal.details).toMatchObject({ limit: 5000, retryAfter: expect.any(Number) as unknown });
    // Ended elsewhere.
    world.stats = { ...world.stats, open: 100 };
    await clock.advance(1250);
    expect(refusalOf(overload, "batch")).toBeNull();
  });

  it("asks the store for numbers once a second at most, and never while nothing begins", async () => {
    const { clock, world, overload } = setUp();
    await clock.advance(60_000);
    expect(world.reads).toBe(0);
    for (let i = 0; i < 100; i++) {
      overload.began();
      await clock.advance(100);
    }
    expect(world.reads).toBeLessThanOrEqual(11);
    expect(world.reads).toBeGreaterThanOrEqual(8);
  });

  it("puts waiting tasks of the two lowest classes off under pressure, resumes, and starves none of them", async () => {
    const { clock, world, held } = setUp();
    world.signals = loop(0.8);
    await clock.advance(STANDING_MS);
    world.signals = loop(2);
    await clock.advance(STANDING_MS);
    expect(held).toEqual([["background"], ["batch", "background"]]);
    await clock.advance(30_000);
    // A moment's turn, and back.
    expect(held.slice(2)).toEqual([[], ["batch", "background"]]);
    world.signals = CALM;
    await clock.advance(1000);
    expect(held.at(-1)).toEqual([]);
  });

  it("gives submissions of callers a place, and refuses one that waits for half a second", async () => {
    const { clock, overload, refused } = setUp();
    const places = await Promise.all(Array.from({ length: 256 }, () => overload.enter("normal")));
    const late = overload.enter("interactive").catch((error: unknown) => error);
    const next = overload.enter("normal").catch((error: unknown) => error);
    places[0]!.leave();
    // The queue is short of its target still: first come, first served.
    expect(await late).toHaveProperty("leave");
    await clock.advance(625);
    expect(await next).toMatchObject({ code: "OVERLOADED" });
    expect(refused).toEqual(["normal queue"]);
  });
});
