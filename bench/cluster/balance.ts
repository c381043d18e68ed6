import { defineNode, openWeft, type NodeExecutor } from "weftwork";
import { z } from "zod";
import type { TestPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { loadVariance } from "../../packages/server/src/worker/presence.ts";
import { drive } from "../engine/drive.ts";
import { WorkerProcesses, transportOf, type TransportName } from "./setup.ts";

export interface BalanceResult {
  readonly transport: TransportName;
  readonly workers: number;
  /** Milliseconds of work that each worker did, in percent of the mean. */
  readonly shares: readonly number[];
  /** Population variance of these. */
  readonly variance: number;
}

/** A step that takes 1 to 100 ms, one in ten of them half a second; it answers who did it, and for how long. */
export const uneven: NodeExecutor = defineNode({
  type: "bench_uneven",
  config: z.object({ n: z.number() }),
  effect: "effect",
  execute: async ({ n }) => {
    const ms = n % 10 === 0 ? 500 : 1 + ((n * 37) % 100);
    await new Promise((resolve) => void setTimeout(resolve, ms));
    return { pid: process.pid, ms };
  },
});

const RUNS = 600;
const IN_FLIGHT = 48;

/** How evenly uneven steps are spread over workers. */
export async function balance(server: TestPostgres, transport: TransportName, count: number): Promise<BalanceResult> {
  const { url, drop } = await server.create();
  const weft = await openWeft({ store: url, nodes: [uneven], serves: [], name: "owner", ...transportOf(transport) });
  try {
    await weft.workflows.publish(
      JSON.stringify({ name: "uneven", steps: [{ id: "s", type: "bench_uneven", n: "{{ inputs.n }}", pool: "code" }] }),
    );
    const workers = await WorkerProcesses.start(count, url, transport);
    const work = new Map<number, number>();
    try {
      let n = 0;
      await drive(
        async () => {
          const { run } = await weft.runs.start({ workflow: "uneven", inputs: { n: n++ } });
          const ended = await weft.runs.wait(run.id);
          const { pid, ms } = (ended!.outputs as { s: { pid: number; ms: number } }).s;
          work.set(pid, (work.get(pid) ?? 0) + ms);
        },
        RUNS,
        IN_FLIGHT,
      );
    } finally {
      await workers.stop();
    }
    const sums = [...work.values(), ...Array.from({ length: count - work.size }, () => 0)];
    const mean = sums.reduce((sum, one) => sum + one, 0) / count;
    const shares = sums.map((sum) => (sum / mean) * 100);
    return { transport, workers: count, shares, variance: loadVariance(shares) };
  } finally {
    await weft.close({ graceMs: 2000 });
    await drop();
  }
}
