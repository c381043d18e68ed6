import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { arch, availableParallelism, cpus, platform, release, totalmem } from "node:os";
import { join } from "node:path";
import { median } from "./statistics.ts";

/** Where a benchmark ran. Numbers of two machines are compared by their ratios to the floor, never by themselves. */
export interface Hardware {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  /** Median time to make 4 KB durable in the folder of the data. */
  readonly fsyncMs: number;
}

const FSYNCS = 200;

export function hardware(folder: string): Hardware {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${platform()} ${release()} ${arch()}`,
    fsyncMs: Number(fsyncMs(folder).toFixed(3)),
  };
}

function fsyncMs(parent: string): number {
  const folder = mkdtempSync(join(parent, "weft-fsync-"));
  const file = openSync(join(folder, "probe"), "w");
  try {
    const block = Buffer.alloc(4096, 1);
    const times = Array.from({ length: FSYNCS }, () => {
      const start = performance.now();
      writeSync(file, block);
      fdatasyncSync(file);
      return performance.now() - start;
    });
    return median(times);
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

/** The commit that was measured; `+` when files differ from it. */
export function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: import.meta.dirname })
      .toString()
      .trim();
  try {
    return git("rev-parse", "--short=12", "HEAD") + (git("status", "--porcelain") === "" ? "" : "+");
  } catch {
    return "unknown";
  }
}

export type Versions = Readonly<Record<"weftwork" | "node" | "sqlite", string> & { readonly postgres: string | null }>;

export function versions(postgres: string | null): Versions {
  const manifest = new URL("../packages/server/package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return { weftwork: version, node: process.versions.node, sqlite: process.versions["sqlite"] ?? "none", postgres };
}
