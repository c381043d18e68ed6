import { resolve } from "node:path";
import { AppError } from "@weftwork/core";
import { readConfig, type Config } from "../config.ts";
import { createApp, type HttpApp } from "../http/app.ts";
import { takeSecrets } from "../secrets/variables.ts";
import { openWeft, type Weft } from "../weft.ts";
import { publishExamples } from "./examples.ts";
import { EXIT } from "./exit.ts";
import { forgetAddress, tellAddress } from "./address.ts";
import { say } from "./language.ts";
import { serverLogger } from "./server-logger.ts";
import { GRACE_MS, stopSignal } from "./stop-signal.ts";
import { weftOptions } from "./weft-options.ts";

export interface ServeOptions {
  readonly host?: string;
  readonly port?: string;
  readonly data?: string;
  /** False: `--no-work`. */
  readonly work?: boolean;
}

/** `weft serve`: the server, until it is told to stop. Where it listens goes to standard output, logs to standard error. */
export async function serveCommand(options: ServeOptions): Promise<number> {
  const environment = takeSecrets(process.env);
  const config = readConfig({
    ...environment,
    ...(options.host === undefined ? {} : { WEFT_HOST: options.host }),
    ...(options.port === undefined ? {} : { WEFT_PORT: options.port }),
    ...(options.data === undefined ? {} : { WEFT_DATA: options.data }),
    ...(options.work === false ? { WEFT_OWN: "false", WEFT_SERVES: "none" } : {}),
  });
  checkRoles(config);
  const logger = serverLogger(config);
  for (const name of config.unknown) logger.warn({ variable: name }, "this variable means nothing here");
  const weft = await openWeft({
    ...weftOptions(config, environment),
    store: config.databaseUrl ?? resolve(config.data),
    discoverModels: true,
    sheds: config.sheds,
    ...(config.retention === null ? {} : { retention: config.retention }),
    problem: (message, runId, error) => logger.error({ run_id: runId, err: error }, message),
  });
  try {
    const published = await publishExamples(weft);
    const app = createApp({ weft, config, limits: config.httpLimits, logger });
    const stopped = stopSignal(logger);
    const address = await app.listen();
    if (config.databaseUrl === null) tellAddress(resolve(config.data), address);
    process.stdout.write(banner(address, config, published));
    await stopped;
    await drain(app, weft);
    if (config.databaseUrl === null) forgetAddress(resolve(config.data));
    logger.info({}, "stopped");
    return EXIT.OK;
  } finally {
    await weft.close({ graceMs: 0 });
  }
}

/** A data folder has one process: if that one does not work, nobody does. */
function checkRoles({ own, databaseUrl }: Config): void {
  if (own || databaseUrl !== null) return;
  throw new AppError("CONFIGURATION_INVALID", {
    count: 1,
    first: "a server that does not work needs others on the same database, and WEFT_DATABASE_URL is not set",
  });
}

/** Answers questions while running steps end, and stops listening last. */
async function drain(app: HttpApp, weft: Weft): Promise<void> {
  await app.drain();
  await weft.close({ graceMs: GRACE_MS });
  await app.close();
}

function banner(address: string, config: Config, published: readonly string[]): string {
  // "localhost" may be several addresses; what is shown can be copied.
  const store = config.databaseUrl === null ? resolve(config.data) : new URL(config.databaseUrl).host;
  const text = "Weftwork runs AI workflows. A run is durable from the moment it has an id. It survives any crash.";
  const body = JSON.stringify({ workflow: "summarize", inputs: { text } });
  return [
    say("serve.listens", { address }),
    say("serve.data", { store }),
    ...(published.length > 0 ? [say("serve.examples", { names: published.join(", ") })] : []),
    "",
    say("serve.try"),
    `  curl -s -XPOST ${address}/api/runs -H 'content-type: application/json' -H 'prefer: wait=10' -d '${body}'`,
    "",
    "",
  ].join("\n");
}
