import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createApp } from "../packages/server/src/http/app.ts";
import { openWeft } from "../packages/server/src/index.ts";
import { BareClient, type BareAnswer } from "./bare-client.ts";
import { INPUTS, NODES, WORKLOADS } from "./engine/workload.ts";
import { commit, hardware, versions } from "./machine.ts";
import { table } from "./report.ts";
import { quantile } from "./statistics.ts";

/**
 * What becomes of submissions that arrive faster than runs can be done. First the capacity is measured by clients that
 * wait for each run; then submissions arrive at so many times that rate, whether the ones before were answered or not.
 * Server and clients are processes of their own. What must hold: every accepted run ends, refusals say when to come
 * again, and what is accepted is accepted soon.
 */
const USAGE = `npm run bench -- overload [--seconds 60] [--times 3] [--store sqlite|postgres://…] [--clients 64]
`;

const WORKLOAD = WORKLOADS.find(({ name }) => name === "W4")!;
const CALIBRATE_SECONDS = 5;
/** Requests under way at a time; those that arrive beyond wait at the client, and their waiting counts. */
const CONNECTIONS = 1024;
const PATIENCE_MS = 120_000;

interface Counted {
  readonly submitted: number;
  readonly open: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
}

export interface Overloaded {
  readonly capacity: number;
  readonly arrivals: number;
  readonly accepted: number;
  readonly refused: number;
  /** Refusals without a time to come again. */
  readonly refusedBare: number;
  /** Neither accepted nor refused: no answer at all. */
  readonly unanswered: number;
  readonly succeeded: number;
  /** Accepted, and not there or not ended. */
  readonly lost: number;
  readonly acceptedMs: readonly number[];
  /** The 99th percentile of those that were accepted in one second, of the worst. */
  readonly worstSecondMs: number;
  readonly refusedMs: readonly number[];
  readonly drainSeconds: number;
  /** Cores that the server and the clients used while submissions arrived. */
  readonly serverCores: number;
  readonly clientCores: number;
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "60" },
      times: { type: "string", default: "3" },
      store: { type: "string", default: "sqlite" },
      clients: { type: "string", default: "64" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const seconds = Number(values.seconds);
  const folder = mkdtempSync(join(tmpdir(), "weft-overload-"));
  try {
    const times = Number(values.times);
    const store = values.store === "sqlite" ? folder : values.store;
    const result = await overload(store, { seconds, times, clients: Number(values.clients) });
    print(folder, result, { seconds, times, store: values.store.split(":")[0]! });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function overload(
  store: string,
  { seconds, times, clients }: { readonly seconds: number; readonly times: number; readonly clients: number },
): Promise<Overloaded> {
  const server = fork(import.meta.filename, ["serve", store]);
  try {
    const port = Number(await messageOf(server));
    const client = new BareClient(port, CONNECTIONS);
    try {
      await client.warm();
      await drive(client, clients, 1);
      const capacity = (await drive(client, clients, Math.min(CALIBRATE_SECONDS, seconds))) || 1;
      const before = await counted(client);
      const used = async (): Promise<{ readonly server: number; readonly client: number; readonly at: number }> => {
        server.send("cpu");
        return { server: Number(await messageOf(server)), client: cpuMs(), at: performance.now() };
      };
      const idle = await used();
      const arrived = await arrive(client, capacity * times, seconds);
      const busy = await used();
      const began = performance.now();
      let after = await counted(client);
      while (after.open > 0 && performance.now() - began < PATIENCE_MS) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        after = await counted(client);
      }
      const succeeded = after.succeeded - before.succeeded;
      const ended = succeeded + after.failed - before.failed + after.cancelled - before.cancelled;
      return {
        ...arrived,
        capacity,
        succeeded,
        lost: arrived.accepted - ended,
        drainSeconds: (performance.now() - began) / 1000,
        serverCores: (busy.server - idle.server) / (busy.at - idle.at),
        clientCores: (busy.client - idle.client) / (busy.at - idle.at),
      };
    } finally {
      client.close();
    }
  } finally {
    const ended = once(server, "exit");
    server.disconnect();
    await ended;
  }
}

/** Runs a second with so many clients that wait for the end of each. */
async function drive(client: BareClient, clients: number, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000;
  const began = performance.now();
  let done = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() < until) {
      const { status } = await post(client, "prefer: wait=30\r\n");
      if (status === 200) done += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, loop));
  return (done / (performance.now() - began)) * 1000;
}

