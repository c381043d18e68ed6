import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openWeft, type Weft } from "../weft.ts";
import { fsyncTimes } from "./doctor/fsync.ts";
import { EXIT } from "./exit.ts";
import { say } from "./language.ts";
import { print } from "./remote.ts";
import { table } from "./table.ts";

export interface BenchOptions {
  readonly quick?: boolean;
  readonly json?: boolean;
}

/** Three steps that take nothing themselves: what is measured is the engine and the disk. */
const THREE = `name: bench_three
steps:
  - {id: a, type: template, template: "{{ inputs.text }}"}
  - {id: b, type: template, template: "{{ steps.a.output }}"}
  - {id: c, type: template, template: "{{ steps.b.output }}"}
`;
const ONE = 'name: bench_one\nsteps:\n  - {id: a, type: template, template: "{{ inputs.text }}"}\n';
/** Runs on their way at the same time. */
const CONCURRENCY = 64;

/** What this machine does. Times are milliseconds. */
export interface Figures {
  readonly runs: number;
  readonly seconds: number;
  readonly runs_per_second: number;
  readonly run_ms: { readonly median: number; readonly p99: number };
  readonly step_ms: { readonly median: number; readonly p99: number };
  readonly fsync_ms: { readonly median: number; readonly p99: number };
}

/** `weft bench`: the real engine over SQLite in a folder of its own below the system's temporary one. */
export async function benchCommand(options: BenchOptions): Promise<number> {
  const seconds = options.quick === true ? 1 : 8;
  const folder = mkdtempSync(join(tmpdir(), "weft-bench-"));
  let isStopped = false;
  const stop = (): void => void (isStopped = true);
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    const fsync = fsyncTimes(folder);
    const weft = await openWeft({ store: join(folder, "data") });
    let figures: Figures;
    try {
      figures = { ...(await measured(weft, seconds * 1000, () => isStopped)), fsync_ms: fsync };
    } finally {
      await weft.close({ graceMs: 1000 });
    }
    if (isStopped) {
      process.stderr.write(`weft: ${say("bench.stopped")}\n`);
      return EXIT.INTERRUPTED;
    }
    print(options, figures, () => report(figures));
    return EXIT.OK;
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(weft: Weft, ms: number, isStopped: () => boolean): Promise<Omit<Figures, "fsync_ms">> {
  for (const source of [THREE, ONE]) await weft.workflows.publish(source);
  const once = async (workflow: string): Promise<void> => {
    const { run } = await weft.runs.start({ workflow, inputs: { text: "weft" } });
    await weft.runs.wait(run.id);
  };
  // The first runs compile what later ones find.
  for (let warm = 0; warm < 20; warm++) await once("bench_three");
  const alone = (workflow: string): Promise<readonly number[]> => timed(() => once(workflow), ms / 4, isStopped);
  const three = await alone("bench_three");
  const one = await alone("bench_one");
  const startedAt = performance.now();
  let runs = 0;
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      while (performance.now() - startedAt < ms && !isStopped()) {
        await once("bench_three");
        runs++;
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  return { runs, seconds, runs_per_second: runs / seconds, run_ms: quantiles(three), step_ms: quantiles(one) };
}

async function timed(work: () => Promise<void>, ms: number, isStopped: () => boolean): Promise<readonly number[]> {
  const times: number[] = [];
  const startedAt = performance.now();
  do {
    const before = performance.now();
    await work();
    times.push(performance.now() - before);
  } while (performance.now() - startedAt < ms && !isStopped());
  return times;
}

function quantiles(times: readonly number[]): { readonly median: number; readonly p99: number } {
  const sorted = times.toSorted((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)]!, p99: sorted[Math.floor(sorted.length * 0.99)]! };
}

function report({ runs_per_second: perSecond, run_ms: run, step_ms: step, fsync_ms: fsync }: Figures): string {
  const both = ({ median, p99 }: Figures["run_ms"]): string => `${median.toFixed(2)} / ${p99.toFixed(2)} ms`;
  const rows = [
    [say("bench.runs"), say("bench.per_second", { count: Math.round(perSecond) })],
    [say("bench.latency"), both(run)],
    [say("bench.step"), `${step.median.toFixed(2)} ms`],
    [say("bench.fsync"), both(fsync)],
  ];
  return table([say("bench.measure"), say("bench.value")], rows);
}
