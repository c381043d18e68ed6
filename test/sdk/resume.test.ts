import { WeftClient, type RunMessage, type StreamTransport } from "@weftwork/sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Random } from "../simulation/random.ts";
import { said, served, type Served } from "../streams/served.ts";
import { cuttingProxy, type CuttingProxy } from "./cutting-proxy.ts";

/** Lists of the workflow before and behind the step that says something. */
const LISTS = 3;
const ITEMS = 40;
/** Pieces that the step says, each with a log line; the second half while the reader looks on. */
const PIECES = 800;
const CHARS = 12;
/** Bytes of one connection at most: some are cut within their head, some behind a few messages. */
const BYTES_MAX = 4000;

const STEP = JSON.stringify({
  id: "say",
  type: "tokens",
  depends_on: ["list_0"],
  count: PIECES,
  chars: CHARS,
  logs: true,
  gate: PIECES / 2,
});
const LONG = [
  "name: long",
  "steps:",
  ...Array.from({ length: LISTS }, (_, at) => {
    const after = at === 0 ? "" : `, depends_on: [${at === 1 ? "say" : `list_${at - 1}`}]`;
    return `  - {id: list_${at}, type: for_each, items: "{{ range(${ITEMS}) }}", concurrency: 4${after}, steps: [{id: a, type: template, template: "{{ item }}"}]}`;
  }),
  `  - ${STEP}`,
].join("\n");

let server: Served;
let proxy: CuttingProxy;
beforeEach(async () => void (server = await served(20)));
afterEach(async () => {
  await proxy.close();
  await server.close();
});

describe("a stream whose connection breaks", () => {
  test.each<{ transport: StreamTransport; cuts: number }>([
    { transport: "sse", cuts: 100 },
    { transport: "websocket", cuts: 40 },
    { transport: "poll", cuts: 40 },
  ])("$cuts times at any byte ($transport) has every message once, in order, and the whole text", async (how) => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
    const random = new Random(seed);
    // A poll answers with a page, which must come whole to be read.
    const most = how.transport === "poll" ? 60_000 : BYTES_MAX;
    // The values behind the text are larger than what one connection lives for.
    let hasText = false;
    proxy = await cuttingProxy(server.port, () => (proxy.cuts < how.cuts && !hasText ? random.int(0, most) : null));
    await server.weft.workflows.publish(LONG);
    const { run } = await server.weft.runs.start({ workflow: "long" });
    const client = new WeftClient({ baseUrl: proxy.url, reconnectMs: 1 });
    const read: RunMessage[] = [];
    /** Connections cut when the first and the last text was read. */
    const cutsAt = { first: -1, last: -1 };
    for await (const message of client.stream(run.id, { transport: how.transport })) {
      read.push(message);
      if (message.event === "text_delta") {
        if (cutsAt.first < 0) cutsAt.first = proxy.cuts;
        cutsAt.last = proxy.cuts;
      }
      if (message.data["message"] === `said ${PIECES / 2 - 1}`) {
        await server.arrived();
        server.open();
      }
      hasText ||= message.data["message"] === `said ${PIECES - 1}`;
    }
    const recorded: RunMessage[] = [];
    for await (const message of server.weft.runs.events(run.id)) recorded.push(message);
    expect(recorded.filter(({ event }) => event === "log")).toHaveLength(PIECES);
    expect(
      read.map(({ id }) => id),
      `seed ${seed}`,
    ).toEqual(recorded.map(({ id }) => id));
    expect(read).toEqual(recorded);
    expect(new Set(read.map(({ id }) => id)).size).toBe(read.length);
    const text = read.map(({ event, data }) => (event === "text_delta" ? String(data["text"]) : "")).join("");
    const completed = read.find(({ event, data }) => event === "task_completed" && data["node"] === "say");
    expect(text).toBe(completed?.data["output"]);
    expect(text).toBe(said(PIECES, CHARS, 1).join(""));
    if (how.transport !== "poll") {
      expect(proxy.cuts, `seed ${seed}`).toBe(how.cuts);
      expect(cutsAt.last - cutsAt.first, `seed ${seed}`).toBeGreaterThan(how.cuts / 4);
    } else expect(proxy.cuts, `seed ${seed}`).toBeGreaterThan(0);
  });
});
