import { AppError, parseDuration, type Json, type JsonObject } from "@weftwork/core";
import { HTTP_LIMITS, type HttpLimits } from "./http/connections.ts";
import { isSecretVariable } from "./secrets/variables.ts";
import { isLoopback } from "./http/loopback.ts";
import { BACKLOG_MAX } from "./limits/pressure.ts";
import { readPoolSizes, type PoolSizes } from "./limits/pool-size.ts";
import { CONTAINER_CHOICES, type ContainerChoice } from "./sandbox/containers.ts";
import { parseDatasetList, type DatasetFolders } from "./knowledge/datasets-config.ts";
import { SANDBOX_LIMITS } from "./sandbox/sandbox.ts";

/** What an operator can set. Read once at start from the environment; everything has a default. */
export interface Config {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** A port of its own for `/metrics`; null: with the rest. */
  readonly metricsPort: number | null;
  /** What one caller of the server may take. */
  readonly httpLimits: Partial<HttpLimits>;
  /** The data folder. */
  readonly data: string;
  /** PostgreSQL in place of the data folder; null: the folder. */
  readonly databaseUrl: string | null;
  /** The same database without the pooler that `databaseUrl` leads to, to listen; null: there is none. */
  readonly databaseListenUrl: string | null;
  /** Private targets that http steps may reach, as `host:port`. */
  readonly httpAllow: readonly string[];
  /** Ports and ranges that http steps may speak to; null: the usual ones. */
  readonly httpPorts: readonly string[] | null;
  /** Bytes of one file, and of all files together. */
  readonly fileBytesMax: number;
  readonly filesBytesMax: number;
  /** How long files are kept, as a duration; null: until they are removed. */
  readonly fileRetention: string | null;
  /** Media types of files that are taken; empty: all. */
  readonly fileTypes: readonly string[];
  /** Folders of documents that steps can search, by the name of the dataset. */
  readonly datasets: DatasetFolders;
  /** Bytes of memory that the code of a step may use, and bytes that it may give back or print. */
  readonly codeMemory: number;
  readonly codeOutput: number;
  /** Folder with wheels that Python code may import; null: the standard library alone. */
  readonly pythonPackages: string | null;
  /** Which program runs steps with an image. */
  readonly containers: ContainerChoice;
  /** What carries tickets between processes; `auto`: what the store has. */
  readonly transport: TransportChoice;
  /** What processes tell each other over; `auto`: what the store has. */
  readonly live: LiveChoice;
  readonly redisUrl: string | null;
  readonly rabbitmqUrl: string | null;
  /** The pools that this process serves; null: all. */
  readonly serves: readonly string[] | null;
  /** Whether this process advances runs. */
  readonly own: boolean;
  /** How long a step may wait for a worker of its pool, as a duration; null: as long as it takes. */
  readonly queueTimeout: string | null;
  /** Whether steps are handed straight to workers that have room. */
  readonly handover: boolean;
  /** Tasks at once in each pool; pools left out keep their default. */
  readonly pools: PoolSizes;
  /** Open runs of the tenant at most; more are refused. */
  readonly backlogMax: number;
  /** Whether new work is refused while the process has more to do than it can. */
  readonly sheds: boolean;
  /** The bucket for large payloads and files. */
  readonly s3: S3Settings;
  /** How long ended runs are kept, as a duration; null: until they are deleted by hand. */
  readonly retention: string | null;
  readonly logLevel: LogLevel;
  /** Bytes of a request body at most. */
  readonly bodyLimit: number;
  /** Variables that begin with WEFT_ and mean nothing here: most likely misspelt. */
  readonly unknown: readonly string[];
}

export type TransportChoice = (typeof TRANSPORTS)[number];
const TRANSPORTS = ["auto", "postgres", "redis", "rabbitmq"] as const;

export type LiveChoice = (typeof LIVE)[number];
const LIVE = ["auto", "postgres", "redis"] as const;

export interface S3Settings {
  /** Null: payloads and files stay in the store. */
  readonly url: string | null;
  readonly region: string;
  /** Each key as itself or as the file that holds it. */
  readonly accessKeyId: string | null;
  readonly accessKeyIdFile: string | null;
  readonly secretAccessKey: string | null;
  readonly secretAccessKeyFile: string | null;
}

