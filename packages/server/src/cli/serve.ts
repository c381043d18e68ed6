import { resolve } from "node:path";
import { pino } from "pino";
import { readConfig, type Config } from "../config.ts";
import { createApp, type HttpApp } from "../http/app.ts";
import { takeSecrets } from "../secrets/variables.ts";
import { openWeft, type Weft } from "../weft.ts";
import { publishExamples } from "./examples.ts";
import { EXIT } from "./exit.ts";
import { forgetAddress, tellAddress } from "./address.ts";
import { say } from "./language.ts";
import { weftOptions } from "./weft-options.ts";

export interface ServeOptions {
  readonly host?: string;
  readonly port?: string;
  readonly data?: string;
}

/** What running steps and open answers get to end by themselves. */
const GRACE_MS = 30_000;

/** `weft serve`: the server, until it is told to stop. Where it listens goes to standard output, logs to standard error. */
export async function serveCommand(options: ServeOptions): Promise<number> {
  const environment = takeSecrets(process.env);
  const config = readConfig({
    ...environment,
    ...(options.host === undefined ? {} : { WEFT_HOST: options.host }),
    ...(options.port === undefined ? {} : { WEFT_PORT: options.port }),
    ...(options.data === undefined ? {} : { WEFT_DATA: options.data }),
  });
  const logger = serverLogger(config);
  for (const name of config.unknown) logger.warn({ variable: name }, "this variable means nothing here");
  const weft = await openWeft({
    ...weftOptions(config, environment),
    store: config.databaseUrl ?? resolve(config.data),
    discoverModels: true,
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

/** Answers questions while running steps end, and stops listening last. */
async function drain(app: HttpApp, weft: Weft): Promise<void> {
  await app.drain();
  await weft.close({ graceMs: GRACE_MS });
  await app.close();
}

/** Resolves at the first SIGTERM or SIGINT. The second one ends the process where it stands; nothing recorded is lost. */
function stopSignal(logger: { info(fields: object, message: string): void }): Promise<void> {
  return new Promise((resolveStop) => {
    let count = 0;
    const stop = (signal: NodeJS.Signals): void => {
      // Only the command may end the process, and only because it was asked twice.
      // oxlint-disable-next-line unicorn/no-process-exit
      if (++count > 1) process.exit(EXIT.INTERRUPTED);
      logger.info({ signal }, `draining for at most ${GRACE_MS / 1000} s; a second signal ends at once`);
      resolveStop();
    };
    process.on("SIGTERM", stop).on("SIGINT", stop);
  });
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

/** One JSON object a line. */
function serverLogger(config: Config): ReturnType<typeof pino> {
  return pino(
    {
      level: config.logLevel,
      base: null,
      messageKey: "msg",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
