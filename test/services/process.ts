import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, openSync, closeSync, readFileSync } from "node:fs";
import { chown, mkdir, mkdtemp } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How a service is stopped: `clean` lets it end what it does; `kill` is `kill -9`. */
export type StopMode = "clean" | "kill";

/** A service of one's own: on a free port of loopback, with a folder of its own. The address stays over restarts. */
export interface OwnService {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  /** Where its data and its log are. */
  readonly folder: string;
  /** Processes to be ended, with a text that stands in the command line of each. */
  readonly processes: readonly { readonly pid: number; readonly mark: string }[];
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** Resolves when it has ended. The data stay. */
  stop(mode?: StopMode): Promise<void>;
  restart(mode?: StopMode): Promise<void>;
  /** Takes away what it holds: Redis forgets everything, RabbitMQ purges its queues. PostgreSQL throws. */
  empty(): Promise<void>;
  /** Ends it and removes its folder. */
  remove(): Promise<void>;
}

export interface OwnOptions {
  /** A free one, unless given. */
  readonly port?: number;
  /** One of its own under the system's folder for temporary files, unless given. */
  readonly folder?: string;
  /** Goes on when this process ends. Otherwise it ends with it, however that comes. */
  readonly stays?: boolean;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => void server.close(resolve));
  return port;
}

/** The first of these programs that there is. */
export function findProgram(paths: readonly string[]): string | null {
  return (
    paths.find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    }) ?? null
  );
}

/** Every folder of PATH with the name, and the folders where packages put servers. */
export function programPaths(name: string): readonly string[] {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"];
  return folders.filter(Boolean).map((folder) => join(folder, name));
}

const asRoot = process.getuid?.() === 0;
const SETPRIV = findProgram(programPaths("setpriv"));

function idOf(flag: "-u" | "-g", user: string): number {
  return Number(execFileSync("id", [flag, user], { encoding: "utf8" }));
}

/** A folder that belongs to the user under whom the service runs when this process is root's. */
export async function ownFolder(name: string, given: string | undefined, user: string | null): Promise<string> {
  const folder = given ?? (await mkdtemp(join(tmpdir(), `weft-${name}-`)));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (asRoot && user !== null) await chown(folder, idOf("-u", user), idOf("-g", user));
  return folder;
}

/** A program with what it needs to run as a user, and to end with this process. */
function command(program: readonly string[], user: string | null, stays: boolean): readonly string[] {
  const options = [
    ...(asRoot && user !== null ? [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"] : []),
    ...(stays || process.platform !== "linux" ? [] : ["--pdeathsig", "KILL"]),
  ];
  if (options.length === 0 || SETPRIV === null) return program;
  return [SETPRIV, ...options, "--", ...program];
}

/** A program of its tools, as the user under whom the service runs. */
export function asUser(program: readonly string[], user: string | null): readonly string[] {
  return command(program, user, true);
}

export interface Started {
  readonly pid: number;
  running(): boolean;
  /** To the program; where `group` is set, to all that it started as well. */
  signal(signal: NodeJS.Signals, group?: boolean): void;
  readonly ended: Promise<void>;
  /** How it ended: its code, or null where a signal ended it. Undefined while it runs. */
  exitCode(): number | null | undefined;
}

/** Starts a program of a service; what it says goes to the file `log`. */
export function startProgram(
  program: readonly string[],
  options: {
    readonly user: string | null;
    readonly stays: boolean;
    readonly log: string;
    readonly folder: string;
    readonly env?: Readonly<Record<string, string>>;
  },
): Started {
  const [file, ...args] = command(program, options.user, options.stays);
  const log = openSync(options.log, "a");
  const child: ChildProcess = spawn(file!, args, {
    cwd: options.folder,
    // A group of its own: Ctrl-C at the terminal is this process's to pass on.
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...process.env, ...options.env },
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const pid = child.pid ?? 0;
  const running = (): boolean => pid !== 0 && child.exitCode === null && child.signalCode === null;
  const signal = (name: NodeJS.Signals, group = false): void => {
    if (!running()) return;
    try {
      process.kill(group ? -pid : pid, name);
    } catch {
      // It has ended meanwhile.
    }
  };
  if (options.stays) {
    child.unref();
  } else {
    const end = (): void => signal("SIGKILL", true);
    process.once("exit", end);
    void ended.then(() => process.removeListener("exit", end));
  }
  const exitCode = (): number | null | undefined => (running() ? undefined : child.exitCode);
  return { pid, running, signal, ended, exitCode };
}

/** Waits until a service answers. Throws with the end of its log when its program ends, or when it takes too long. */
export async function untilAnswers(
  what: string,
  started: Started,
  log: string,
  answers: () => Promise<boolean>,
  seconds = 90,
): Promise<void> {
  const until = performance.now() + seconds * 1000;
  while (started.running() && performance.now() < until) {
    if (await answers()) return;
    await sleep(50);
  }
  throw new Error(`${what} did not start:\n${readFileSync(log, "utf8").slice(-3000)}`);
}

/** Sends bytes to a port of loopback, and tells whether what comes back begins with `expected` within a second. */
export function talk(port: number, send: Uint8Array, expected: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 1000 });
    const end = (found: boolean): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once("connect", () => socket.write(send));
    socket.once("data", (data) => end(data.toString("latin1").startsWith(expected)));
    for (const event of ["error", "timeout", "close"]) socket.once(event, () => end(false));
  });
}
