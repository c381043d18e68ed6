import type { Result } from "../report.ts";
import { median, quantile } from "../statistics.ts";
import type { Contender, Task } from "./contender.ts";
import { drive, type Drive } from "./drive.ts";
import type { Places, StoreName } from "./place.ts";

export interface Comparison {
  readonly store: StoreName;
  readonly places: Places;
  readonly task: Task;
  readonly contenders: Readonly<Record<Result["contender"], Contender>>;
  readonly rounds: number;
  /** Share of the workload's runs that a round does: 1, less for a quick look. */
  readonly size: number;
}

/** Runs before a round's clock starts, as a share: a fresh process and a fresh store are not what is measured. */
const LEAD_IN = 0.1;

/**
 * Both contenders in alternating rounds, each on a fresh place; who goes first changes with every round. A round before
 * them warms up and is not counted.
 */
export async function compare(comparison: Comparison): Promise<readonly Result[]> {
  const { rounds } = comparison;
  const drives = { weftwork: [] as Drive[], floor: [] as Drive[] };
  for (let at = -1; at < rounds; at++) {
    const order = at % 2 === 0 ? (["weftwork", "floor"] as const) : (["floor", "weftwork"] as const);
    for (const name of order) {
      const measured = await round(comparison, comparison.contenders[name]);
      if (at >= 0) drives[name].push(measured);
    }
  }
  return [result(comparison, "weftwork", drives.weftwork), result(comparison, "floor", drives.floor)];
}

async function round({ store, places, task, size }: Comparison, contender: Contender): Promise<Drive> {
  const { workload } = task;
  const place = await places();
  try {
    const open = await contender(place.address, task);
    try {
      const runs = Math.max(workload.inFlight, Math.round(workload.runs(store) * size));
      await drive(open.run, Math.ceil(runs * LEAD_IN), workload.inFlight);
      globalThis.gc?.();
      return await drive(open.run, runs, workload.inFlight);
    } finally {
      await open.close();
    }
  } finally {
    await place.remove();
  }
}

function result({ store, task, rounds }: Comparison, contender: Result["contender"], drives: readonly Drive[]): Result {
  const { name, unit, value, stepsPerSample } = task.workload;
  const values = drives.map(value);
  const samples = drives.flatMap((each) => each.samples);
  return {
    workload: name,
    store,
    variant: task.variant,
    contender,
    rounds,
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    unit,
    p50Ms: quantile(samples, 0.5) / stepsPerSample,
    p99Ms: quantile(samples, 0.99) / stepsPerSample,
  };
}
