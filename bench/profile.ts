import { Session, type Profiler } from "node:inspector/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Time that was spent in one function itself, not in what it called. */
export interface ProfileLine {
  readonly name: string;
  readonly place: string;
  readonly selfMs: number;
}

export interface Profile {
  readonly lines: readonly ProfileLine[];
  readonly totalMs: number;
  readonly idleMs: number;
}

/** Microseconds between samples. */
const INTERVAL_US = 200;

/** The CPU profile of this thread while the work lasts. */
export async function profiled(work: () => Promise<void>): Promise<Profile> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: INTERVAL_US });
    await session.post("Profiler.start");
    await work();
    return summary((await session.post("Profiler.stop")).profile);
  } finally {
    session.disconnect();
  }
}

const NOT_WORK = new Set(["(idle)", "(root)"]);

function summary({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Profile {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byPlace = new Map<string, { name: string; place: string; selfMs: number }>();
  let [totalMs, idleMs] = [0, 0];
  for (const [at, id] of samples.entries()) {
    const ms = (timeDeltas[at] ?? 0) / 1000;
    const { functionName, url, lineNumber } = frames.get(id)!;
    totalMs += ms;
    // The profiler's own calls are none of the program's.
    if (NOT_WORK.has(functionName) || url === "node:inspector") {
      idleMs += ms;
      continue;
    }
    const place = url === "" ? "" : `${shortened(url)}:${lineNumber + 1}`;
    const key = `${functionName} ${place}`;
    const line = byPlace.get(key) ?? { name: functionName || "(anonymous)", place, selfMs: 0 };
    line.selfMs += ms;
    byPlace.set(key, line);
  }
  return { lines: [...byPlace.values()].toSorted((a, b) => b.selfMs - a.selfMs), totalMs, idleMs };
}

function shortened(url: string): string {
  if (!url.startsWith("file:")) return url;
  return relative(fileURLToPath(new URL("..", import.meta.url)), fileURLToPath(url));
}

const LINES = 40;

/** A Markdown table of the functions that took most, `perRun` microseconds each, and the files that they are in. */
export function readableProfile({ lines, totalMs, idleMs }: Profile, runs: number): string {
  const busyMs = totalMs - idleMs;
  const row = (name: string, place: string, ms: number): string =>
    `| ${((ms / busyMs) * 100).toFixed(1)} % | ${((ms / runs) * 1000).toFixed(2)} | ${name} | ${place} |`;
  const byFile = new Map<string, number>();
  for (const { place, name, selfMs } of lines) {
    const file = place === "" ? name : place.slice(0, place.lastIndexOf(":"));
    byFile.set(file, (byFile.get(file) ?? 0) + selfMs);
  }
  const files = [...byFile].toSorted((a, b) => b[1] - a[1]).slice(0, LINES / 2);
  return [
    `${runs} runs, ${((totalMs / runs) * 1000).toFixed(1)} µs a run, of which this thread was busy ${((busyMs / runs) * 1000).toFixed(1)} µs`,
    "",
    "| own time | µs a run | function | place |",
    "| --- | --- | --- | --- |",
    ...lines.slice(0, LINES).map(({ name, place, selfMs }) => row(name, place, selfMs)),
    "",
    "| own time | µs a run | file | |",
    "| --- | --- | --- | --- |",
    ...files.map(([file, ms]) => row(file, "", ms)),
    "",
  ].join("\n");
}
