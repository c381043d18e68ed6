import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import {
  asUser,
  findProgram,
  freePort,
  ownFolder,
  programPaths,
  startProgram,
  untilAnswers,
  type OwnOptions,
  type OwnService,
  type Started,
  type StopMode,
} from "./process.ts";

export interface PostgresOptions extends OwnOptions {
  /** Settings of the server, by name. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

const DEBIAN = "/usr/lib/postgresql";

/** The program `postgres`, with `initdb` beside it; of several versions the newest. PGBIN names their folder. */
export function postgresProgram(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a)) : [];
  const named = process.env["PGBIN"];
  return findProgram([
    ...(named ? [join(named, "postgres")] : []),
    ...versions.map((version) => join(DEBIAN, version, "bin/postgres")),
    ...programPaths("postgres"),
    "/usr/local/pgsql/bin/postgres",
  ]);
}

/** A PostgreSQL server of one's own, not started yet; user postgres, no password. Throws where it is not installed. */
export async function ownPostgres(options: PostgresOptions = {}): Promise<OwnService> {
  const program = postgresProgram();
  if (program === null) throw new Error("PostgreSQL is not installed (Debian: apt-get install postgresql).");
  const user = "postgres";
  const folder = await ownFolder("postgres", options.folder, user);
  const port = options.port ?? (await freePort());
  const [data, log] = [join(folder, "data"), join(folder, "log")];
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  let started: Started | null = null;

  async function create(): Promise<void> {
    if (existsSync(data)) return;
    const initdb = [join(dirname(program!), "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8"];
    const [file, ...args] = asUser([...initdb, "--locale=C", "--no-sync"], user);
    await promisify(execFile)(file!, args, { cwd: folder });
  }

  async function start(): Promise<void> {
    if (started?.running()) return;
    await create();
    const settings = { max_connections: 200, ...options.settings };
    const given = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const line = [program!, "-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", "", ...given];
    // After `kill -9` the memory of the dead server is in use until the last of its processes has noticed.
    for (let left = 100; ; left--) {
      started = startProgram(line, { user, stays: options.stays ?? false, log, folder });
      try {
        return await untilAnswers("PostgreSQL", started, log, () => answers(url));
      } catch (error) {
        const busy = /pre-existing shared memory|still in use/.test(String(error));
        if (!busy || left === 0) throw error;
      }
    }
  }

  async function stop(mode: StopMode = "clean"): Promise<void> {
    // SIGINT ends sessions and writes everything out ("fast"); SIGTERM would wait for the sessions.
    started?.signal(mode === "kill" ? "SIGKILL" : "SIGINT");
    await started?.ended;
  }

  return {
    name: "PostgreSQL",
    url,
    port,
    folder,
    get processes() {
      return started?.running() ? [{ pid: started.pid, mark: data }] : [];
    },
    start,
    stop,
    async restart(mode) {
      await stop(mode);
      await start();
    },
    async empty() {
      throw new Error("The journal is the truth: nobody empties it.");
    },
    async remove() {
      // SIGQUIT ends all its processes at once, which `kill -9` of the first does not.
      started?.signal("SIGQUIT");
      await started?.ended;
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Whether a PostgreSQL server, or what stands before it, answers there. */
export async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("select 1");
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