export type LogLevel = (typeof LOG_LEVELS)[number];
const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;

type Environment = Readonly<Record<string, string | undefined>>;
/** A value, or what is wrong with the text. */
type Read<T> = { readonly value: T } | { readonly mistake: string };

interface Setting<T> {
  readonly variable: string;
  readonly default: T;
  readonly read: (text: string) => Read<T>;
}

const SETTINGS = {
  host: setting("WEFT_HOST", "127.0.0.1", readHost),
  port: setting("WEFT_PORT", 9338, (text) => readWhole(text, 0, 65_535)),
  metricsPort: setting<number | null>("WEFT_METRICS_PORT", null, (text) => readWhole(text, 0, 65_535)),
  headersMs: setting("WEFT_HEADERS_TIMEOUT", HTTP_LIMITS.headersMs, readTimeout),
  requestMs: setting("WEFT_REQUEST_TIMEOUT", HTTP_LIMITS.requestMs, readTimeout),
  connectionsPerAddress: setting("WEFT_CONNECTIONS_PER_ADDRESS", HTTP_LIMITS.connectionsPerAddress, readCount),
  streamsPerAddress: setting("WEFT_STREAMS_PER_ADDRESS", HTTP_LIMITS.streamsPerAddress, readCount),
  data: setting("WEFT_DATA", "./.weft", (text) => ({ value: text })),
  databaseUrl: setting<string | null>("WEFT_DATABASE_URL", null, readDatabaseUrl),
  databaseListenUrl: setting<string | null>("WEFT_DATABASE_LISTEN_URL", null, readDatabaseUrl),
  httpAllow: setting<readonly string[]>("WEFT_HTTP_ALLOW", [], readTargets),
  httpPorts: setting<readonly string[] | null>("WEFT_HTTP_PORTS", null, readPorts),
  fileBytesMax: setting("WEFT_FILE_BYTES_MAX", 100 * 1024 ** 2, readStoreBytes),
  filesBytesMax: setting("WEFT_FILES_BYTES_MAX", 10 * 1024 ** 3, readStoreBytes),
  fileRetention: setting<string | null>("WEFT_FILE_RETENTION", null, readRetention),
  fileTypes: setting<readonly string[]>("WEFT_FILE_TYPES", [], readMediaTypes),
  datasets: setting<DatasetFolders>("WEFT_DATASETS", {}, (text) => parseDatasetList(text, process.cwd())),
  codeMemory: setting("WEFT_CODE_MEMORY", SANDBOX_LIMITS.memoryBytes, readCodeMemory),
  codeOutput: setting("WEFT_CODE_OUTPUT", SANDBOX_LIMITS.outputBytes, readBytes),
  pythonPackages: setting<string | null>("WEFT_PYTHON_PACKAGES", null, (text) => ({ value: text })),
  containers: setting<ContainerChoice>("WEFT_CONTAINERS", "auto", readContainers),
  pools: setting<PoolSizes>("WEFT_POOLS", {}, readPoolSizes),
  backlogMax: setting("WEFT_BACKLOG_MAX", BACKLOG_MAX, (text) => readWhole(text, 1, 999_999_999)),
  sheds: setting("WEFT_SHED", true, readFlag),
  transport: setting<TransportChoice>("WEFT_TRANSPORT", "auto", readTransport),
  live: setting<LiveChoice>("WEFT_LIVE", "auto", readLive),
  redisUrl: setting<string | null>("WEFT_REDIS_URL", null, (text) => readServiceUrl(text, ["redis:", "rediss:"])),
  rabbitmqUrl: setting<string | null>("WEFT_RABBITMQ_URL", null, (text) => readServiceUrl(text, ["amqp:", "amqps:"])),
  serves: setting<readonly string[] | null>("WEFT_SERVES", null, readServes),
  own: setting("WEFT_OWN", true, readFlag),
  queueTimeout: setting<string | null>("WEFT_QUEUE_TIMEOUT", null, readRetention),
  handover: setting("WEFT_HANDOVER", true, readFlag),
  s3Url: setting<string | null>("WEFT_S3_URL", null, readBucketUrl),
  s3Region: setting("WEFT_S3_REGION", "us-east-1", readRegion),
  s3AccessKeyId: setting<string | null>("WEFT_S3_ACCESS_KEY_ID", null, (text) => ({ value: text })),
  s3AccessKeyIdFile: setting<string | null>("WEFT_S3_ACCESS_KEY_ID_FILE", null, (text) => ({ value: text })),
  s3SecretAccessKey: setting<string | null>("WEFT_S3_SECRET_ACCESS_KEY", null, (text) => ({ value: text })),
  s3SecretAccessKeyFile: setting<string | null>("WEFT_S3_SECRET_ACCESS_KEY_FILE", null, (text) => ({ value: text })),
  retention: setting<string | null>("WEFT_RETENTION", null, readRetention),
  logLevel: setting<LogLevel>("WEFT_LOG", "info", readLogLevel),
  bodyLimit: setting("WEFT_BODY_LIMIT", 16 * 1024 * 1024, readBytes),
};

