import { readFileSync, writeFileSync } from "node:fs";

/** Most memory in MB that the process has had so far; null: it is gone, or this system does not tell. */
export function peakRssMb(pid: number): number | null {
  return megabytes(pid, /^VmHWM:\s+(\d+) kB$/m);
}

/** Memory in MB that the process has now; null: as above. From here on its peak counts anew, where the system can. */
export function restartPeak(pid: number): number | null {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Then the peak is that of its whole life: no less.
  }
  return megabytes(pid, /^VmRSS:\s+(\d+) kB$/m);
}

function megabytes(pid: number, field: RegExp): number | null {
  try {
    const kb = field.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kb === undefined ? null : Math.round(Number(kb) / 1024);
  } catch {
    return null;
  }
}

/** What is wrong with the peaks: those above the limit. */
export function tooLarge(peaks: Readonly<Record<string, number | null>>, limitMb: number): readonly string[] {
  return Object.entries(peaks).flatMap(([name, peak]) =>
    peak !== null && peak > limitMb ? [`${name} had ${peak} MB, and ${limitMb} are its limit`] : [],
  );
}
