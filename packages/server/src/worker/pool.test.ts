import type { Priority } from "@weftwork/core";
import { describe, expect, it } from "vitest";
import { Pool, type PoolTask } from "./pool.ts";

interface Task extends PoolTask {
  readonly name: string;
}

let clock = 0;

function task(priority: Priority, name: string, given: Partial<Task> = {}): Task {
  return { name, priority, tenant: "acme", flow: "one", kind: "step", at: clock++, bonusMs: 0, booked: 0, ...given };
}

function filled(counts: Partial<Record<Priority, number>>): Pool<Task> {
  const pool = new Pool<Task>("default", 1);
  for (const [priority, count] of Object.entries(counts))
    for (let i = 0; i < count; i++) pool.push(task(priority as Priority, `${priority} ${i}`));
  return pool;
}

function take(pool: Pool<Task>, ms = 0): string | undefined {
  const taken = pool.shift();
  if (!taken) return undefined;
  pool.active += 1;
  pool.left(taken, ms);
  return taken.name;
}

describe("a pool", () => {
  it("gives tasks of one class in the order they came", () => {
    const pool = filled({ normal: 3000 });
    const taken = Array.from({ length: 3000 }, () => take(pool));
    expect(taken).toEqual(Array.from({ length: 3000 }, (_, i) => `normal ${i}`));
    expect(take(pool)).toBeUndefined();
  });

  it("serves waiting classes 8:4:2:1", () => {
    const pool = filled({ interactive: 100, normal: 100, batch: 100, background: 100 });
    const first = Array.from({ length: 30 }, () => take(pool)!.split(" ")[0]!);
    const counted = Object.groupBy(first, (name) => name);
    expect(Object.fromEntries(Object.entries(counted).map(([name, taken]) => [name, taken!.length]))).toEqual({
      interactive: 16,
      normal: 8,
      batch: 4,
      background: 2,
    });
  });

  it("gives an empty class no credit for the time it was empty", () => {
    const pool = filled({ background: 50 });
    for (let i = 0; i < 40; i++) take(pool);
    pool.push(task("interactive", "urgent"));
    expect([take(pool), take(pool)]).toContain("urgent");
  });

  it("counts what waits and starts no more than it may", () => {
    const pool = filled({ normal: 2 });
    expect(pool.canStart).toBe(true);
    pool.active = 1;
    expect([pool.waiting, pool.canStart]).toEqual([2, false]);
  });

  it("shares the time of its places, so that slow tasks are fewer than quick ones", () => {
    const pool = new Pool<Task>("default", 1);
    for (let i = 0; i < 2000; i++) {
      for (const kind of ["slow", "quick"]) pool.push(task("normal", kind, { tenant: kind, kind }));
    }
    const used = { slow: 0, quick: 0 };
    for (let i = 0; i < 1100; i++) {
      const taken = pool.shift()!;
      pool.active += 1;
      const ms = taken.name === "slow" ? 1000 : 100;
      used[taken.name as keyof typeof used] += ms;
      pool.left(taken, ms);
    }
    expect(Math.abs(used.slow - used.quick)).toBeLessThanOrEqual(2000);
  });

  it("forgets a task that is not done after all", () => {
    const pool = new Pool<Task>("default", 1);
    for (const tenant of ["a", "b"]) pool.push(task("normal", tenant, { tenant }));
    pool.withdraw(pool.shift()!);
    pool.withdraw(pool.shift()!);
    expect([pool.waiting, pool.active, pool.canStart]).toEqual([0, 0, false]);
  });
});
