import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Random } from "../simulation/random.ts";
import { EffectLog } from "./effects.ts";
import type { Evidence, Fault, Hit, Verdict } from "./evidence.ts";
import { Load } from "./load.ts";
import { Monitor } from "./monitor.ts";
import { Fleet, type Member, type Role } from "./processes.ts";
import { Wire } from "./proxy.ts";
import { openServices, type Services, type TransportName } from "./services.ts";
import { workflowSources } from "./workflows.ts";

const CHECKER = fileURLToPath(new URL("checker.ts", import.meta.url));
/** After the faults every run must end within this time, and every counter come back to zero. */
const SETTLE_MS = 150_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

export interface ArenaOptions {
  readonly transport: TransportName;
  readonly roles: readonly Role[];
  readonly seed: number;
  /** Runs open at the same time. */
  readonly open: number;
  readonly mix?: Readonly<Record<string, number>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly pooler?: boolean;
  readonly workflows?: (address: string) => Readonly<Record<string, string>>;
  /** See `Evidence`. */
  readonly recoveryMs?: number;
}

type Parts = Pick<Arena, "services" | "effects" | "monitor" | "fleet" | "load" | "random" | "workflows"> & {
  readonly recoveryMs: number | undefined;
};

/** Services, processes, load, and the world outside of one scenario: everything that it needs and nothing of others. */
export class Arena {
  readonly services: Services;
  readonly effects: EffectLog;
  readonly monitor: Monitor;
  readonly fleet: Fleet;
  readonly load: Load;
  readonly random: Random;
  /** All that are published, by name. */
  readonly workflows: Readonly<Record<string, string>>;
  readonly faults: Fault[] = [];
  readonly hits: Hit[] = [];
  /** Kills of which it could not be told what they met, for the database was away. */
  unseen = 0;
  private readonly folder: string;
  private readonly wires: ReadonlyMap<string, Wire>;
  private readonly looking: Promise<void>[] = [];
  private readonly recoveryMs: number | undefined;

  private constructor(parts: Parts, wires: ReadonlyMap<string, Wire>, folder: string) {
    ({
      services: this.services,
      effects: this.effects,
      monitor: this.monitor,
      fleet: this.fleet,
      load: this.load,
      random: this.random,
      workflows: this.workflows,
    } = parts);
    this.recoveryMs = parts.recoveryMs;
    this.wires = wires;
    this.folder = folder;
  }

  /** Starts the services, and nothing else yet. */
  static async open(options: ArenaOptions): Promise<Arena> {
    const random = new Random(options.seed);
    const folder = mkdtempSync(join(tmpdir(), "weft-chaos-"));
    const services = await openServices(options.transport, options.pooler);
    const effects = await EffectLog.open(options.seed + 1);
    const monitor = new Monitor(services.postgres.url);
    const wires = new Map<string, Wire>();
    const roles: Role[] = [];
    for (const role of options.roles) {
      if (!role.wired) roles.push(role);
      else {
        const wire = await Wire.open(services.postgres.port, new Random(options.seed + 3 + wires.size));
        wires.set(role.name, wire);
        roles.push({ ...role, env: { ...role.env, WEFT_DATABASE_URL: wire.through(services.postgres.url) } });
      }
    }
    let arena: Arena | null = null;
    const fleet = await Fleet.open(roles, {
      folder,
      env: { ...services.env, WEFT_HTTP_ALLOW: effects.host, WEFT_DATA: folder, ...options.env },
      isKnown: (pid) => monitor.isKnown(pid),
      fell: (pid, name) => arena?.fell(pid, name),
    });
    const mix = options.mix ?? { chain: 8, gate: 1, lane: 1 };
    const load = new Load({
      urls: fleet.urls,
      monitor,
      random: new Random(options.seed + 2),
      open: options.open,
      mix,
      prefix: options.transport,
    });
    const { recoveryMs } = options;
    const workflows = { ...workflowSources(effects.url), ...options.workflows?.(effects.url) };
    arena = new Arena({ services, effects, monitor, fleet, load, random, workflows, recoveryMs }, wires, folder);
    return arena;
  }

