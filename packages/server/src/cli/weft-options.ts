import type { Config } from "../config.ts";
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
    ...configFromFolder(environment),
    environment,
  };
}
