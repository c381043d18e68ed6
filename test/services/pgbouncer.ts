import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
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
import { answers } from "./postgres.ts";

export interface PgbouncerOptions extends OwnOptions {
  /** The server behind it, as a URL with its user. */
  readonly server: string;
  /** Settings over those below, by name. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

export function pgbouncerProgram(): string | null {
  return findProgram(programPaths("pgbouncer"));
}

/**
 * A pooler of one's own before a PostgreSQL server, not started yet: it gives a connection of the server to another
 * client after each transaction. Throws where PgBouncer is not installed.
 */
export async function ownPgbouncer(options: PgbouncerOptions): Promise<OwnService> {
  const program = pgbouncerProgram();
  if (program === null) throw new Error("pgbouncer is not installed (Debian: apt-get install pgbouncer).");
  // It refuses to run as root.
  const user = "postgres";
  const folder = await ownFolder("pgbouncer", options.folder, user);
  const port = options.port ?? (await freePort());
  const [config, users, log] = [join(folder, "pgbouncer.ini"), join(folder, "users"), join(folder, "log")];
  const server = new URL(options.server);
  const url = new URL(options.server);
  [url.hostname, url.port] = ["127.0.0.1", String(port)];
  let started: Started | null = null;

  async function write(): Promise<void> {
    const settings = {
      listen_addr: "127.0.0.1",
      listen_port: port,
      unix_socket_dir: "",
      auth_type: "trust",
      auth_file: users,
      pool_mode: "transaction",
      default_pool_size: 20,
      max_client_conn: 500,
      ...options.settings,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
    const databases = `[databases]\n* = host=${server.hostname} port=${server.port || 5432}\n`;
    await writeFile(config, `${databases}[pgbouncer]\n${lines.join("")}`);
    await writeFile(users, `"${decodeURIComponent(server.username)}" "${decodeURIComponent(server.password)}"\n`);
  }

  async function start(): Promise<void> {
    if (started?.running()) return;
    await write();
    started = startProgram([program!, config], { user, stays: options.stays ?? false, log, folder });
    await untilAnswers("PgBouncer", started, log, () => answers(url.href));
  }

  async function stop(mode: StopMode = "clean"): Promise<void> {
    started?.signal(mode === "kill" ? "SIGKILL" : "SIGTERM");
    await started?.ended;
  }

  return {
    name: "PgBouncer",
    url: url.href,
    port,
    folder,
    get processes() {
      return started?.running() ? [{ pid: started.pid, mark: config }] : [];
    },
    start,
    stop,
    async restart(mode) {
      await stop(mode);
      await start();
    },
    empty: () => Promise.reject(new Error("a pooler holds nothing")),
    async remove() {
      await stop("kill");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
