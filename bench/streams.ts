import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { createApp } from "../packages/server/src/http/app.ts";
import { defineNode, openWeft } from "../packages/server/src/index.ts";
import { commit, hardware, versions } from "./machine.ts";
import { table } from "./report.ts";
import { median, quantile } from "./statistics.ts";

/**
 * What watchers cost the run they watch. One step says a token every few milliseconds, each a sleep after the last one, so
 * that whatever holds the process up makes the run longer. Server and watchers are processes of their own; the variants
 * take turns, so that they meet the same machine.
 */
const USAGE = `npm run bench -- streams [--quick] [--watchers N] [--rounds N] [--seconds N] [--pace MS]
`;

const WAVE = 200;

interface Variant {
  readonly name: string;
  readonly watchers: number;
  /** One more that reads 1 KB a second. */
  readonly slow: boolean;
}

/** What the server answers about one run. */
interface Ran {
  readonly ms: number;
  /** How late each token was. */
  readonly late: readonly number[];
  /** Share of one core that the server used. */
  readonly cpu: number;
}

/** What the watchers answer. */
interface Watched {
  readonly complete: number;
  readonly bytes: number;
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      watchers: { type: "string", default: "1000" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      pace: { type: "string", default: "10" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const watchers = Number(values.watchers);
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
  const seconds = Number(values.seconds ?? (values.quick ? 4 : 15));
  const pace = Number(values.pace);
  const variants: readonly Variant[] = [
    { name: "0 watchers", watchers: 0, slow: false },
    { name: `${watchers} SSE`, watchers, slow: false },
    { name: `${watchers} SSE + 1 KB/s`, watchers, slow: true },
  ];
  const folder = mkdtempSync(join(tmpdir(), "weft-streams-"));
  const server = fork(import.meta.filename, ["serve", folder, String(pace)]);
  const clients = fork(import.meta.filename, ["watch"]);
  try {
    const [fromServer, fromClients] = [answersOf(server), answersOf(clients)];
    const port = Number(await fromServer());
    const results = new Map(variants.map((variant) => [variant, [] as Ran[]]));
    // The first one warms up, and is not counted.
    for (let round = 0; round <= rounds; round++) {
      for (const variant of variants) {
        const id = `${round}-${variants.indexOf(variant)}`;
        const tokens = Math.round((1000 * (round === 0 ? 1 : seconds)) / pace);
        server.send({ start: id, tokens });
        await fromServer();
        clients.send({ watch: id, port, ...variant });
        await fromClients();
        server.send({ go: true });
        const ran = (await fromServer()) as Ran;
        const watched = (await fromClients()) as Watched;
        if (watched.complete !== variant.watchers) throw new Error(`${watched.complete} watchers saw the end`);
        if (round > 0) results.get(variant)!.push(ran);
      }
    }
    print(folder, results, Math.round((1000 * seconds) / pace), pace);
  } finally {
    for (const child of [server, clients]) {
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(folder: string, results: ReadonlyMap<Variant, readonly Ran[]>, tokens: number, pace: number): void {
  const { cpu, cores, memoryGb, system } = hardware(folder);
  const { node } = versions(null);
  const alone = median([...results.values()][0]!.map(({ ms }) => ms));
  const rows = [...results].map(([{ name }, runs]) => {
    const times = runs.map(({ ms }) => ms);
    const late = runs.flatMap((run) => run.late);
    return [
      "streams",
      "sqlite",
      name,
      `${tokens} tokens, ${pace} ms`,
      ...[median(times), Math.min(...times), Math.max(...times)].map((ms) => Math.round(ms).toLocaleString("en")),
      "ms/run",
      ...[0.5, 0.99].map((q) => quantile(late, q).toFixed(2)),
      median(runs.map((run) => run.cpu)).toFixed(2),
      (median(times) / alone).toFixed(3),
    ];
  });
  const headings = ["workload", "store", "variant", "producer", "median", "min", "max", "unit"];
  const lines = table([[...headings, "late p50 ms", "late p99 ms", "cores", "of unwatched"], ...rows]);
  process.stdout.write(
    `${cpu} · ${cores} cores · ${memoryGb} GB · ${system}\ncommit ${commit()} · node ${node}\n\n${lines.join("\n")}\n\n` +
      "of unwatched: duration of the run beside the same run that nobody watches, medians of the same rounds.\n",
  );
}

/** The next message of a process; those that come early are kept. */
function answersOf(child: ChildProcess): () => Promise<unknown> {
  const early: unknown[] = [];
  let asked: PromiseWithResolvers<unknown> | null = null;
  child.on("message", (message) => {
    if (asked) asked.resolve(message);
    else early.push(message);
    asked = null;
  });
  child.on("exit", () => asked?.reject(new Error("a process of the benchmark ended")));
  return () => {
    if (early.length > 0) return Promise.resolve(early.shift());
    asked = Promise.withResolvers();
    return asked.promise;
  };
}

async function serve(folder: string, pace: number): Promise<void> {
  let go = Promise.withResolvers<void>();
  let late: number[] = [];
  const tokens = defineNode({
    type: "tokens",
    config: z.object({ tokens: z.number() }),
    async execute({ tokens: count }, task) {
      let text = "";
      await go.promise;
      for (let at = 0; at < count; at++) {
        const due = performance.now() + pace;
        await new Promise((resolve) => setTimeout(resolve, pace));
        late.push(performance.now() - due);
        const token = ` token${at % 10}`;
        task.emit({ type: "text_delta", text: token });
        text += token;
      }
      return text;
    },
  });
  const weft = await openWeft({ store: folder, nodes: [tokens] });
  const quiet = (): void => undefined;
  const app = createApp({
    weft,
    config: { host: "127.0.0.1", port: 0, bodyLimit: 1_000_000 },
    logger: { info: quiet, warn: quiet, error: quiet },
  });
  await app.listen();
  await weft.workflows.publish(
    'name: talk\ninputs: {n: number}\nsteps:\n  - {id: say, type: tokens, tokens: "{{ inputs.n }}"}\n',
  );
  let id = "";
  process.on("message", (message: { start?: string; tokens?: number }) => {
    void (async () => {
      if (message.start !== undefined) {
        id = message.start;
        await weft.runs.start({ workflow: "talk", id, inputs: { n: message.tokens! } });
        process.send!("started");
        return;
      }
      const [begun, usage] = [performance.now(), process.cpuUsage()];
      go.resolve();
      const ended = await weft.runs.wait(id);
      const ms = performance.now() - begun;
      const { user, system } = process.cpuUsage(usage);
      if (ended?.status !== "succeeded") throw new Error(`the run ended as ${String(ended?.status)}`);
      process.send!({ ms, late, cpu: (user + system) / 1000 / ms } satisfies Ran);
      go = Promise.withResolvers();
      late = [];
    })();
  });
  process.on("disconnect", () => void app.close().then(() => weft.close({ graceMs: 0 })));
  process.send!((app.fastify.server.address() as AddressInfo).port);
}

/** Bare sockets: a client that reads events would be busier than the server. */
function watch(): void {
  process.on("message", (job: { watch: string; port: number; watchers: number; slow: boolean }) => {
    let [connected, ended, complete, bytes] = [0, 0, 0, 0];
    const all = job.watchers;
    const open = (): Socket => {
      const socket = connect(job.port, "127.0.0.1");
      socket.write(
        `GET /api/runs/${job.watch}/events HTTP/1.1\r\nhost: 127.0.0.1:${job.port}\r\nconnection: close\r\n\r\n`,
      );
      return socket;
    };
    const slow = job.slow ? open() : null;
    // Nobody takes what it reads, so it reads from the system what fits, and no more.
    const meter = setInterval(() => slow?.read(1024), 1000);
    const done = (): void => {
      clearInterval(meter);
      slow?.destroy();
      process.send!({ complete, bytes } satisfies Watched);
    };
    const watchOne = (): void => {
      const socket = open();
      let [tail, seen] = ["", false];
      socket.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        const text = tail + chunk.toString("latin1");
        if (tail === "") {
          connected += 1;
          if (connected === all) process.send!("ready");
          // In waves: so many at once would be refused as the flood of one caller.
          else if (connected % WAVE === 0) wave();
        }
        tail = text.slice(-40);
        if (!seen && text.includes("event: run_completed")) {
          seen = true;
          complete += 1;
        }
      });
      socket.on("end", () => socket.end());
      socket.on("close", () => ++ended === all && done());
    };
    let opened = 0;
    const wave = (): void => {
      for (let at = 0; at < WAVE && opened < all; at++, opened++) watchOne();
    };
    wave();
    if (all > 0) return;
    process.send!("ready");
    done();
  });
  process.on("disconnect", () => process.exit());
}

const [role, folder, pace] = process.argv.slice(2);
if (process.argv[1] === import.meta.filename) {
  if (role === "serve") await serve(folder!, Number(pace));
  else if (role === "watch") watch();
  else await bench(process.argv.slice(2));
}
