import { Agent, request } from "node:http";
import { z } from "zod";
import { createApp } from "../../packages/server/src/http/app.ts";
import { defineNode, openWeft } from "../../packages/server/src/index.ts";
import { STEPS, workflowSource } from "./workflow.ts";

/**
 * A server as an operator would run it, with one node of its own: an effect that is felt at the recording endpoint.
 * Arguments: the store, and the endpoint. Prints its address when it listens; ends in order at SIGTERM.
 */
const [store, recorder] = process.argv.slice(2) as [string, string];
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

const post = defineNode({
  type: "post",
  config: z.object({ n: z.number() }),
  effect: "effect",
  execute: ({ n }, task) => call(`${recorder}/${encodeURIComponent(task.key)}`).then(() => ({ n, node: task.node })),
});

function call(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", agent }, (response) => {
      response.resume();
      response.once("end", resolve);
    });
    sent.once("error", reject);
    sent.end();
  });
}

const weft = await openWeft({ store, nodes: [post], pools: { default: 64 } });
await weft.workflows.publish(workflowSource(STEPS));
const silent = { info() {}, warn() {}, error() {}, debug() {} };
const app = createApp({ weft, config: { host: "127.0.0.1", port: 0, bodyLimit: 1 << 20 }, logger: silent });
process.once("SIGTERM", () => {
  void (async () => {
    await app.drain();
    await weft.close({ graceMs: 20_000 });
    await app.close();
    agent.destroy();
  })();
});
process.stdout.write(`${await app.listen()}\n`);
