import { expect, test } from "vitest";
import { LEASE_MS, TestBench } from "./engine.testing.ts";

const HELD = { name: "held", steps: [{ id: "a", type: "step" }] };

/** A process with so many open runs dies, and another one is left. */
async function takeover(runs: number) {
  const bench = new TestBench();
  bench.held.add("a");
  const first = await bench.start();
  await bench.publish(first, HELD);
  for (let i = 0; i < runs; i++) await first.engine.runs.start({ workflow: "held" });
  const second = await bench.start();
  expect(second.engine.owner.runs.size).toBe(0);
  first.crash();
  /** Lets time go on, a second at a time at most, with the lease of the second one kept. */
  const pass = async (ms: number): Promise<number> => {
    for (let left = ms; left > 0; left -= 1000) {
      await bench.clock.advance(Math.min(left, 1000));
      await second.membership.renew();
    }
    return second.engine.owner.runs.size;
  };
  return { bench, second, pass };
}

test("what a dead process held is taken over slowly at first, and whole within seconds", async () => {
  const { pass } = await takeover(500);
  await pass(LEASE_MS + 1000);
  let before = 0;
  const perSecond: number[] = [];
  for (let second = 0; second < 8; second++) {
    let now = 0;
    for (let step = 0; step < 10; step++) now = await pass(100);
    perSecond.push(now - before);
    before = now;
  }
  expect(before).toBe(500);
  // 64 in the first second after the first claim, 128 in the next; a look may fall to either side of a second.
  expect(perSecond[0]!).toBeLessThanOrEqual(64 + 128);
  expect(Math.max(...perSecond)).toBeLessThanOrEqual(256 + 128);
});

test("a process that loses its lease again and again takes over a quarter as many at a look", async () => {
  const bench = new TestBench();
  bench.held.add("a");
  const steady = await bench.start();
  await bench.publish(steady, HELD);
  const flapping = await bench.start();
  // Nobody renews its lease: it is lost after 13 seconds, and again after 26.
  for (let second = 0; second < 28; second++) {
    await bench.clock.advance(1000);
    steady.membership.renew();
  }
  for (let i = 0; i < 40; i++) await steady.engine.runs.start({ workflow: "held" });
  const closing = steady.engine.close(0);
  const taken: number[] = [];
  for (let size = 0; size < 40 && taken.length < 20;) {
    await bench.clock.advance(25);
    const now = flapping.engine.owner.runs.size;
    if (now > size) taken.push(now - size);
    size = now;
  }
  await closing;
  expect(taken).toEqual([16, 16, 8]);
});
