import { openWeft } from "../../packages/server/src/weft.ts";

/** A process that watches runs of others: `node watcher.ts STORE RUN…` writes each message of each run as a line. */
const [store, ...ids] = process.argv.slice(2);
const weft = await openWeft({ store: store!, name: "watcher", reading: true });
process.stdout.write("ready\n");
await Promise.all(
  ids.map(async (id) => {
    for await (const message of weft.runs.events(id)) process.stdout.write(`${JSON.stringify({ id, message })}\n`);
  }),
);
await weft.close({ graceMs: 0 });
