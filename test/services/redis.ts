import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  findProgram,
  freePort,
  ownFolder,
  programPaths,
  startProgram,
  talk,
  untilAnswers,
  type OwnOptions,
  type OwnService,
  type Started,
  type StopMode,
} from "./process.ts";

export interface RedisOptions extends OwnOptions {
  /** `noeviction`, unless a test wants another. */
  readonly maxmemoryPolicy?: string;
  /** Writes what it holds to a file before it answers (`always`), every second, or never. */
  readonly appendfsync?: "always" | "everysec" | "never";
}

export function redisProgram(): string | null {
  return findProgram(programPaths("redis-server"));
}

/** A Redis server of one's own, not started yet. Throws where Redis is not installed. */
export async function ownRedis(options: RedisOptions = {}): Promise<OwnService> {
  const program = redisProgram();
  if (program === null) throw new Error("redis-server is not installed (Debian: apt-get install redis-server).");
  const folder = await ownFolder("redis", options.folder, null);
  const port = options.port ?? (await freePort());
  const log = join(folder, "log");
  const keeps = options.appendfsync ?? "everysec";
  let started: Started | null = null;

  async function start(): Promise<void> {
    if (started?.running()) return;
    const settings = {
      port: String(port),
      bind: "127.0.0.1",
      dir: folder,
      save: "",
      "maxmemory-policy": options.maxmemoryPolicy ?? "noeviction",
      appendonly: keeps === "never" ? "no" : "yes",
      appendfsync: keeps === "never" ? "no" : keeps,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    started = startProgram([program!, ...args], { user: null, stays: options.stays ?? false, log, folder });
    await untilAnswers("Redis", started, log, () => talk(port, Buffer.from("PING\r\n"), "+PONG"));
  }

  async function stop(mode: StopMode = "clean"): Promise<void> {
    started?.signal(mode === "kill" ? "SIGKILL" : "SIGTERM");
    await started?.ended;
  }

  return {
    name: "Redis",
    url: `redis://127.0.0.1:${port}`,
    port,
    folder,
    get processes() {
      return started?.running() ? [{ pid: started.pid, mark: `127.0.0.1:${port}` }] : [];
    },
    start,
    stop,
    async restart(mode) {
      await stop(mode);
      await start();
    },
    async empty() {
      if (!(await talk(port, Buffer.from("FLUSHALL\r\n"), "+OK"))) throw new Error("Redis did not answer FLUSHALL.");
    },
    async remove() {
      await stop("kill");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
