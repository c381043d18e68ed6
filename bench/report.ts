import type { Hardware, Versions } from "./machine.ts";

/** One measured thing. Every benchmark prints this shape. */
export interface Result {
  readonly workload: string;
  readonly store: string;
  readonly variant: string;
  readonly contender: "weftwork" | "floor";
  readonly rounds: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** What `median`, `min` and `max` count: a rate (`…/s`, more is better) or a time (`ms…`, less is better). */
  readonly unit: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Report {
  readonly hardware: Hardware;
  readonly commit: string;
  readonly versions: Versions;
  readonly results: readonly Result[];
}

const HEADINGS = [
  "workload",
  "store",
  "variant",
  "contender",
  "median",
  "min",
  "max",
  "unit",
  "p50 ms",
  "p99 ms",
  "of floor",
];
/** Columns before this one hold words and stand to the left; `unit` does too. */
const FIRST_NUMBER = 4;
const UNIT = 7;

export function readable({ hardware, commit, versions, results }: Report): string {
  const { cpu, cores, memoryGb, system, fsyncMs } = hardware;
  return [
    `${cpu} · ${cores} cores · ${memoryGb} GB · ${system} · ${fsyncMs} ms to make 4 KB durable`,
    `commit ${commit} · ${Object.entries(versions)
      .filter(([, version]) => version !== null)
      .map(([name, version]) => `${name} ${version}`)
      .join(" · ")}`,
    "",
    ...table([HEADINGS, ...results.map((result) => cells(result, results))]),
    "",
    "of floor: speed as a share of the same rows written by hand, medians of the same rounds.",
  ].join("\n");
}

function cells(result: Result, all: readonly Result[]): string[] {
  const { workload, store, variant, contender, unit } = result;
  const numbers = [result.median, result.min, result.max].map(short);
  const latencies = [result.p50Ms, result.p99Ms].map(short);
  return [workload, store, variant, contender, ...numbers, unit, ...latencies, ratio(result, all)];
}

/** Speed as a share of the floor's, whichever way the unit counts; empty for the floor itself. */
function ratio(result: Result, all: readonly Result[]): string {
  if (result.contender === "floor") return "";
  const floor = all.find(
    ({ workload, store, variant, contender }) =>
      contender === "floor" && workload === result.workload && store === result.store && variant === result.variant,
  );
  if (!floor) return "";
  const share = result.unit.startsWith("ms") ? floor.median / result.median : result.median / floor.median;
  return share.toFixed(2);
}

function short(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column < FIRST_NUMBER || column === UNIT ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join("  ")
      .trimEnd(),
  );
}
