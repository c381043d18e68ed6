import { once } from "node:events";
import { parseArgs } from "node:util";
import { weftOptions } from "../../packages/server/src/cli/weft-options.ts";
import { readConfig } from "../../packages/server/src/config.ts";
import { createApp } from "../../packages/server/src/http/app.ts";
import { openWeft } from "../../packages/server/src/index.ts";
import { hog } from "./hog.ts";

/**
 * A process of somebody who brings a node of their own: `--pools` are those that it serves, with `--own` it advances
 * runs, and with `--port` it has an API. All else is set by the environment, as it is for `weft`.
 */
const GRACE_MS = 30_000;
const { values } = parseArgs({
  options: {
    pools: { type: "string", default: "none" },
    own: { type: "boolean", default: false },
    name: { type: "string" },
    port: { type: "string" },
  },
});
const { pools, own, name, port } = values;
const config = readConfig({
  ...process.env,
  WEFT_SERVES: pools,
  WEFT_OWN: String(own),
  ...(port === undefined ? {} : { WEFT_PORT: port }),
});
const weft = await openWeft({
  ...weftOptions(config, process.env),
  store: config.databaseUrl!,
  nodes: [hog],
  sheds: config.sheds,
  ...(name === undefined ? {} : { name }),
});
const silent = { info() {}, warn() {}, error() {}, debug() {} };
const app = port === undefined ? null : createApp({ weft, config, limits: config.httpLimits, logger: silent });
await app?.listen();
process.stdout.write("Weftwork works on\n");
await once(process, "SIGTERM");
await app?.drain();
await weft.close({ graceMs: GRACE_MS });
await app?.close();
