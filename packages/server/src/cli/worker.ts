import { AppError } from "@weftwork/core";
import { readConfig } from "../config.ts";
import { operationsServer } from "../http/operations-server.ts";
import { takeSecrets } from "../secrets/variables.ts";
import { openWeft } from "../weft.ts";
import { EXIT } from "./exit.ts";
import { say } from "./language.ts";
import { serverLogger } from "./server-logger.ts";
import { GRACE_MS, stopSignal } from "./stop-signal.ts";
import { weftOptions } from "./weft-options.ts";

export interface WorkerOptions {
  readonly pools?: string;
  readonly concurrency?: string;
  readonly own?: boolean;
  readonly name?: string;
  readonly port?: string;
}

/**
 * `weft worker`: a process without an API. Left to itself it advances runs and serves all pools; with `--pools` it does
 * the steps of these pools, and advances runs only with `--own`.
 */
export async function workerCommand(options: WorkerOptions): Promise<number> {
  const environment = takeSecrets(process.env);
  const { pools, concurrency, own, name, port } = options;
  const config = readConfig({
    ...environment,
    ...(pools === undefined ? {} : { WEFT_SERVES: pools, WEFT_OWN: String(own === true) }),
    ...(own === true ? { WEFT_OWN: "true" } : {}),
    ...(concurrency === undefined ? {} : { WEFT_POOLS: concurrency }),
    ...(port === undefined ? {} : { WEFT_METRICS_PORT: port }),
  });
  if (config.databaseUrl === null)
    throw new AppError("CONFIGURATION_INVALID", {
      count: 1,
      first:
        "a worker shares a database with a server, and WEFT_DATABASE_URL is not set; a data folder has one process",
    });
  const logger = serverLogger(config);
  for (const variable of config.unknown) logger.warn({ variable }, "this variable means nothing here");
  const weft = await openWeft({
    ...weftOptions(config, environment),
    store: config.databaseUrl,
    ...(name === undefined ? {} : { name }),
    ...(config.retention === null ? {} : { retention: config.retention }),
    discoverModels: true,
    sheds: config.sheds,
    problem: (message, runId, error) => logger.error({ run_id: runId, err: error }, message),
  });
  try {
    const stopped = stopSignal(logger);
    const health = config.metricsPort === null ? null : await operationsServer(weft, config.metricsPort, logger);
    const served = config.serves === null ? say("worker.all") : config.serves.join(", ");
    process.stdout.write(`${say("worker.works", { store: new URL(config.databaseUrl).host, pools: served || "-" })}\n`);
    await stopped;
    await health?.drain();
    await weft.close({ graceMs: GRACE_MS });
    await health?.close();
    logger.info({}, "stopped");
    return EXIT.OK;
  } finally {
    await weft.close({ graceMs: 0 });
  }
}
