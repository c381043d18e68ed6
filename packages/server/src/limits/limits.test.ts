import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AIMD_DEFAULTS, aimdLimit, aimdStep } from "./aimd.ts";
import { fixedLimit } from "./fixed.ts";
import { GRADIENT_DEFAULTS, gradientLimit, gradientStep } from "./gradient.ts";

const WARM = { limit: 20, longMs: 100, samples: 11 };

describe("Gradient2", () => {
  it.each([
    // rtt, calls under way, the limit after it: 0.8 · limit + 0.2 · (limit · clamp(1.5 · long/rtt, 0.5, 1) + 4)
    { rtt: 100, inflight: 20, limit: 20.8, why: "as fast as usual: room for the queue" },
    { rtt: 149, inflight: 20, limit: 20.8, why: "within the tolerance" },
    { rtt: 300, inflight: 20, limit: 18.8, why: "three times as slow: the ratio is at its least" },
    { rtt: 300, inflight: 9, limit: 20, why: "not half used: says nothing" },
  ])("goes from 20 to $limit after $rtt ms with $inflight under way: $why", ({ rtt, inflight, limit }) => {
    expect(gradientStep(WARM, rtt, inflight, GRADIENT_DEFAULTS).limit).toBeCloseTo(limit, 1);
  });

  it("averages the first ten alike, and then over a window of 600", () => {
    let state = { limit: 20, longMs: 0, samples: 0 };
    for (const rtt of [10, 20, 30]) state = gradientStep(state, rtt, 20, GRADIENT_DEFAULTS);
    expect(state.longMs).toBeCloseTo(20);
    expect(gradientStep(WARM, 130, 20, GRADIENT_DEFAULTS).longMs).toBeCloseTo(100 + 60 / 601);
  });

  it("forgets a slow time sooner once the target is fast again", () => {
    expect(gradientStep(WARM, 10, 20, GRADIENT_DEFAULTS).longMs).toBeCloseTo((100 - 180 / 601) * 0.95);
  });

  it("falls under load and comes back after it", () => {
    const limit = gradientLimit({ max: 64 });
    const told: number[] = [];
    limit.onChange((value) => told.push(value));
    for (let i = 0; i < 100; i++) limit.sample(20, limit.current(), false);
    expect(limit.current()).toBe(64);
    for (let i = 0; i < 60; i++) limit.sample(200, limit.current(), false);
    const under = limit.current();
    expect(under).toBeLessThan(32);
    for (let i = 0; i < 200; i++) limit.sample(20, limit.current(), false);
    expect(limit.current()).toBe(64);
    expect(told).toContain(under);
  });

  it("stays within its bounds, whatever is measured", () => {
    const samples = fc.array(fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.nat(400)), { maxLength: 300 });
    fc.assert(
      fc.property(samples, (all) => {
        const limit = gradientLimit();
        for (const [rtt, inflight] of all) {
          limit.sample(rtt, inflight, false);
          expect(limit.current()).toBeGreaterThanOrEqual(GRADIENT_DEFAULTS.min);
          expect(limit.current()).toBeLessThanOrEqual(GRADIENT_DEFAULTS.max);
        }
      }),
    );
  });
});

describe("AIMD", () => {
  it.each([
    { inflight: 8, dropped: false, now: 0, limit: 16 + 1 / 16, cut: false },
    { inflight: 7, dropped: false, now: 0, limit: 16, cut: false },
    { inflight: 1, dropped: true, now: 5000, limit: 11.2, cut: true },
    { inflight: 16, dropped: true, now: 1999, limit: 16, cut: false },
  ])("goes from 16 to $limit ($inflight under way, dropped: $dropped, at $now)", ({ limit, cut, ...sample }) => {
    const next = aimdStep({ limit: 16, cutAt: 1000 }, sample, AIMD_DEFAULTS);
    expect(next.limit).toBeCloseTo(limit);
    expect(next.cutAt).toBe(cut ? sample.now : 1000);
  });

  it("gains about one a round, is cut once a second at most, and keeps its bounds", () => {
    let now = 0;
    const limit = aimdLimit(() => now);
    for (let i = 0; i < 17; i++) limit.sample(1, 16, false);
    expect(limit.current()).toBe(17);
    for (let i = 0; i < 100; i++) limit.sample(1, 16, true);
    expect(limit.current()).toBe(11);
    for (let i = 0; i < 100; i++) {
      now += 1000;
      limit.sample(1, 16, true);
    }
    expect(limit.current()).toBe(2);
    for (let i = 0; i < 100_000; i++) limit.sample(1, 1000, false);
    expect(limit.current()).toBe(256);
  });
});

it("a fixed limit stays what it is", () => {
  const limit = fixedLimit(7);
  limit.sample(1e9, 7, true);
  expect(limit.current()).toBe(7);
});
