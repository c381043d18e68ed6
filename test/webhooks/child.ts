import { openWeft } from "../../packages/server/src/index.ts";

/**
 * A process on a data folder that sends webhooks to a port of this machine. With the name of a run it begins that run; it
 * says the secret of the endpoint that it makes then.
 */
const [folder, port, run] = process.argv.slice(2) as [string, string, string | undefined];
const weft = await openWeft({ store: folder, httpAllow: [`127.0.0.1:${port}`] });
if (run !== undefined) {
  const { secret } = await weft.webhooks.create({ url: `http://127.0.0.1:${port}/hook?token=abcdef` });
  await weft.workflows.publish("name: hello\nsteps:\n  - {id: a, type: template, template: hi}\n");
  process.stdout.write(`${secret}\n`);
  await weft.runs.start({ workflow: "hello", id: run });
}
process.once("SIGTERM", () => void weft.close({ graceMs: 1000 }));