/** Read elsewhere, and not by the server. */
const FOREIGN: ReadonlySet<string> = new Set([
  "WEFT_ENV",
  "WEFT_LANG",
  "WEFT_SERVER",
  "WEFT_TEST_POSTGRES_URL",
  "WEFT_TEST_REDIS_URL",
  "WEFT_TEST_RABBITMQ_URL",
  "WEFT_TEST_SERVICES",
]);

/**
 * The configuration that an environment gives. A pure function: it reads no file and asks no system. All mistakes are
 * in one `CONFIGURATION_INVALID`, as `details.mistakes`, each with its variable; an empty variable counts as not set.
 */
export function readConfig(environment: Environment): Config {
  const mistakes: { variable: string; message: string }[] = [];
  const read = <T>({ variable, default: otherwise, read: readText }: Setting<T>): T => {
    const text = environment[variable]?.trim() ?? "";
    if (text === "") return otherwise;
    const result = readText(text);
    if ("value" in result) return result.value;
    mistakes.push({ variable, message: result.mistake });
    return otherwise;
  };
  const config: Config = {
    host: read(SETTINGS.host),
    port: read(SETTINGS.port),
    metricsPort: read(SETTINGS.metricsPort),
    httpLimits: {
      headersMs: read(SETTINGS.headersMs),
      requestMs: read(SETTINGS.requestMs),
      connectionsPerAddress: read(SETTINGS.connectionsPerAddress),
      streamsPerAddress: read(SETTINGS.streamsPerAddress),
    },
    data: read(SETTINGS.data),
    databaseUrl: read(SETTINGS.databaseUrl),
    databaseListenUrl: read(SETTINGS.databaseListenUrl),
    httpAllow: read(SETTINGS.httpAllow),
    httpPorts: read(SETTINGS.httpPorts),
    fileBytesMax: read(SETTINGS.fileBytesMax),
    filesBytesMax: read(SETTINGS.filesBytesMax),
    fileRetention: read(SETTINGS.fileRetention),
    fileTypes: read(SETTINGS.fileTypes),
    datasets: read(SETTINGS.datasets),
    codeMemory: read(SETTINGS.codeMemory),
    codeOutput: read(SETTINGS.codeOutput),
    pythonPackages: read(SETTINGS.pythonPackages),
    containers: read(SETTINGS.containers),
    pools: read(SETTINGS.pools),
    backlogMax: read(SETTINGS.backlogMax),
    sheds: read(SETTINGS.sheds),
    transport: read(SETTINGS.transport),
    live: read(SETTINGS.live),
    redisUrl: read(SETTINGS.redisUrl),
    rabbitmqUrl: read(SETTINGS.rabbitmqUrl),
    serves: read(SETTINGS.serves),
    own: read(SETTINGS.own),
    queueTimeout: read(SETTINGS.queueTimeout),
    handover: read(SETTINGS.handover),
    s3: {
      url: read(SETTINGS.s3Url),
      region: read(SETTINGS.s3Region),
      accessKeyId: read(SETTINGS.s3AccessKeyId),
      accessKeyIdFile: read(SETTINGS.s3AccessKeyIdFile),
      secretAccessKey: read(SETTINGS.s3SecretAccessKey),
      secretAccessKeyFile: read(SETTINGS.s3SecretAccessKeyFile),
    },
    retention: read(SETTINGS.retention),
    logLevel: read(SETTINGS.logLevel),
    bodyLimit: read(SETTINGS.bodyLimit),
    unknown: Object.keys(environment).filter(
      (name) => name.startsWith("WEFT_") && !isKnown(name) && !isSecretVariable(name),
    ),
  };
  if (mistakes.length === 0) return config;
  throw new AppError("CONFIGURATION_INVALID", {
    count: mistakes.length,
    first: `${mistakes[0]!.variable} ${mistakes[0]!.message}`,
    mistakes: mistakes as readonly JsonObject[],
  });
}

