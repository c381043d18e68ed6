import { WeftClient, type RunMessage } from "@weftwork/sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testApp, type TestApp } from "../../packages/server/src/http/app.testing.ts";
import { Random } from "../simulation/random.ts";
import { cuttingProxy, type CuttingProxy } from "./cutting-proxy.ts";

const CUTS = 100;
/** Lists of the workflow, one after the other; the middle of them waits for the reader. */
const LISTS = 8;
const ITEMS = 100;
/** Bytes of one connection at most: some are cut within their head, some behind a few events. */
const BYTES_MAX = 3000;

const LONG = [
  "name: long",
  "steps:",
  ...Array.from({ length: LISTS }, (_, at) => {
    const after = at === 0 ? "" : `, depends_on: [${at === LISTS / 2 ? "wait" : `list_${at - 1}`}]`;
    return `  - {id: list_${at}, type: for_each, items: "{{ range(${ITEMS}) }}", concurrency: 4${after}, steps: [{id: a, type: template, template: "{{ item }}"}]}`;
  }),
  `  - {id: wait, type: gate, depends_on: [list_${LISTS / 2 - 1}]}`,
].join("\n");

let server: TestApp;
let proxy: CuttingProxy;
beforeEach(async () => void (server = await testApp(20)));
afterEach(async () => {
  await proxy.close();
  await server.close();
});

describe("a stream whose connection breaks", () => {
  test(`${CUTS} times at any byte has every event of the run once, in order, with its value`, async () => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
    const random = new Random(seed);
    proxy = await cuttingProxy(await server.port(), () => (proxy.cuts < CUTS ? random.int(0, BYTES_MAX) : null));
    await server.weft.workflows.publish(LONG);
    const { run } = await server.weft.runs.start({ workflow: "long" });
    const client = new WeftClient({ baseUrl: proxy.url, reconnectMs: 1 });
    const kept: RunMessage[] = [];
    for await (const message of client.stream(run.id)) {
      if (message.id !== null) kept.push(message);
      // The second half happens while the reader looks on.
      if (message.event === "task_completed" && message.data["node"] === `list_${LISTS / 2 - 1}`) server.open();
    }
    expect(proxy.cuts, `seed ${seed}`).toBe(CUTS);
    const recorded: RunMessage[] = [];
    for await (const message of server.weft.runs.events(run.id)) if (message.id !== null) recorded.push(message);
    expect(kept.length).toBeGreaterThan(ITEMS * LISTS);
    expect(
      kept.map(({ id }) => id),
      `seed ${seed}`,
    ).toEqual(recorded.map(({ id }) => id));
    expect(kept).toEqual(recorded);
  });
});
