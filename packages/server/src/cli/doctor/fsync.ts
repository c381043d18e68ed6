import { randomUUID } from "node:crypto";
import { closeSync, fdatasyncSync, existsSync, openSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { fail, ok, warn, type Check } from "./check.ts";

const WRITES = 50;
const TIME_MS_MAX = 2000;
const SLOW_MS = 20;
/** No disk is this fast: something between says that it has written and has not. */
const INCREDIBLE_MS = 0.05;

/** Half and the slowest of some writes of 4 KB through to the disk of a folder, in milliseconds. Throws what the disk does. */
export function fsyncTimes(folder: string, writes = WRITES): { readonly median: number; readonly p99: number } {
  const path = join(folder, `.fsync-${randomUUID()}`);
  const bytes = Buffer.alloc(4096, 1);
  const times: number[] = [];
  const file = openSync(path, "wx", 0o600);
  try {
    const startedAt = performance.now();
    while (times.length < writes && performance.now() - startedAt < TIME_MS_MAX) {
      const before = performance.now();
      writeSync(file, bytes);
      fdatasyncSync(file);
      times.push(performance.now() - before);
    }
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
  times.sort((a, b) => a - b);
  return { median: times[Math.floor(times.length / 2)]!, p99: times[Math.floor(times.length * 0.99)]! };
}

/** How fast the disk of the data folder takes what must not be lost: every commit waits for it. */
export const fsyncCheck: Check = {
  name: "fsync",
  async look({ folder, config }) {
    if (config.databaseUrl !== null) return [];
    const place = nearest(folder);
    let times;
    try {
      times = fsyncTimes(place);
    } catch (error) {
      const reason = (error as Error).message;
      return [fail("doctor.fsync.failed", "doctor.data.permit", { values: { folder: place, reason } })];
    }
    const { median, p99 } = times;
    const said = {
      values: { median: median.toFixed(2), p99: p99.toFixed(2), folder: place },
      facts: { median_ms: round(median), p99_ms: round(p99) },
    };
    if (median > SLOW_MS) return [warn("doctor.fsync", "doctor.fsync.slow", said)];
    if (median < INCREDIBLE_MS) return [warn("doctor.fsync", "doctor.fsync.incredible", said)];
    return [ok("doctor.fsync", said)];
  },
};

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** The folder, or the nearest one around it that is there. */
export function nearest(folder: string): string {
  let at = folder;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  return at;
}
