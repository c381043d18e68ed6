import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import {
  asUser,
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

const DEBIAN = "/usr/lib/rabbitmq/lib";

/** The script `rabbitmq-server` itself: what Debian puts in the path insists on the system's folders. */
export function rabbitmqProgram(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted().toReversed() : [];
  return findProgram([
    ...versions.map((version) => join(DEBIAN, version, "sbin/rabbitmq-server")),
    ...programPaths("rabbitmq-server"),
  ]);
}

const DEFAULTS = Buffer.from("AMQP\0\0\t\u0001", "latin1");

/**
 * A RabbitMQ node of one's own with its own port mapper (epmd), both on loopback only; not started yet. Throws where
 * RabbitMQ is not installed.
 */
export async function ownRabbitmq(options: OwnOptions = {}): Promise<OwnService> {
  const program = rabbitmqProgram();
  const epmdProgram = findProgram(programPaths("epmd"));
  if (program === null || epmdProgram === null)
    throw new Error("RabbitMQ is not installed (Debian: apt-get install rabbitmq-server).");
  const user = existsSync(DEBIAN) ? "rabbitmq" : null;
  const folder = await ownFolder("rabbitmq", options.folder, user);
  const port = options.port ?? (await freePort());
  const [epmdPort, innerPort] = [await freePort(), await freePort()];
  const log = join(folder, "log");
  const stays = options.stays ?? false;
  const file = (name: string): string => join(folder, name);
  const env = {
    HOME: folder,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: `weft-${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(innerPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    RABBITMQ_MNESIA_BASE: file("mnesia"),
    RABBITMQ_LOG_BASE: file("logs"),
    RABBITMQ_LOGS: "-",
    RABBITMQ_PID_FILE: file("pid"),
    RABBITMQ_CONF_ENV_FILE: file("env.conf"),
    RABBITMQ_CONFIG_FILE: file("rabbitmq.conf"),
    RABBITMQ_ENABLED_PLUGINS_FILE: file("plugins"),
    // The script becomes the node, instead of waiting for it: one process to signal.
    RUNNING_UNDER_SYSTEMD: "true",
  };
  let epmd: Started | null = null;
  let node: Started | null = null;

  async function start(): Promise<void> {
    if (node?.running()) return;
    await writeFile(env.RABBITMQ_CONF_ENV_FILE, "");
    await writeFile(env.RABBITMQ_ENABLED_PLUGINS_FILE, "[].\n");
    // No alarm because of the disk or the memory of a machine that does other things too.
    await writeFile(
      env.RABBITMQ_CONFIG_FILE,
      `listeners.tcp.default = 127.0.0.1:${port}\ndisk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 1GB\nlog.console.level = warning\n`,
    );
    if (!epmd?.running()) {
      const line = [epmdProgram!, "-port", String(epmdPort), "-address", "127.0.0.1"];
      epmd = startProgram(line, { user, stays, log, folder });
    }
    // The name of a node that was killed is known to epmd until its connection has ended.
    node = startProgram([program!], { user, stays, log, folder, env });
    await untilAnswers("RabbitMQ", node, log, () => talk(port, DEFAULTS, "\u0001"));
  }

  /** The port mapper stays: it is no part of what a test breaks. */
  async function stop(mode: StopMode = "clean"): Promise<void> {
    node?.signal(mode === "kill" ? "SIGKILL" : "SIGTERM", mode === "kill");
    await node?.ended;
  }

  return {
    name: "RabbitMQ",
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    port,
    folder,
    get processes() {
      return [
        ...(node?.running() ? [{ pid: node.pid, mark: "rabbit" }] : []),
        ...(epmd?.running() ? [{ pid: epmd.pid, mark: `-port ${epmdPort}` }] : []),
      ];
    },
    start,
    stop,
    async restart(mode) {
      await stop(mode);
      await start();
    },
    async empty() {
      const line = [
        join(dirname(program!), "rabbitmqctl"),
        "eval",
        "[rabbit_amqqueue:purge(Q) || Q <- rabbit_amqqueue:list()].",
      ];
      const [first, ...args] = asUser(line, user);
      await promisify(execFile)(first!, args, { cwd: folder, env: { ...process.env, ...env } });
    },
    async remove() {
      await stop("kill");
      epmd?.signal("SIGKILL");
      await epmd?.ended;
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
