import { beforeEach, describe, expect, test } from "vitest";
import { Looker } from "./looker.ts";

/** What a look waits for until the test lets it go. */
interface Look {
  end(): void;
  fail(error: unknown): void;
}

describe("who looks for something to do", () => {
  let timers: { readonly ms: number; readonly callback: () => void }[];
  let looks: Look[];
  let told: unknown[];
  let looker: Looker;

  beforeEach(() => {
    timers = [];
    looks = [];
    told = [];
    looker = new Looker({
      clock: {
        monotonic: () => 1234.75,
        after(ms, callback) {
          const timer = { ms, callback };
          timers.push(timer);
          return () => void (timers = timers.filter((one) => one !== timer));
        },
      },
      everyMs: 100,
      look: () => new Promise<void>((resolve, reject) => looks.push({ end: resolve, fail: reject })),
      failed: (error) => told.push(error),
    });
  });

  const turn = () => new Promise((resolve) => setImmediate(resolve));
  async function end(): Promise<void> {
    looks.at(-1)!.end();
    await turn();
  }
  async function fail(error: unknown): Promise<void> {
    looks.at(-1)!.fail(error);
    await turn();
  }
  function due(): void {
    const { callback } = timers.shift()!;
    callback();
  }

  test("does not before it is started, then at once, then after a pause spread by a fifth", async () => {
    looker.poke();
    expect(looks).toHaveLength(0);
    looker.start();
    expect(looks).toHaveLength(1);
    await end();
    expect(timers.map(({ ms }) => ms)).toEqual([expect.closeTo(110)]);
    due();
    expect(looks).toHaveLength(2);
  });

  test("is poked out of its pause, and has no two timers then", async () => {
    looker.start();
    await end();
    looker.poke();
    expect([looks.length, timers.length]).toEqual([2, 0]);
    await end();
    expect(timers).toHaveLength(1);
  });

  test("looks once more behind a look in which it was poked, however often", async () => {
    looker.start();
    for (let i = 0; i < 3; i++) looker.poke();
    expect(looks).toHaveLength(1);
    await end();
    expect([looks.length, timers.length]).toEqual([2, 0]);
    await end();
    expect([looks.length, timers.length]).toEqual([2, 1]);
  });

  test("tells the first of failures in a row, and goes on", async () => {
    const broken = [new Error("one"), new Error("two"), new Error("three")];
    looker.start();
    await fail(broken[0]);
    due();
    await fail(broken[1]);
    expect(told).toEqual([broken[0]]);
    due();
    await end();
    due();
    await fail(broken[2]);
    expect(told).toEqual([broken[0], broken[2]]);
    expect(timers).toHaveLength(1);
  });

  test("goes on where a look throws before it waits for anything", async () => {
    const broken = new Error("at once");
    let count = 0;
    const hasty = new Looker({
      clock: { monotonic: () => 0, after: () => () => undefined },
      everyMs: 100,
      look() {
        count += 1;
        throw broken;
      },
      failed: (error) => told.push(error),
    });
    hasty.start();
    await turn();
    hasty.poke();
    expect([count, told]).toEqual([2, [broken]]);
  });

  test("waits for the look under way when it is closed, and looks no more, though it was poked", async () => {
    looker.start();
    looker.poke();
    let isClosed = false;
    const closing = looker.close().then(() => (isClosed = true));
    await turn();
    expect([isClosed, looker.isClosed]).toEqual([false, true]);
    await end();
    await closing;
    looker.poke();
    looker.start();
    expect([looks.length, timers.length]).toEqual([1, 0]);
  });

  test("closed in its pause, it does not look again", async () => {
    looker.start();
    await end();
    await looker.close();
    expect([looks.length, timers.length]).toEqual([1, 0]);
  });
});
