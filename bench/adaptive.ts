import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { z } from "zod";
import { defineNode, openWeft } from "../packages/server/src/index.ts";
import { commit, hardware, versions } from "./machine.ts";
import { table } from "./report.ts";
import { quantile } from "./statistics.ts";

/**
 * A fixed and an adaptive limit of a pool beside each other, in one process and at the same time, each in front of a
 * service of its own of the same kind. The services become five times as slow for a while. Runs arrive at a steady rate.
 *
 * The service has so many processors and shares them among its calls: with more calls than processors each takes as much
 * longer, and changing between them costs some of the work.
 */
const USAGE = `npm run bench -- adaptive [--seconds 60] [--factor 5] [--overhead 0.25] [--rate 300]
`;

const PROCESSORS = 16;
const CALL_MS = 20;
const MAX = 64;
const POOLS = ["fixed", "adaptive"] as const;
type PoolName = (typeof POOLS)[number];
const PHASES = ["before", "slow", "after"] as const;
type Phase = (typeof PHASES)[number];

class Service {
  private inflight = 0;
  /** Of the calls, by the phase in which they began. */
  readonly times: Record<Phase, number[]> = { before: [], slow: [], after: [] };
  private readonly overhead: number;

  constructor(overhead: number) {
    this.overhead = overhead;
  }

  async call(phase: Phase, factor: number): Promise<void> {
    this.inflight += 1;
    const share = Math.max(1, this.inflight / PROCESSORS);
    const ms = CALL_MS * factor * share * (1 + this.overhead * (share - 1));
    const began = performance.now();
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.times[phase].push(performance.now() - began);
    this.inflight -= 1;
  }
}

interface Seen {
  arrived: number;
  ended: number;
  readonly runMs: number[];
}

export interface Compared {
  readonly pool: PoolName;
  readonly phase: Phase;
  readonly arrived: number;
  /** Runs that ended in this phase, a second. */
  readonly throughput: number;
  /** Of runs that arrived in this phase, to their end. */
  readonly runMs: readonly number[];
  readonly callMs: readonly number[];
  /** The limit at the end of the phase. */
  readonly limit: number;
}

export async function compare(given: {
  readonly seconds: number;
  readonly factor: number;
  readonly overhead: number;
  readonly rate: number;
}): Promise<readonly Compared[]> {
  const { seconds, factor, overhead, rate } = given;
  const services = { fixed: new Service(overhead), adaptive: new Service(overhead) };
  let phase: Phase = "before";
  const call = defineNode({
    type: "call",
    config: z.object({ service: z.enum(POOLS) }),
    effect: "idempotent",
    async execute({ service }) {
      await services[service].call(phase, phase === "slow" ? factor : 1);
      return null;
    },
  });
  const pools = { fixed: MAX, adaptive: { max: MAX, adaptive: "gradient" } } as const;
  const weft = await openWeft({ nodes: [call], pools });
  const seen = (): Record<Phase, Seen> => ({ before: fresh(), slow: fresh(), after: fresh() });
  const all: Record<PoolName, Record<Phase, Seen>> = { fixed: seen(), adaptive: seen() };
  const limits: Record<string, number> = {};
  const open = new Set<Promise<void>>();
  let isOver = false;
  const one = async (pool: PoolName): Promise<void> => {
    const arrivedIn = all[pool][phase];
    arrivedIn.arrived += 1;
    const began = performance.now();
    const { run } = await weft.runs.start({ workflow: pool });
    const ended = await weft.runs.wait(run.id);
    if (ended?.status !== "succeeded") throw new Error(`a run ended ${JSON.stringify(ended)}`);
    arrivedIn.runMs.push(performance.now() - began);
    if (!isOver) all[pool][phase].ended += 1;
  };
  const begin = (pool: PoolName): void => {
    const ending = one(pool).finally(() => open.delete(ending));
    open.add(ending);
  };
  try {
    for (const pool of POOLS)
      await weft.workflows.publish(
        `name: ${pool}\nsteps:\n  - {id: call, type: call, pool: ${pool}, service: ${pool}}\n`,
      );
    for (phase of PHASES) {
      const began = performance.now();
      // As long before as it is slow would only make it longer.
      const length = phase === "before" ? seconds / 3 : seconds;
      for (let sent = 0; ;) {
        const passed = (performance.now() - began) / 1000;
        if (passed >= length) break;
        for (; sent < passed * rate; sent++) POOLS.forEach(begin);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      for (const pool of POOLS) limits[`${pool} ${phase}`] = limitOf(weft.metrics(), pool);
    }
    isOver = true;
    await Promise.all(open);
  } finally {
    await weft.close({ graceMs: 1000 });
  }
  return POOLS.flatMap((pool) =>
    PHASES.map((of) => ({
      pool,
      phase: of,
      arrived: all[pool][of].arrived,
      throughput: all[pool][of].ended / (of === "before" ? seconds / 3 : seconds),
      runMs: all[pool][of].runMs,
      callMs: services[pool].times[of],
      limit: limits[`${pool} ${of}`]!,
    })),
  );
}

function fresh(): Seen {
  return { arrived: 0, ended: 0, runMs: [] };
}

function limitOf(metrics: readonly string[], pool: string): number {
  const line = metrics.find((one) => one.startsWith(`weft_pool_limit{pool="${pool}"}`));
  return Number(line?.split(" ").at(-1));
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "60" },
      factor: { type: "string", default: "5" },
      overhead: { type: "string", default: "0.25" },
      rate: { type: "string", default: "300" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const [seconds, factor, overhead, rate] = [values.seconds, values.factor, values.overhead, values.rate].map(Number);
  const results = await compare({ seconds: seconds!, factor: factor!, overhead: overhead!, rate: rate! });
  const { cpu, cores, memoryGb, system } = hardware(tmpdir());
  const number = (value: number): string => Math.round(value).toLocaleString("en");
  const rows = results.map(({ pool, phase, arrived, throughput, runMs, callMs, limit }) => [
    pool,
    phase,
    `${number(arrived)} arrived`,
    `limit ${limit} at its end`,
    number(throughput),
    ...[runMs, callMs].flatMap((times) => [0.5, 0.99].map((q) => number(quantile(times, q)))),
  ]);
  const headings = [
    "pool",
    "phase",
    "runs",
    "limit",
    "runs/s",
    "run p50 ms",
    "run p99 ms",
    "call p50 ms",
    "call p99 ms",
  ];
  process.stdout.write(
    `${cpu} · ${cores} cores · ${memoryGb} GB · ${system}\ncommit ${commit()} · node ${versions(null).node}\n` +
      `${rate} runs/s; a service of ${PROCESSORS} processors, ${CALL_MS} ms a call, ${factor} times as slow for ${seconds} s; ` +
      `at most ${MAX} calls at once\n\n${table([headings, ...rows]).join("\n")}\n\n` +
      "Runs and calls count to the phase in which they began, runs/s to the one in which they ended.\n",
  );
}

if (process.argv[1] === import.meta.filename) await bench(process.argv.slice(2));
