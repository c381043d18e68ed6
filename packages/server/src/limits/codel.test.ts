import { describe, expect, it } from "vitest";
import { HandClock, turn } from "../runtime/engine.testing.ts";
import { CodelQueue } from "./codel.ts";
import { fixedLimit } from "./fixed.ts";
import type { Limit } from "./limit.ts";
import { Limiter, type Permit } from "./limiter.ts";

describe("a queue with controlled delay", () => {
  it("keeps the order of arrival while waiting is short, and in a burst", () => {
    const queue = new CodelQueue<number>();
    for (let i = 0; i < 5; i++) queue.push(i, i, 1000);
    expect([queue.take(10), queue.take(119)]).toEqual([0, 1]);
    expect(queue.isLate(119)).toBe(false);
  });

  it("serves the newest first once the oldest is over the target for an interval", () => {
    const queue = new CodelQueue<number>();
    for (let i = 0; i < 5; i++) queue.push(i, 0, 1000);
    expect(queue.isLate(119)).toBe(false);
    expect([queue.take(120), queue.take(121)]).toEqual([4, 3]);
  });

  it("goes back to the order of arrival when the late ones have gone", () => {
    const queue = new CodelQueue<number>();
    for (const [item, at] of [0, 190, 195].entries()) queue.push(item, at, at + 200);
    expect(queue.isLate(199)).toBe(true);
    expect(queue.expired(200)).toEqual([0]);
    expect([queue.isLate(200), queue.take(200), queue.take(200), queue.take(200)]).toEqual([false, 1, 2, undefined]);
  });

  it("gives out those whose deadline has passed, each once", () => {
    const queue = new CodelQueue<number>();
    for (let i = 0; i < 3000; i++) queue.push(i, i, i + 100);
    expect(queue.expired(1100)).toHaveLength(1001);
    expect(queue.expired(1100)).toEqual([]);
    expect([queue.size, queue.take(1100)]).toEqual([1999, 2999]);
  });
});

describe("a limiter", () => {
  const setUp = (limit: Limit = fixedLimit(2)): { clock: HandClock; limiter: Limiter } => {
    const clock = new HandClock(0);
    return { clock, limiter: new Limiter({ limit, clock, waitMs: 400 }) };
  };

  it("lets in as many as the limit says, and the next when one leaves", async () => {
    const { limiter } = setUp();
    const [first] = [limiter.tryEnter()!, limiter.tryEnter()!];
    expect(limiter.tryEnter()).toBeNull();
    const third = limiter.enter();
    expect([limiter.inflight, limiter.waiting]).toEqual([2, 1]);
    first.leave();
    first.leave();
    expect(await third).not.toBeNull();
    expect([limiter.inflight, limiter.waiting]).toEqual([2, 0]);
  });

  it("refuses whoever waited too long, also while nobody leaves", async () => {
    const { clock, limiter } = setUp();
    await limiter.enter();
    await limiter.enter();
    const answers: (Permit | null)[] = [];
    void limiter.enter().then((permit) => answers.push(permit));
    await clock.advance(399);
    expect(answers).toEqual([]);
    await clock.advance(101);
    expect([answers, limiter.waiting]).toEqual([[null], 0]);
  });

  it("lets those who wait in when the limit rises, and samples what it sees", async () => {
    let value = 1;
    let listener: (limit: number) => void = () => undefined;
    const samples: unknown[] = [];
    const { clock, limiter } = setUp({
      current: () => value,
      sample: (...sample) => void samples.push(sample),
      onChange: (told) => {
        listener = told;
        return () => undefined;
      },
    });
    const first = (await limiter.enter())!;
    const second = limiter.enter();
    await clock.advance(30);
    listener((value = 2));
    await turn();
    first.leave(true);
    (await second)!.leave();
    expect(samples).toEqual([
      [30, 2, true],
      [0, 1, false],
    ]);
  });
});
