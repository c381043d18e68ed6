import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, startProgram, untilAnswers, type Started } from "../services/process.ts";
import type { Version } from "./version.ts";

/** One process of a version on the shared database. */
export class FleetProcess {
  readonly name: string;
  readonly version: Version;
  readonly address: string;
  private readonly started: Started;
  private readonly log: string;

  private constructor(name: string, version: Version, address: string, started: Started, log: string) {
    this.name = name;
    this.version = version;
    this.address = address;
    this.started = started;
    this.log = log;
  }

  get pid(): number {
    return this.started.pid;
  }

  get isRunning(): boolean {
    return this.started.running();
  }

  /** What it said. */
  get said(): string {
    return readFileSync(this.log, "utf8");
  }

  /** Lines of its log that tell of an error. */
  get problems(): readonly string[] {
    return this.said.split("\n").filter((line) => /"level":(?:50|60|"error"|"fatal")/.test(line));
  }

  static async start(name: string, version: Version, options: ProcessOptions): Promise<FleetProcess> {
    const process = await FleetProcess.spawn(name, version, options);
    await untilAnswers(name, process.started, process.log, () => process.answers());
    return process;
  }

  /** One that is expected to end by itself. Resolves to what it said. */
  static async ending(name: string, version: Version, options: ProcessOptions): Promise<string> {
    const process = await FleetProcess.spawn(name, version, options);
    await process.started.ended;
    return process.said;
  }

  async signal(signal: "SIGKILL" | "SIGTERM"): Promise<number | null | undefined> {
    this.started.signal(signal);
    await this.started.ended;
    return this.started.exitCode();
  }

  private static async spawn(name: string, version: Version, { args, env, folder }: ProcessOptions) {
    const port = await freePort();
    const log = join(folder, `${name}.log`);
    const isServer = args[0] === "serve";
    const line = [
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      version.bin,
      ...args,
      "--port",
      String(port),
    ];
    const started = startProgram(line, { user: null, stays: false, log, folder, env: { WEFT_LANG: "en", ...env } });
    return new FleetProcess(name, version, `http://127.0.0.1:${port}${isServer ? "" : "/"}`, started, log);
  }

  private async answers(): Promise<boolean> {
    try {
      return (await fetch(new URL("/readyz", this.address))).ok;
    } catch {
      return false;
    }
  }
}

export interface ProcessOptions {
  /** Words behind `weft`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Its working folder, and that of its log. */
  readonly folder: string;
}
