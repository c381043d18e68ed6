import { createHash } from "node:crypto";
import { request } from "node:http";
import { z } from "zod";
import { defineNode, openWeft } from "../../packages/server/src/index.ts";
import { createApp } from "../../packages/server/src/http/app.ts";

/**
 * A server that makes and measures large values. Arguments: the store, the bucket as JSON (or `null`), and an endpoint
 * that says when a gate opens. Prints its address when it listens.
 */
const [store, bucket, gate] = process.argv.slice(2) as [string, string, string];

/** Text whose JSON has exactly so many bytes, and no two parts that are alike. */
const make = defineNode({
  type: "make",
  config: z.object({ bytes: z.number() }),
  effect: "pure",
  execute: ({ bytes }) => {
    const parts: string[] = [];
    for (let at = 0, left = bytes - 2; left > 0; at++) {
      const part = createHash("sha256").update(String(at)).digest("base64").repeat(1500).slice(0, left);
      parts.push(part);
      left -= part.length;
    }
    return parts.join("");
  },
});

/** An effect: it begins when what came before is recorded, and ends when the test says so. */
const wait = defineNode({
  type: "gate",
  config: z.object({}),
  effect: "effect",
  execute: (_config, task) =>
    new Promise<string>((resolve, reject) => {
      request(`${gate}/${task.runId}`, (response) => {
        response.resume();
        response.once("end", () => resolve("open"));
      })
        .once("error", reject)
        .end();
    }),
});

const measure = defineNode({
  type: "measure",
  config: z.object({ value: z.unknown() }),
  effect: "pure",
  execute: ({ value }) => ({
    length: typeof value === "string" ? value.length : null,
    sha256: createHash("sha256").update(JSON.stringify(value)).digest("hex"),
    pid: process.pid,
  }),
});

const objects = JSON.parse(bucket) as {
  url: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
} | null;
const weft = await openWeft({
  store,
  nodes: [make, wait, measure],
  ...(objects ? { objects } : {}),
  problem: (message, runId, error) => process.stderr.write(`${runId} ${message}: ${String(error)}\n`),
});
await weft.workflows.publish(`
name: large
steps:
  - { id: big, type: make, bytes: "{{ inputs.bytes }}" }
  - { id: gate, type: gate, depends_on: [big] }
  - { id: seen, type: measure, value: "{{ steps.big.output }}", depends_on: [gate, big] }
outputs:
  seen: "{{ steps.seen.output }}"
`);
const silent = { info() {}, warn() {}, error() {}, debug() {} };
const app = createApp({ weft, config: { host: "127.0.0.1", port: 0, bodyLimit: 1 << 20 }, logger: silent });
process.on("message", () => process.send!({ peakMb: process.resourceUsage().maxRSS / 1024 }));
process.stdout.write(`${await app.listen()}\n`);