  /** Starts the processes; resolves when all of them work and the workflows are published. */
  async start(): Promise<void> {
    await this.fleet.start();
    for (const source of Object.values(this.workflows)) await this.publish(source);
    this.monitor.start();
  }

  /** What a wired process says to the database goes through this. */
  wire(name: string): Wire {
    return this.wires.get(name)!;
  }

  /** Adds a fault to the record, with the time that it takes. */
  async fault<T>(kind: Fault["kind"], what: string, work: () => Promise<T>): Promise<T> {
    const at = Date.now();
    try {
      return await work();
    } finally {
      this.faults.push({ kind, what, at, until: Date.now() });
    }
  }

  /** `kill -9`, and the runs that it meets. */
  async kill(member: Member): Promise<void> {
    const { pid, role } = member;
    if (pid === null) return;
    await this.fault("kill", role.name, () => member.kill());
    this.noteHits(pid, Date.now(), role.name);
  }

  /** It has ended by itself, as it was made to: for those around it that is a kill. */
  fell(pid: number, name: string): void {
    const at = Date.now();
    this.faults.push({ kind: "kill", what: `${name} by itself`, at, until: at });
    this.noteHits(pid, at, name);
  }

  /** Notes what a process held that will not go on with it. */
  noteHits(pid: number, at: number, name: string): void {
    const work = async (): Promise<void> => {
      const found = await this.monitor.hits(pid, at, name);
      if (found) this.hits.push(...found);
      else this.unseen += 1;
    };
    this.looking.push(work());
  }

  /** No more load; resolves when all has ended and nothing is held any more, or when it takes too long. */
  async settle(): Promise<{ readonly settled: boolean; readonly ms: number }> {
    const began = performance.now();
    await this.load.stop();
    let settled = false;
    while (!settled && performance.now() - began < SETTLE_MS) {
      settled = await this.isQuiet();
      await sleep(200);
    }
    await Promise.all(this.looking);
    return { settled, ms: performance.now() - began };
  }

  /** Judged by a process of its own, from the tables and from what was noted. */
  async judge(): Promise<Verdict> {
    const evidence: Evidence = {
      database: this.services.postgres.url,
      workflows: this.workflows,
      accepted: this.load.accepted,
      signals: this.load.signals,
      cancelled: [...this.load.cancelled],
      failing: Object.fromEntries(this.load.failing),
      calls: this.effects.calls,
      faults: this.faults,
      hits: this.hits,
      marks: this.monitor.marks(),
      ...(this.recoveryMs === undefined ? {} : { recoveryMs: this.recoveryMs }),
    };
    const file = join(this.folder, "evidence.json");
    writeFileSync(file, JSON.stringify(evidence));
    const { stdout } = await promisify(execFile)(process.execPath, [CHECKER, file], { maxBuffer: OUTPUT_BYTES_MAX });
    return JSON.parse(stdout) as Verdict;
  }

  /** Ends all that it started and removes its folders. */
  async remove(): Promise<void> {
    this.load.abandon();
    await this.monitor.close();
    await this.fleet.end();
    for (const wire of this.wires.values()) await wire.close();
    await this.effects.close();
    await this.services.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async publish(source: string): Promise<void> {
    const response = await fetch(`${this.fleet.urls[0]!}/api/workflows`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: source,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`a workflow was answered with ${response.status}: ${text}`);
  }

  private async isQuiet(): Promise<boolean> {
    try {
      const [row] = await this.monitor.query<{ left: number }>(`
        select ((select count(*) from run where finished_at is null) + (select count(*) from task)
          + (select count(*) from inbox))::int8 as left`);
      return row!.left === 0;
    } catch {
      return false;
    }
  }
}