/** Open loop: each submission at its time. Latencies count from that time, not from when a connection was free. */
async function arrive(
  client: BareClient,
  rate: number,
  seconds: number,
): Promise<Omit<Overloaded, "capacity" | "succeeded" | "lost" | "drainSeconds" | "serverCores" | "clientCores">> {
  const total = Math.round(rate * seconds);
  const counts = { accepted: 0, refused: 0, refusedBare: 0, unanswered: 0 };
  const acceptedMs: number[] = [];
  const bySecond: number[][] = [];
  const refusedMs: number[] = [];
  const open = new Set<Promise<void>>();
  const began = performance.now();
  const submit = async (due: number): Promise<void> => {
    try {
      const { status, retryAfter } = await post(client, "");
      const ms = performance.now() - due;
      if (status === 202) {
        counts.accepted += 1;
        acceptedMs.push(ms);
        (bySecond[Math.floor((due - began + ms) / 1000)] ??= []).push(ms);
      } else {
        counts.refused += 1;
        refusedMs.push(ms);
        if ((status !== 503 && status !== 429) || !((retryAfter ?? 0) >= 1)) counts.refusedBare += 1;
      }
    } catch {
      counts.unanswered += 1;
    }
  };
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - began) / 1000) * rate));
    for (; sent < due; sent++) {
      const one = submit(began + (sent / rate) * 1000).finally(() => open.delete(one));
      open.add(one);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(open);
  const worstSecondMs = Math.max(0, ...bySecond.filter(Boolean).map((times) => quantile(times, 0.99)));
  return { ...counts, arrivals: total, acceptedMs, worstSecondMs, refusedMs };
}

function post(client: BareClient, headers: string): Promise<BareAnswer> {
  return client.request("POST", "/api/runs", `content-type: application/json\r\n${headers}`, BODY);
}

const BODY = JSON.stringify({ workflow: WORKLOAD.workflow, inputs: INPUTS });

async function counted(client: BareClient): Promise<Counted> {
  const { body } = await client.request("GET", "/api/stats", "", "");
  return (JSON.parse(body) as { readonly runs: Counted }).runs;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function messageOf(child: ChildProcess): Promise<unknown> {
  const [message] = (await once(child, "message")) as [unknown];
  return message;
}

async function serve(store: string): Promise<void> {
  const weft = await openWeft({ store, nodes: NODES, sheds: true });
  const quiet = (): void => undefined;
  const app = createApp({
    weft,
    config: { host: "127.0.0.1", port: 0, bodyLimit: 1_000_000 },
    logger: { info: quiet, warn: quiet, error: quiet },
  });
  await weft.workflows.publish(WORKLOAD.source("effect"));
  await app.listen();
  process.on("message", () => process.send!(cpuMs()));
  process.on("disconnect", () => void app.close().then(() => weft.close({ graceMs: 0 })));
  process.send!((app.fastify.server.address() as AddressInfo).port);
}

function print(
  folder: string,
  result: Overloaded,
  { seconds, times, store }: { readonly seconds: number; readonly times: number; readonly store: string },
): void {
  const { cpu, cores, memoryGb, system } = hardware(folder);
  const { acceptedMs, refusedMs, accepted, succeeded } = result;
  const number = (value: number): string => Math.round(value).toLocaleString("en");
  const share = accepted === 0 ? "none" : `${((succeeded / accepted) * 100).toFixed(3)} %`;
  const rows = [
    ["what", "value"],
    ["capacity", `${number(result.capacity)} runs/s`],
    [
      "arrivals",
      `${number(result.arrivals / seconds)}/s for ${seconds} s (${times} times), ${number(result.arrivals)} in all`,
    ],
    ["accepted", `${number(accepted)} (${number(accepted / seconds)}/s)`],
    ["refused", `${number(result.refused)}; without Retry-After: ${result.refusedBare}`],
    ["no answer", number(result.unanswered)],
    ["succeeded of accepted", share],
    ["lost", number(result.lost)],
    ["accepted p50, p99", [0.5, 0.99].map((q) => `${number(quantile(acceptedMs, q))} ms`).join(", ")],
    ["accepted p99 in the worst second", `${number(result.worstSecondMs)} ms`],
    ["refused p50, p99", [0.5, 0.99].map((q) => `${number(quantile(refusedMs, q))} ms`).join(", ")],
    ["cores used", `server ${result.serverCores.toFixed(2)}, clients ${result.clientCores.toFixed(2)}`],
    ["worked off after", `${result.drainSeconds.toFixed(1)} s`],
  ];
  process.stdout.write(
    `${cpu} · ${cores} cores · ${memoryGb} GB · ${system}\ncommit ${commit()} · node ${versions(null).node} · ${store}\n\n` +
      `${table(rows).join("\n")}\n\nTimes count from when a submission was due, so waiting for a connection is in them. Clients that use a core\nof their own are the limit, and not the server.\n`,
  );
}

const [role, address] = process.argv.slice(2);
if (process.argv[1] === import.meta.filename) {
  if (role === "serve") await serve(address!);
  else await bench(process.argv.slice(2));
}
