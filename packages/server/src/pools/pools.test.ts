import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Json } from "@weftwork/core";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { memoryLive } from "../live/memory.ts";
import { defineNode } from "../nodes/define-node.ts";
import { openWeft, type Weft } from "../weft.ts";
import { Pools } from "./pools.ts";
import type { PausedPool, PoolControlTable } from "./control-table.ts";

const folder = mkdtempSync(join(tmpdir(), "weft-pools-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a pool that was paused begins nothing when the process comes back, until it is resumed", async () => {
  let begun = 0;
  const count = defineNode({
    type: "count",
    pool: "slow",
    config: z.object({}),
    execute: () => Promise.resolve({ begun: (begun += 1) }),
  });
  const open = (): Promise<Weft> => openWeft({ store: folder, nodes: [count], pools: { slow: 4 } });
  const waiting = async (weft: Weft): Promise<number> => (await weft.pools.get("slow")).waiting;

  const first = await open();
  await first.workflows.publish("name: flow\nsteps:\n  - {id: one, type: count}\n");
  await first.pools.pause("slow", "new hardware");
  await first.runs.start({ workflow: "flow", id: "r" });
  await expect.poll(() => waiting(first)).toBe(1);
  await first.close({ graceMs: 0 });

  const second = await open();
  await expect.poll(() => waiting(second)).toBe(1);
  expect(await second.pools.get("slow")).toMatchObject({ status: "paused", reason: "new hardware", active: 0 });
  expect(begun).toBe(0);
  await second.pools.resume("slow");
  expect(await second.runs.wait("r", { timeoutMs: 10_000 })).toMatchObject({ status: "succeeded" });
  expect(begun).toBe(1);
  await second.close();
});

test("a pool stays paused where an answer of before comes behind that of a later question", async () => {
  const answers: ((paused: readonly PausedPool[]) => void)[] = [];
  const table = { list: () => new Promise<readonly PausedPool[]>((resolve) => answers.push(resolve)) };
  const applied: string[][] = [];
  const pools = new Pools({
    table: table as Partial<PoolControlTable> as PoolControlTable,
    signals: memoryLive<Json>(),
    now: () => 0,
    shares: () => [],
    depths: () => Promise.resolve([]),
    apply: (paused) => void applied.push([...paused]),
  });
  const [early, late] = [pools.refresh(), pools.refresh()];
  answers[1]!([{ pool: "slow", reason: null, pausedAt: 0 }]);
  await late;
  answers[0]!([]);
  await early;
  expect(pools.isPaused("slow")).toBe(true);
  expect(applied).toEqual([["slow"]]);
});
