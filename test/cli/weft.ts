import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");
const BIN = join(ROOT, "packages/server/bin/weft.js");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface WeftOptions {
  readonly env?: Record<string, string>;
  readonly input?: string;
  readonly cwd?: string;
  /** Another program in its place, such as one that gives it a terminal. */
  readonly command?: string;
}

/** The command as a process of its own, with an environment that holds nothing of the caller's settings. */
export class Weft {
  readonly process: ChildProcess;
  stdout = "";
  stderr = "";
  private readonly exit: Promise<number | null>;

  /** The file that is run by Node. */
  static readonly bin = BIN;

  constructor(args: readonly string[], options: WeftOptions = {}) {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !name.startsWith("WEFT_") && !name.startsWith("VITEST"),
    );
    const env = { ...Object.fromEntries(inherited), NO_COLOR: "1", WEFT_LANG: "en", ...options.env };
    const [command, words] = options.command ? [options.command, args] : [process.execPath, [BIN, ...args]];
    this.process = spawn(command, words, { cwd: options.cwd ?? ROOT, env, stdio: "pipe" });
    this.process.stdout!.setEncoding("utf8").on("data", (text: string) => void (this.stdout += text));
    this.process.stderr!.setEncoding("utf8").on("data", (text: string) => void (this.stderr += text));
    this.exit = once(this.process, "close").then(([code]) => code as number | null);
    this.process.stdin!.end(options.input ?? "");
  }

  async ended(): Promise<Ended> {
    const code = await this.exit;
    return { code, stdout: this.stdout, stderr: this.stderr };
  }

  /** Resolves when standard output has shown a match. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout);
      if (match) return match;
      if (this.process.exitCode !== null) throw new Error(`weft ended with ${this.process.exitCode}: ${this.stderr}`);
      await Promise.race([once(this.process.stdout!, "data"), this.exit]);
    }
  }
}

export function weft(...args: readonly string[]): Promise<Ended> {
  return new Weft(args).ended();
}

/** A folder that is removed by `remove`. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "weft-cli-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
