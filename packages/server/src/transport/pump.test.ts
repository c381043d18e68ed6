import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startPump, type Source, type Taken } from "./pump.ts";

/** Messages by number. */
class FakeSource implements Source<number> {
  waiting: number[] = [];
  takes = 0;
  away = false;
  readonly log: string[] = [];
  private readonly rings = new Set<() => void>();

  async take(limit: number): Promise<readonly Taken<number>[]> {
    this.takes += 1;
    if (this.away) throw new Error("away");
    return this.waiting.splice(0, limit).map((held) => ({
      held,
      content: held < 0 ? { malformed: "it is negative" } : { pool: "gpu", priority: "normal", tickets: [] },
      tries: 0,
    }));
  }
  async done(held: number): Promise<void> {
    this.log.push(`done ${held}`);
  }
  async later(held: number, pauseMs: number): Promise<void> {
    this.log.push(pauseMs < 200 ? `too soon ${held}` : `later ${held}`);
  }
  async giveBack(held: number): Promise<void> {
    this.log.push(`back ${held}`);
  }
  async putAside(held: number, reason: string): Promise<void> {
    this.log.push(`aside ${held}: ${reason}`);
  }
  onBell(ring: () => void): () => void {
    this.rings.add(ring);
    return () => this.rings.delete(ring);
  }
  put(...numbers: number[]): void {
    this.waiting.push(...numbers);
    for (const ring of this.rings) ring();
  }
}

const told: string[] = [];
const problem = (message: string): void => void told.push(message);

describe("the pump", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
    told.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("while nothing comes it asks less and less, down to every two seconds", async () => {
    const source = new FakeSource();
    const pump = startPump("gpu", source, { prefetch: 4, handle: async () => undefined }, { problem });
    await vi.advanceTimersByTimeAsync(10_000);
    const before = source.takes;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(source.takes - before).toBeLessThanOrEqual(60 / 1.6 + 1);
    expect(source.takes - before).toBeGreaterThanOrEqual(60 / 2.4 - 1);
    await pump.release();
  });

  test("while the service is away it asks less and less, tells it once, and goes on when it is back", async () => {
    const source = new FakeSource();
    source.away = true;
    source.waiting = [1];
    const pump = startPump("gpu", source, { prefetch: 4, handle: async () => undefined }, { problem });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(source.takes).toBeLessThan(30);
    expect(told).toEqual(["The tickets of the pool gpu cannot be taken"]);
    source.away = false;
    await vi.advanceTimersByTimeAsync(7000);
    expect(source.log).toEqual(["done 1"]);
    await pump.release();
  });

  test("a bell is heard while it waits, also one that rings while it asks", async () => {
    const source = new FakeSource();
    const pump = startPump("gpu", source, { prefetch: 4, handle: async () => undefined }, { problem });
    await vi.advanceTimersByTimeAsync(20_000);
    source.put(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(source.log).toEqual(["done 1"]);
    const take = source.take.bind(source);
    vi.spyOn(source, "take").mockImplementationOnce(async (limit) => {
      const none = await take(limit);
      source.put(2);
      return none;
    });
    await vi.advanceTimersByTimeAsync(2500);
    expect(source.log).toEqual(["done 1", "done 2"]);
    await pump.release();
  });

  test("a service that hangs is given up, and what it brings after all is given back", async () => {
    const source = new FakeSource();
    const late = Promise.withResolvers<readonly Taken<number>[]>();
    vi.spyOn(source, "take").mockImplementationOnce(() => late.promise);
    const pump = startPump("gpu", source, { prefetch: 4, handle: async () => undefined }, { problem });
    await vi.advanceTimersByTimeAsync(6000);
    expect(told).toHaveLength(1);
    late.resolve([{ held: 9, content: { pool: "gpu", priority: "normal", tickets: [] }, tries: 0 }]);
    await vi.advanceTimersByTimeAsync(0);
    expect(source.log).toEqual(["back 9"]);
    source.put(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(source.log).toEqual(["back 9", "done 1"]);
    await pump.release();
  });

  test("what fails pauses, what nobody can read is put aside, and neither ends it", async () => {
    const source = new FakeSource();
    const handle = vi.fn<() => Promise<void>>(async () => undefined).mockRejectedValueOnce(new Error("not now"));
    const pump = startPump("gpu", source, { prefetch: 1, handle }, { problem });
    source.put(1, -2, 3);
    await vi.advanceTimersByTimeAsync(100);
    expect(source.log).toEqual(["later 1", "aside -2: it is negative", "done 3"]);
    await pump.release();
  });

  test("when it is released it gives back what its handler has, and what the handler says then is not passed on", async () => {
    const source = new FakeSource();
    const gate = Promise.withResolvers<void>();
    const pump = startPump("gpu", source, { prefetch: 2, handle: () => gate.promise }, { problem });
    source.put(1, 2, 3);
    await vi.advanceTimersByTimeAsync(0);
    await pump.release();
    gate.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(source.log).toEqual(["back 1", "back 2"]);
    expect(source.waiting).toEqual([3]);
  });
});
