import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { defineNode, openWeft } from "../packages/server/src/index.ts";
import { sqliteJournal } from "../packages/server/src/journal/sqlite.ts";
import { commit } from "./machine.ts";

/**
 * How a run of many rounds or items grows: `node bench/scale.ts [SIZE…]` (10,000 and 100,000). Each run has a process of
 * its own, on a folder of its own. What should be seen: time and storage in proportion to the size, memory and what a
 * recovery reads not growing with it.
 */
export interface Scale {
  readonly workload: "loop" | "for_each";
  readonly size: number;
  readonly seconds: number;
  /** Milliseconds a round or item. */
  readonly msEach: number;
  /** Most heap that was in use at any moment, what only waits to be collected included. */
  readonly peakHeapMb: number;
  /** Most heap that was in use behind a collection; from a run of its own, for collecting takes time. */
  readonly liveHeapMb: number;
  readonly peakRssMb: number;
  readonly storeMb: number;
  readonly bytesEach: number;
  readonly rows: number;
  /** What a recovery of the ended run reads. */
  readonly recoveryRows: number;
  readonly recoveryKb: number;
  readonly largestRowKb: number;
  /** First and repeated opening of the ended run. */
  readonly openMs: number;
  readonly openAgainMs: number;
}

const WORKLOADS: Readonly<Record<Scale["workload"], (size: number) => object>> = {
  loop: (size) => ({
    id: "rounds",
    type: "loop",
    vars: { total: 0 },
    max_iterations: size,
    steps: [
      { id: "work", type: "count", value: "{{ loop.index0 }}" },
      { id: "keep", type: "assign", variables: { total: "{{ loop.total + 1 }}" } },
    ],
  }),
  for_each: () => ({
    id: "each",
    type: "for_each",
    items: "{{ inputs.items }}",
    concurrency: 16,
    steps: [{ id: "work", type: "count", value: "{{ item }}" }],
  }),
};

/** Done by value, so that a round has one step that is work and not only rules. */
const count = defineNode({
  type: "count",
  config: z.object({ value: z.number() }),
  effect: "idempotent",
  execute: ({ value }) => ({ value, text: "a result of some length, as a step would return it" }),
});

/** Runs one workload in this process and measures it. */
export async function measure(workload: Scale["workload"], size: number): Promise<Omit<Scale, "liveHeapMb">> {
  const folder = mkdtempSync(join(tmpdir(), "weft-scale-"));
  const peak = { heap: 0, rss: 0 };
  const sample = setInterval(() => {
    // Only there when Node was started with `--expose-gc`.
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    peak.heap = Math.max(peak.heap, heapUsed);
    peak.rss = Math.max(peak.rss, rss);
  }, 20);
  try {
    const weft = await openWeft({
      store: folder,
      nodes: [count],
      problem: (message, _, error) => {
        throw new Error(message, { cause: error });
      },
    });
    await weft.workflows.publish(JSON.stringify({ name: workload, steps: [WORKLOADS[workload](size)], outputs: {} }));
    const items = Array.from({ length: size }, (_, at) => at);
    const began = performance.now();
    await weft.runs.start({ id: "big", workflow: workload, inputs: workload === "loop" ? {} : { items } });
    const ended = await weft.runs.wait("big");
    const seconds = (performance.now() - began) / 1000;
    if (ended?.status !== "succeeded") throw new Error(`it ended as ${ended?.status}: ${JSON.stringify(ended?.error)}`);
    const open = async (): Promise<number> => {
      const start = performance.now();
      JSON.stringify([await weft.runs.get("big"), await weft.runs.task("big")]);
      return performance.now() - start;
    };
    const [openMs, openAgainMs] = [await open(), await open()];
    // What is read from here on is for the measuring alone.
    clearInterval(sample);
    await weft.close();
    const journal = await sqliteJournal({ folder });
    const head = (await journal.head("default", "big"))!;
    const recovery = await journal.read(head.runKey, { snapshot: true });
    const all = await journal.read(head.runKey, { snapshot: false });
    await journal.close();
    const recoveryBytes = recovery.rows.reduce(
      (sum, { body }) => sum + body.length,
      recovery.snapshot?.body.length ?? 0,
    );
    const bytes = bytesIn(folder);
    return {
      workload,
      size,
      seconds: round(seconds),
      msEach: round((1000 * seconds) / size),
      peakHeapMb: round(peak.heap / 2 ** 20),
      peakRssMb: round(peak.rss / 2 ** 20),
      storeMb: round(bytes / 2 ** 20),
      bytesEach: Math.round(bytes / size),
      rows: all.rows.length,
      recoveryRows: recovery.rows.length,
      recoveryKb: round(recoveryBytes / 1024),
      largestRowKb: round(Math.max(...all.rows.map(({ body }) => body.length)) / 1024),
      openMs: round(openMs),
      openAgainMs: round(openAgainMs),
    };
  } finally {
    clearInterval(sample);
    rmSync(folder, { recursive: true, force: true });
  }
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

const PROGRAM = import.meta.filename;
const [mode, ...rest] = process.argv.slice(2);
if (process.argv[1] === PROGRAM) {
  if (mode === "one")
    process.stdout.write(JSON.stringify(await measure(rest[0] as Scale["workload"], Number(rest[1]))));
  else compare(process.argv.slice(2).map(Number));
}

/** `npm run bench -- scale [SIZE …]`: a loop and a `for_each` of 10,000 and 100,000, to see what grows and how. */
export async function bench(args: readonly string[]): Promise<void> {
  compare(args.map(Number));
}

function compare(sizes: readonly number[]): void {
  console.log(`commit ${commit()}, node ${process.versions.node}`);
  const results: Scale[] = [];
  for (const workload of ["loop", "for_each"] as const) {
    for (const size of sizes.length > 0 ? sizes : [10_000, 100_000]) {
      const { peakHeapMb: liveHeapMb } = inProcess(workload, size, ["--expose-gc"]);
      results.push({ ...inProcess(workload, size, []), liveHeapMb });
    }
  }
  console.table(results);
}

function inProcess(workload: string, size: number, flags: readonly string[]): Omit<Scale, "liveHeapMb"> {
  const child = spawnSync(process.execPath, [...flags, PROGRAM, "one", workload, String(size)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.status !== 0) throw new Error(`${workload} of ${size} failed`);
  return JSON.parse(child.stdout.toString()) as Omit<Scale, "liveHeapMb">;
}
