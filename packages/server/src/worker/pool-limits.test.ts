import { failure, Payload, type TaskOutcome } from "@weftwork/core";
import { expect, it, test } from "vitest";
import type { Limit } from "../limits/limit.ts";
import type { PoolSize } from "../limits/pool-size.ts";
import { Pool } from "./pool.ts";
import { droppedOf, poolLimit } from "./pool-limits.ts";

/** What the limit is after a hundred calls of 20 ms, and after a hundred that take ten times as long. */
function learned(name: string, size: PoolSize): readonly number[] | number {
  const limit = poolLimit(name, size, () => 0);
  if (typeof limit === "number") return limit;
  const after = (ms: number): number => {
    for (let i = 0; i < 100; i++) limit.sample(ms, limit.current(), false);
    return limit.current();
  };
  return [limit.current(), after(20), after(200)];
}

test.each<[string, PoolSize, string]>([
  ["default", 64, "fixed"],
  ["default", { max: 64, adaptive: false }, "fixed"],
  ["default", { max: 64, adaptive: true }, "gradient"],
  ["generation", { max: 64, adaptive: true }, "aimd"],
  ["agent", { max: 64, adaptive: true }, "aimd"],
  ["generation", { max: 64, adaptive: "gradient" }, "gradient"],
  ["default", { max: 64, adaptive: "aimd" }, "aimd"],
])("the pool %s of %j learns by: %s", (name, size, kind) => {
  const seen = learned(name, size);
  if (kind === "fixed") expect(seen).toBe(64);
  else {
    const [start, quick, slow] = seen as readonly number[];
    expect([start, quick! > 16]).toEqual([16, true]);
    // Time alone says nothing to the one, and much to the other.
    expect(slow! < quick!).toBe(kind === "gradient");
  }
});

it("a small pool is adaptive within its size", () => {
  for (const adaptive of ["gradient", "aimd"] as const) {
    const limit = poolLimit("default", { max: 1, adaptive }, () => 0) as Limit;
    for (let i = 0; i < 50; i++) limit.sample(1000 * (i + 1), 1, i % 2 === 0);
    expect(limit.current()).toBe(1);
  }
});

test.each<[string, TaskOutcome, boolean | null]>([
  ["a result", { type: "completed", output: Payload.of(null) }, false],
  ["a refusal for load", { type: "failed", failure: failure("MODEL_OVERLOADED", { model: "m", status: 429 }) }, true],
  ["no answer in time", { type: "failed", failure: failure("STEP_TIMEOUT", { timeoutMs: 1 }) }, true],
  ["a mistake", { type: "failed", failure: failure("STEP_FAILED", { reason: "no" }) }, null],
  ["a wait", { type: "parked", until: 1, reason: "the provider is out" }, null],
])("%s says of the load: %#", (_, outcome, dropped) => expect(droppedOf(outcome)).toBe(dropped));

it("a pool begins as many tasks as its limit has learned", () => {
  const limit = poolLimit("default", { max: 40, adaptive: "gradient" }, () => 0);
  const pool = new Pool("default", limit);
  expect([pool.concurrency, pool.isAdaptive]).toEqual([16, true]);
  pool.active = 16;
  for (let i = 0; i < 60; i++) pool.saw(20, false);
  expect(pool.concurrency).toBeGreaterThan(16);
  pool.active = pool.concurrency;
  for (let i = 0; i < 60; i++) pool.saw(400, false);
  expect(pool.concurrency).toBeLessThan(16);
  expect(pool.canStart).toBe(false);
});
