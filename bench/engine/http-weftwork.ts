import { once } from "node:events";
import { createApp } from "../../packages/server/src/http/app.ts";
import type { ServerOrder } from "./http.ts";
import { openBench } from "./weftwork.ts";

/** `weft serve` with the benchmark's own nodes. */
const [{ address, source }] = (await once(process, "message")) as [ServerOrder];
const stopped = once(process, "disconnect");
const weft = await openBench(address);
await weft.workflows.publish(source);
const say = (fields: object, message: string): void =>
  void process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const app = createApp({
  weft,
  config: { host: "127.0.0.1", port: 0, bodyLimit: 16 * 1024 ** 2 },
  logger: { info: () => undefined, warn: say, error: say },
});
process.send!(await app.listen());
await stopped;
await app.close();
await weft.close();
