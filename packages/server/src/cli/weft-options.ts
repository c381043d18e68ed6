import { readFileSync } from "node:fs";
import { AppError } from "@weftwork/core";
import type { Config, S3Settings } from "../config.ts";
import type { WeftOptions } from "../weft.ts";
import { configFromFolder } from "./config-folder.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What every Weftwork of the command line takes from its settings, wherever its runs are kept. */
export function weftOptions(config: Config, environment: Environment): WeftOptions {
  const { httpAllow, httpPorts, pools, codeMemory, codeOutput, containers, pythonPackages } = config;
  const { fileBytesMax, filesBytesMax, fileTypes, fileRetention } = config;
  return {
    httpAllow,
    ...(httpPorts === null ? {} : { httpPorts }),
    pools,
    codeLimits: { memoryBytes: codeMemory, outputBytes: codeOutput },
    containers,
    ...(pythonPackages === null ? {} : { pythonPackages }),
    files: {
      bytesMax: fileBytesMax,
      tenantBytesMax: filesBytesMax,
      types: fileTypes,
      ...(fileRetention === null ? {} : { keep: fileRetention }),
    },
    ...(config.serves === null ? {} : { serves: config.serves }),
    own: config.own,
    backlogMax: config.backlogMax,
    ...(config.databaseListenUrl === null ? {} : { listenUrl: config.databaseListenUrl }),
    ...transportOf(config),
    ...liveOf(config),
    // Who has a Redis has it for what it is best at.
    ...(config.redisUrl === null || config.databaseUrl === null
      ? {}
      : { cache: { type: "redis", url: config.redisUrl } }),
    ...(config.queueTimeout === null ? {} : { queueTimeout: config.queueTimeout }),
    handover: config.handover,
    ...objectsOf(config),
    ...configFromFolder(environment),
    environment,
  };
}

function objectsOf({ s3 }: Config): Pick<WeftOptions, "objects"> {
  if (s3.url === null) return {};
  return {
    objects: {
      url: s3.url,
      region: s3.region,
      accessKeyId: s3Key(s3, "accessKeyId", "WEFT_S3_ACCESS_KEY_ID"),
      secretAccessKey: s3Key(s3, "secretAccessKey", "WEFT_S3_SECRET_ACCESS_KEY"),
    },
  };
}

function s3Key(s3: S3Settings, name: "accessKeyId" | "secretAccessKey", variable: string): string {
  const wrong = (what: string): AppError => new AppError("CONFIGURATION_INVALID", { count: 1, first: what });
  const [given, file] = [s3[name], s3[`${name}File`]];
  if (given !== null) return given;
  if (file === null) throw wrong(`WEFT_S3_URL is set, and neither ${variable} nor ${variable}_FILE is`);
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    throw wrong(`${variable}_FILE cannot be read: ${(error as NodeJS.ErrnoException).code ?? "it failed"}`);
  }
  if (text === "") throw wrong(`${variable}_FILE names an empty file`);
  return text;
}

function transportOf({ transport, redisUrl, rabbitmqUrl }: Config): Pick<WeftOptions, "transport"> {
  if (transport === "auto" || transport === "postgres") return {};
  const [url, variable] = transport === "redis" ? [redisUrl, "WEFT_REDIS_URL"] : [rabbitmqUrl, "WEFT_RABBITMQ_URL"];
  if (url !== null) return { transport: { type: transport, url } };
  throw new AppError("CONFIGURATION_INVALID", {
    count: 1,
    first: `WEFT_TRANSPORT is ${transport}, and ${variable} is not set`,
  });
}

/** Where tickets go over Redis, the rest of what processes tell each other does too, unless it is set otherwise. */
function liveOf({ live, transport, redisUrl }: Config): Pick<WeftOptions, "live"> {
  if (live === "postgres" || (live === "auto" && transport !== "redis")) return {};
  if (redisUrl !== null) return { live: { type: "redis", url: redisUrl } };
  throw new AppError("CONFIGURATION_INVALID", { count: 1, first: "WEFT_LIVE is redis, and WEFT_REDIS_URL is not set" });
}