/** A setting with the value it has, and where that comes from. */
export interface SettingInForce {
  readonly name: string;
  readonly variable: string;
  readonly value: Json;
  readonly from: "environment" | "default";
}

/** All settings of an environment, by name. A variable that is wrong counts as not set here; `readConfig` tells of it. */
export function settingsInForce(environment: Environment): readonly SettingInForce[] {
  return Object.entries<Setting<Json>>(SETTINGS).map(([name, { variable, default: otherwise, read }]) => {
    const text = environment[variable]?.trim() ?? "";
    const result = text === "" ? null : read(text);
    const isSet = result !== null && "value" in result;
    return { name, variable, value: isSet ? result.value : otherwise, from: isSet ? "environment" : "default" };
  });
}

function isKnown(name: string): boolean {
  return FOREIGN.has(name) || Object.values(SETTINGS).some(({ variable }) => variable === name);
}

function setting<T>(variable: string, otherwise: T, read: (text: string) => Read<T>): Setting<T> {
  return { variable, default: otherwise, read };
}

function readHost(text: string): Read<string> {
  const host = text.replace(/^\[(.*)\]$/, "$1");
  if (isLoopback(host)) return { value: host };
  return {
    mistake:
      `is ${text}, which other machines can reach. This version has no keys, so it binds loopback only: ` +
      "use 127.0.0.1, ::1 or localhost, and put a proxy that checks its callers in front",
  };
}

function readWhole(text: string, least: number, most: number): Read<number> {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return { value };
  return { mistake: `is ${text}; it must be a whole number from ${least} to ${most}` };
}

function readCount(text: string): Read<number> {
  return readWhole(text, 1, 20_000);
}

function readTimeout(text: string): Read<number> {
  const ms = parseDuration(text);
  if (ms !== null && ms >= 100 && ms <= 3_600_000) return { value: ms };
  return { mistake: `is ${text}; it must be a duration from 100ms to 1h, such as 10s` };
}

function readDatabaseUrl(text: string): Read<string> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && (url.protocol === "postgres:" || url.protocol === "postgresql:")) return { value: text };
  // The text itself may hold a password.
  return { mistake: "is no address of a PostgreSQL database; write postgres://user:password@host:5432/name" };
}

function readBucketUrl(text: string): Read<string> {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isBucket = url !== null && /^https?:$/.test(url.protocol) && /^\/[a-z0-9][a-z0-9.-]+/.test(url.pathname);
  // The text itself may hold a password.
  if (!isBucket || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return {
      mistake: "is no address of a bucket; write https://host:9000/bucket, with the keys in settings of their own",
    };
  }
  return { value: text };
}

function readRegion(text: string): Read<string> {
  if (/^[a-zA-Z0-9-]{1,64}$/.test(text)) return { value: text };
  return { mistake: `is ${text}; a region is letters, digits and dashes, such as eu-central-1` };
}

function readTargets(text: string): Read<readonly string[]> {
  const targets = text.split(",").map((target) => target.trim());
  const wrong = targets.filter((target) => !/^(?:\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+):\d{1,5}$/.test(target));
  if (wrong.length === 0) return { value: targets };
  return { mistake: `has ${wrong.map((one) => JSON.stringify(one)).join(", ")}; each target is host:port` };
}

function readPorts(text: string): Read<readonly string[]> {
  const entries = text.split(",").map((entry) => entry.trim());
  const wrong = entries.filter((entry) => {
    const [, from, to] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(entry) ?? [];
    return from === undefined || Number(from) < 1 || Number(to ?? from) > 65_535 || Number(from) > Number(to ?? from);
  });
  if (wrong.length === 0) return { value: entries };
  return { mistake: `has ${wrong.map((one) => JSON.stringify(one)).join(", ")}; write ports as 80,443,8000-8999` };
}

