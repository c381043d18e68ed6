import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { defineNode } from "../nodes/define-node.ts";
import { openWeft, type Weft } from "../weft.ts";

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
