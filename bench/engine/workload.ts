import { defineNode, type NodeExecutor } from "weftwork";
import { z } from "zod";
import type { Drive } from "./drive.ts";

export const VARIANTS = ["effect", "pure"] as const;
export type Variant = (typeof VARIANTS)[number];

/** One thing that is measured: which workflow, how many of it at a time, and what is counted. */
export interface Workload {
  readonly name: string;
  readonly source: (variant: Variant) => string;
  /** Name of the workflow that `source` publishes. */
  readonly workflow: string;
  readonly inFlight: number;
  /** Runs of one round. A slow disk ends a round earlier, by time. */
  readonly runs: (store: string) => number;
  readonly unit: string;
  readonly value: (drive: Drive) => number;
  /** What a sample of a run is divided by for the percentiles. */
  readonly stepsPerSample: number;
  /** Over HTTP; `wait`: with `Prefer: wait`, so that a request lasts until the end of its run. */
  readonly http: "wait" | "submit" | null;
}

/** 200 bytes of JSON. */
export const TEXT = "x".repeat(198);
export const INPUTS = { text: TEXT };

const perSecond = ({ runs, elapsedMs }: Drive): number => (runs / elapsedMs) * 1000;
const W1_RUNS: Readonly<Record<string, number>> = { memory: 20_000, sqlite: 20_000, postgres: 8000 };
const W4_RUNS: Readonly<Record<string, number>> = { memory: 8000, sqlite: 8000, postgres: 5000 };

export const WORKLOADS: readonly Workload[] = [
  {
    name: "W1",
    ...chain("three", 3),
    inFlight: 64,
    runs: (store) => W1_RUNS[store]!,
    unit: "runs/s",
    value: perSecond,
    stepsPerSample: 1,
    http: null,
  },
  {
    name: "W2",
    ...chain("ten", 10),
    inFlight: 1,
    runs: () => 200,
    unit: "ms/step",
    value: ({ runs, elapsedMs }) => elapsedMs / runs / 10,
    stepsPerSample: 10,
    http: null,
  },
  {
    name: "W3",
    workflow: "wide",
    source: wide,
    inFlight: 1,
    runs: () => 200,
    unit: "ms/run",
    value: ({ runs, elapsedMs }) => elapsedMs / runs,
    stepsPerSample: 1,
    http: null,
  },
  {
    name: "W4",
    ...chain("three", 3),
    inFlight: 64,
    runs: (store) => W4_RUNS[store]!,
    unit: "runs/s",
    value: perSecond,
    stepsPerSample: 1,
    http: "wait",
  },
  {
    name: "W4-submit",
    ...chain("three", 3),
    inFlight: 64,
    runs: (store) => W4_RUNS[store]!,
    unit: "submits/s",
    value: perSecond,
    stepsPerSample: 1,
    http: "submit",
  },
];

/** Steps in a line, each reading the one before. */
function chain(name: string, count: number): Pick<Workload, "workflow" | "source"> {
  const steps = (variant: Variant): string[] =>
    Array.from(
      { length: count },
      (_, i) =>
        `  - {id: s${i}, type: bench_${variant}, text: "{{ ${i === 0 ? "inputs.text" : `steps.s${i - 1}.output`} }}"}`,
    );
  return { workflow: name, source: (variant) => `name: ${name}\nsteps:\n${steps(variant).join("\n")}\n` };
}

/** A hundred steps side by side. The output names one of them, so that rows are all there is to store. */
function wide(variant: Variant): string {
  const steps = Array.from(
    { length: 100 },
    (_, i) => `  - {id: s${i}, type: bench_${variant}, text: "{{ inputs.text }}"}`,
  );
  return `name: wide\nsteps:\n${steps.join("\n")}\noutputs: {first: "{{ steps.s0.output }}"}\n`;
}

/** The steps' own nodes. One with an effect is asynchronous, as everything is that reaches outside; a pure one is not. */
export const NODES: readonly NodeExecutor[] = [
  defineNode({
    type: "bench_effect",
    config: z.object({ text: z.string() }),
    effect: "effect",
    execute: async () => TEXT,
  }),
  defineNode({
    type: "bench_pure",
    config: z.object({ text: z.string() }),
    effect: "pure",
    execute: () => TEXT,
  }),
];
