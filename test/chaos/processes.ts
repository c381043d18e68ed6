import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../services.ts";
import { startProgram, type Started } from "../services/process.ts";

const WEFT = fileURLToPath(new URL("../../packages/server/bin/weft.js", import.meta.url));
const DEADLINE_MS = 60_000;
const AGAIN_MS = 500;

/** What a process is there for. */
export interface Role {
  readonly name: string;
  readonly args: readonly string[];
  /** It has an API, at a port of its own that stays over restarts. */
  readonly api?: boolean;
  /** It speaks to the database by way of a wire of its own. */
  readonly wired?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** The program that is run. Left out: `weft`. */
  readonly program?: string;
  /** The row makes it end by itself; what its log says then. Any other end is a death. */
  readonly falls?: string;
}

/** Every step goes by ticket. */
const BY_TICKET = { WEFT_HANDOVER: "false" };

/**
 * Three workers, two owners and a server of the API: no step is done where its run is held. One owner hands steps to
 * workers that have room, the other gives all away by ticket.
 */
export const APART: readonly Role[] = [
  { name: "api-1", args: ["serve", "--no-work"], api: true },
  { name: "owner-1", args: ["worker", "--pools", "none", "--own"] },
  { name: "owner-2", args: ["worker", "--pools", "none", "--own"], env: BY_TICKET },
  { name: "worker-1", args: ["worker", "--pools", "default"] },
  { name: "worker-2", args: ["worker", "--pools", "default"] },
  { name: "worker-3", args: ["worker", "--pools", "default"] },
];

/** The same where no step is handed over. */
export const TICKETS_ALONE: readonly Role[] = APART.map((role) => ({ ...role, env: BY_TICKET }));

/** Servers that do everything. */
export const TOGETHER: readonly Role[] = [
  { name: "server-1", args: ["serve"], api: true },
  { name: "server-2", args: ["serve"], api: true },
];

export interface FleetOptions {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether a process with this id is known to the database as a living worker. */
  readonly isKnown: (pid: number) => Promise<boolean>;
  /** A process has ended by itself, as its role says that it may. */
  readonly fell: (pid: number, name: string) => void;
}

/** One process under supervision: it is started again when it ends, however that comes, until it is told to rest. */
export class Member {
  readonly role: Role;
  readonly url: string | null;
  /** It had begun to work and ended by itself: with the end of its log. */
  readonly deaths: string[] = [];
  private readonly options: FleetOptions;
  private readonly port: number;
  private started: Started | null = null;
  private starts = 0;
  private ready = false;
  private expected = false;
  private resting = true;

  constructor(role: Role, port: number, options: FleetOptions) {
    this.role = role;
    this.port = port;
    this.options = options;
    this.url = role.api ? `http://127.0.0.1:${port}` : null;
  }

  get isReady(): boolean {
    return this.ready && this.started?.running() === true;
  }

  get pid(): number | null {
    return this.started?.running() ? this.started.pid : null;
  }

  /** Keeps it running from now on. */
  start(): void {
    if (!this.resting) return;
    this.resting = false;
    void this.supervise();
  }

  async untilReady(): Promise<void> {
    for (const until = performance.now() + DEADLINE_MS; !this.isReady; await sleep(50))
      if (performance.now() > until) throw new Error(`${this.role.name} does not begin to work:\n${this.log()}`);
  }

  /** `kill -9`; it is started again after a pause. */
  async kill(): Promise<void> {
    this.expected = true;
    this.started?.signal("SIGKILL");
    await this.started?.ended;
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.started?.signal(name);
  }

  /** SIGTERM, and no start after it. Answers how it ended: null for a signal. */
  async terminate(withinMs = DEADLINE_MS): Promise<{ readonly code: number | null; readonly ms: number }> {
    this.resting = true;
    const began = performance.now();
    const { started } = this;
    started?.signal("SIGTERM");
    const patience = setTimeout(() => started?.signal("SIGKILL"), withinMs);
    await started?.ended;
    clearTimeout(patience);
    return { code: started?.exitCode() ?? null, ms: performance.now() - began };
  }

  /** Ends it, whatever it does. */
  async end(): Promise<void> {
    this.resting = true;
    this.started?.signal("SIGCONT");
    await this.kill();
  }

  /** What it said since it was started last. */
  log(): string {
    try {
      return readFileSync(this.logFile(), "utf8").slice(-4000);
    } catch {
      return "";
    }
  }

  private says(words: string): boolean {
    try {
      return readFileSync(this.logFile(), "utf8").includes(words);
    } catch {
      return false;
    }
  }

  private logFile(): string {
    return join(this.options.folder, `${this.role.name}.${this.starts}.log`);
  }

  private async supervise(): Promise<void> {
    while (!this.resting) {
      this.starts += 1;
      this.ready = false;
      this.expected = false;
      const { folder, env, fell } = this.options;
      const { program = WEFT, falls, name } = this.role;
      this.started = startProgram(
        [process.execPath, "--disable-warning=ExperimentalWarning", program, ...this.args()],
        {
          user: null,
          stays: false,
          log: this.logFile(),
          folder,
          env: { WEFT_LANG: "en", WEFT_LOG: "warn", WEFT_SHED: "false", ...env, ...this.role.env },
        },
      );
      const { started } = this;
      void this.watch(started);
      await started.ended;
      const isUnasked = !this.expected && !this.resting;
      if (isUnasked && falls !== undefined && this.says(falls)) fell(started.pid, name);
      // One that the database did not let begin is tried again, as a supervisor would.
      else if (isUnasked && this.ready)
        this.deaths.push(`${name} ended by itself with ${started.exitCode()}:\n${this.log()}`);
      if (!this.resting) await sleep(AGAIN_MS);
    }
  }

  private args(): readonly string[] {
    const { args, api, name } = this.role;
    return api ? [...args, "--port", String(this.port)] : [...args, "--name", name];
  }

  private async watch(started: Started): Promise<void> {
    while (started.running() && this.started === started) {
      if (await this.answers(started.pid)) {
        this.ready = true;
        return;
      }
      await sleep(100);
    }
  }

  private async answers(pid: number): Promise<boolean> {
    if (this.url === null) return this.says("Weftwork works on") && (await this.options.isKnown(pid));
    try {
      const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2000) });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      return false;
    }
  }
}

/** The processes of a scenario. */
export class Fleet {
  readonly members: readonly Member[];

  private constructor(members: readonly Member[]) {
    this.members = members;
  }

  static async open(roles: readonly Role[], options: FleetOptions): Promise<Fleet> {
    const members: Member[] = [];
    for (const role of roles) members.push(new Member(role, await freePort(), options));
    return new Fleet(members);
  }

  /** The first alone, for it makes the tables; then all others. */
  async start(): Promise<void> {
    const [first, ...others] = this.members;
    first!.start();
    await first!.untilReady();
    for (const member of others) member.start();
    await Promise.all(others.map((member) => member.untilReady()));
  }

  get urls(): readonly string[] {
    return this.members.flatMap(({ url }) => (url === null ? [] : [url]));
  }

  named(start: string): readonly Member[] {
    return this.members.filter(({ role }) => role.name.startsWith(start));
  }

  get deaths(): readonly string[] {
    return this.members.flatMap(({ deaths }) => deaths);
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map((member) => member.end()));
  }
}
