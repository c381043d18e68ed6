/**
 * Starts PostgreSQL, Redis and RabbitMQ for tests, of what is installed on this machine: on loopback, on free ports or on
 * those given, in a folder of their own. Prints where they are, for `eval`; tells on standard error what is missing.
 *
 *   eval "$(scripts/services start)"
 *   scripts/services start --only redis,rabbitmq --redis-port 6379 --folder /tmp/services
 *   scripts/services stop
 *
 * `stop` ends by process id what `start` began in the same folder, and removes the folder.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  ownPostgres,
  ownRabbitmq,
  ownRedis,
  postgresProgram,
  rabbitmqProgram,
  redisProgram,
  type OwnOptions,
  type OwnService,
} from "../test/services.ts";

interface Kind {
  readonly variable: string;
  readonly packages: string;
  program(): string | null;
  own(options: OwnOptions): Promise<OwnService>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  postgres: {
    variable: "WEFT_TEST_POSTGRES_URL",
    packages: "postgresql",
    program: postgresProgram,
    own: ownPostgres,
  },
  redis: { variable: "WEFT_TEST_REDIS_URL", packages: "redis-server", program: redisProgram, own: ownRedis },
  rabbitmq: {
    variable: "WEFT_TEST_RABBITMQ_URL",
    packages: "rabbitmq-server",
    program: rabbitmqProgram,
    own: ownRabbitmq,
  },
};

interface Begun {
  readonly name: string;
  readonly pid: number;
  /** Stands in the command line of the process; another one that got its id is not touched. */
  readonly mark: string;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    folder: { type: "string", default: join(tmpdir(), "weft-services") },
    only: { type: "string", default: Object.keys(KINDS).join(",") },
    "postgres-port": { type: "string" },
    "redis-port": { type: "string" },
    "rabbitmq-port": { type: "string" },
  },
});
const { folder } = values;
const record = join(folder, "processes.json");

if (positionals[0] === "start") {
  await start();
} else if (positionals[0] === "stop") {
  await stop();
} else {
  process.stderr.write("scripts/services start [--only a,b] [--redis-port N …] [--folder F] | stop [--folder F]\n");
  process.exitCode = 2;
}

async function start(): Promise<void> {
  if (existsSync(record)) {
    process.stderr.write(`Services are running already, in ${folder}. End them with scripts/services stop.\n`);
    process.exitCode = 1;
    return;
  }
  // Each service has a folder of its own in it, which belongs to the user under whom it runs.
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const begun: Begun[] = [];
  for (const name of values.only.split(",")) {
    const kind = KINDS[name];
    if (!kind) throw new Error(`There is no service ${name}. Known: ${Object.keys(KINDS).join(", ")}.`);
    if (kind.program() === null) {
      process.stderr.write(`${name} is not installed (Debian: apt-get install ${kind.packages}).\n`);
      continue;
    }
    const port = values[`${name}-port` as "redis-port"];
    const service = await kind.own({
      stays: true,
      folder: join(folder, name),
      ...(port === undefined ? {} : { port: Number(port) }),
    });
    try {
      await service.start();
    } finally {
      begun.push(...service.processes.map((one) => ({ ...one, name })));
      writeFileSync(record, JSON.stringify(begun));
    }
    process.stdout.write(`export ${kind.variable}=${service.url}\n`);
  }
}

async function stop(): Promise<void> {
  const begun = existsSync(record) ? (JSON.parse(readFileSync(record, "utf8")) as readonly Begun[]) : [];
  const left = begun.filter(isOurs);
  // SIGINT ends PostgreSQL without waiting for its clients; RabbitMQ heeds SIGTERM only.
  for (const one of left) process.kill(one.pid, one.name === "rabbitmq" ? "SIGTERM" : "SIGINT");
  for (let tries = 0; tries < 300 && left.some(isOurs); tries++) await sleep(100);
  for (const one of left.filter(isOurs)) process.kill(one.pid, "SIGKILL");
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}

function isOurs({ pid, mark }: Begun): boolean {
  try {
    return execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" }).includes(mark);
  } catch {
    return false;
  }
}
