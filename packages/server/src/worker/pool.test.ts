import type { Priority } from "@weftwork/core";
import { describe, expect, it } from "vitest";
import { Pool } from "./pool.ts";

function filled(counts: Partial<Record<Priority, number>>): Pool<string> {
  const pool = new Pool<string>("default", 1);
  for (const [priority, count] of Object.entries(counts))
    for (let i = 0; i < count; i++) pool.push(priority as Priority, `${priority} ${i}`);
  return pool;
}

describe("a pool", () => {
  it("gives tasks of one class in the order they came", () => {
    const pool = filled({ normal: 3000 });
    const taken = Array.from({ length: 3000 }, () => pool.shift());
    expect(taken).toEqual(Array.from({ length: 3000 }, (_, i) => `normal ${i}`));
    expect(pool.shift()).toBeUndefined();
  });

  it("serves waiting classes 8:4:2:1", () => {
    const pool = filled({ interactive: 100, normal: 100, batch: 100, background: 100 });
    const first = Array.from({ length: 30 }, () => pool.shift()!.split(" ")[0]!);
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
    for (let i = 0; i < 40; i++) pool.shift();
    pool.push("interactive", "urgent");
    expect([pool.shift(), pool.shift()]).toContain("urgent");
  });

  it("counts what waits and starts no more than it may", () => {
    const pool = filled({ normal: 2 });
    expect(pool.canStart).toBe(true);
    pool.active = 1;
    expect([pool.waiting, pool.canStart]).toEqual([2, false]);
  });
});