function readMediaTypes(text: string): Read<readonly string[]> {
  const types = text.split(",").map((type) => type.trim().toLowerCase());
  const wrong = types.filter((type) => !/^[a-z0-9][a-z0-9.+-]*\/(?:\*|[a-z0-9][a-z0-9.+-]*)$/.test(type));
  if (wrong.length === 0) return { value: types };
  return {
    mistake: `has ${wrong.map((one) => JSON.stringify(one)).join(", ")}; write types as image/*,application/pdf`,
  };
}

function readTransport(text: string): Read<TransportChoice> {
  const choice = TRANSPORTS.find((one) => one === text.toLowerCase());
  return choice ? { value: choice } : { mistake: `is ${text}; it must be one of ${TRANSPORTS.join(", ")}` };
}

function readLive(text: string): Read<LiveChoice> {
  const choice = LIVE.find((one) => one === text.toLowerCase());
  return choice ? { value: choice } : { mistake: `is ${text}; it must be one of ${LIVE.join(", ")}` };
}

function readServiceUrl(text: string, protocols: readonly string[]): Read<string> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && protocols.includes(url.protocol)) return { value: text };
  // The text itself may hold a password.
  return { mistake: `is no address of that service; write ${protocols[0]}//user:password@host` };
}

/** `all`, `none`, or names. */
function readServes(text: string): Read<readonly string[] | null> {
  if (text === "all") return { value: null };
  if (text === "none") return { value: [] };
  const names = text.split(",").map((name) => name.trim());
  const wrong = names.filter((name) => !/^[a-z][a-z0-9_-]{0,63}$/.test(name));
  if (wrong.length === 0) return { value: names };
  return {
    mistake: `has ${wrong.map((one) => JSON.stringify(one)).join(", ")}; write all, none, or pools as generation,code`,
  };
}

function readFlag(text: string): Read<boolean> {
  if (text === "true" || text === "1") return { value: true };
  if (text === "false" || text === "0") return { value: false };
  return { mistake: `is ${text}; it must be true or false` };
}

function readRetention(text: string): Read<string> {
  return parseDuration(text) === null
    ? { mistake: `is ${text}; it must be a duration such as 30d or 12h` }
    : { value: text };
}

function readContainers(text: string): Read<ContainerChoice> {
  const choice = CONTAINER_CHOICES.find((one) => one === text.toLowerCase());
  return choice ? { value: choice } : { mistake: `is ${text}; it must be one of ${CONTAINER_CHOICES.join(", ")}` };
}

function readLogLevel(text: string): Read<LogLevel> {
  const level = LOG_LEVELS.find((one) => one === text.toLowerCase());
  return level ? { value: level } : { mistake: `is ${text}; it must be one of ${LOG_LEVELS.join(", ")}` };
}

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3, tb: 1024 ** 4 };

function readBytes(text: string): Read<number> {
  const value = bytesOf(text);
  if (value >= 1024 && value <= 512 * 1024 ** 2) return { value };
  return { mistake: `is ${text}; it must be a size from 1KB to 512MB, such as 16MB` };
}

/** Below 64 MB an interpreter does not start; more than 4 GB WebAssembly does not have. */
function readCodeMemory(text: string): Read<number> {
  const value = bytesOf(text);
  if (value >= 64 * 1024 ** 2 && value <= 4 * 1024 ** 3) return { value };
  return { mistake: `is ${text}; it must be a size from 64MB to 4GB, such as 256MB` };
}

/** Sizes of what goes to the disk and never lies in memory whole. */
function readStoreBytes(text: string): Read<number> {
  const value = bytesOf(text);
  if (value >= 1024 && value <= 1024 ** 5) return { value };
  return { mistake: `is ${text}; it must be a size from 1KB to 1024TB, such as 100MB` };
}

function bytesOf(text: string): number {
  const [, number, unit] = /^(\d{1,12})\s*(|b|kb|mb|gb|tb)$/i.exec(text) ?? [];
  return number === undefined ? Number.NaN : Number(number) * UNITS[unit!.toLowerCase()]!;
}
