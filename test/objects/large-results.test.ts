import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Run } from "@weftwork/sdk";
import { s3Server, type S3Server } from "../../packages/server/src/blob/s3-server.testing.ts";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";

const PROGRAM = fileURLToPath(new URL("worker.ts", import.meta.url));
const MB = 1024 * 1024;
/** The limit of a result, and of the memory of a process that makes, stores, reads back and measures one of that size. */
const RESULT_BYTES_MAX = 100 * MB;
const PEAK_MB_MAX = 900;

/** Where gates ask: it answers when the test opens them. */
class Gates {
  readonly url: string;
  private readonly server: Server;
  private readonly asked = new Map<string, ServerResponse[]>();
  private readonly opened = new Set<string>();

  private constructor(server: Server) {
    this.server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async open(): Promise<Gates> {
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const gates = new Gates(server);
    server.on("request", (request, response) => {
      const run = request.url!.slice(1);
      if (gates.opened.has(run)) return void response.end();
      gates.asked.set(run, [...(gates.asked.get(run) ?? []), response]);
    });
    return gates;
  }

  isAsked(run: string): boolean {
    return this.asked.has(run);
  }

  let(run: string): void {
    this.opened.add(run);
    for (const response of this.asked.get(run) ?? []) response.end();
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => void this.server.close(resolve));
  }
}

class Process {
  readonly address: string;
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  private constructor(child: ChildProcess, address: string, ended: Promise<unknown>) {
    this.child = child;
    this.address = address;
    this.ended = ended;
  }

  static async start(store: string, bucket: object | null, gates: Gates): Promise<Process> {
    const child = fork(PROGRAM, [store, JSON.stringify(bucket), gates.url], {
      execArgv: ["--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const errors: string[] = [];
    child.stderr!.setEncoding("utf8").on("data", (text: string) => errors.push(text));
    const ended = once(child, "exit");
    const line = once(createInterface({ input: child.stdout! }), "line").then(([text]) => text as string);
    const address = await Promise.race([line, ended.then(() => null)]);
    if (address === null) throw new Error(`it did not start:\n${errors.join("")}`);
    return new Process(child, address, ended);
  }

  get pid(): number {
    return this.child.pid!;
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  async peakMb(): Promise<number> {
    const told = once(this.child, "message");
    this.child.send("memory");
    const [{ peakMb }] = (await told) as [{ peakMb: number }];
    return peakMb;
  }

  async submit(id: string, bytes: number): Promise<void> {
    const body = JSON.stringify({ workflow: "large", id, inputs: { bytes } });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${this.address}/api/runs`, { method: "POST", headers, body });
    if (answer.status !== 202) throw new Error(`the run was not taken: ${await answer.text()}`);
  }

  async run(id: string): Promise<Run> {
    return (await (await fetch(`${this.address}/api/runs/${id}`)).json()) as Run;
  }
}

const postgres = await testPostgres();
const STORES = [
  { name: "SQLite with S3", onPostgres: false, onS3: true },
  { name: "SQLite with its folder", onPostgres: false, onS3: false },
  { name: "PostgreSQL with S3", onPostgres: true, onS3: true },
  { name: "PostgreSQL alone", onPostgres: true, onS3: false },
] as const;

describe.each(STORES)("$name", ({ name, onPostgres, onS3 }) => {
  let store: { readonly address: string; drop(): Promise<void> };
  let server: S3Server;
  let gates: Gates;
  let processes: Process[] = [];

  beforeEach(async (context) => {
    if (onPostgres && !postgres) context.skip("no PostgreSQL answers on 127.0.0.1:5432");
    if (onPostgres) {
      const { url, drop } = await postgres!.create();
      store = { address: url, drop };
    } else {
      const address = mkdtempSync(join(tmpdir(), "weft-large-"));
      store = { address, drop: async () => rmSync(address, { recursive: true, force: true }) };
    }
    [server, gates] = await Promise.all([s3Server(), Gates.open()]);
  });
  afterEach(async () => {
    if (onPostgres && !postgres) return;
    await Promise.all(processes.map((one) => one.kill()));
    processes = [];
    await Promise.all([server.close(), gates.close()]);
    await store.drop();
  });

  async function start(): Promise<Process> {
    const one = await Process.start(store.address, onS3 ? { url: server.url, ...server.keys } : null, gates);
    processes.push(one);
    return one;
  }

  test("a result of 100 MB outlives the process that made it, and another one goes on from the object", async () => {
    const first = await start();
    await first.submit("big", RESULT_BYTES_MAX);
    // The gate is an effect: it is asked when the result is recorded, and not before.
    await expect.poll(() => gates.isAsked("big"), { timeout: 60_000, interval: 20 }).toBe(true);
    const firstMb = await first.peakMb();
    await first.kill();
    if (onS3) expect([...server.objects.values()].map(({ length }) => length)).toContain(RESULT_BYTES_MAX);

    gates.let("big");
    const second = await start();
    await expect
      .poll(async () => (await second.run("big")).status, { timeout: 90_000, interval: 100 })
      .toBe("succeeded");
    const { seen } = (await second.run("big")).outputs as { seen: { length: number; sha256: string; pid: number } };
    expect(seen.length).toBe(RESULT_BYTES_MAX - 2);
    expect(seen.pid).toBe(second.pid);
    const secondMb = await second.peakMb();

    // The value alone comes as a stream, out of a process that then holds none of it.
    const answer = await fetch(`${second.address}/api/runs/big/steps/big/output`);
    expect(answer.headers.get("content-length")).toBe(String(RESULT_BYTES_MAX));
    const digest = createHash("sha256");
    for await (const chunk of answer.body!) digest.update(chunk);
    expect(digest.digest("hex")).toBe(seen.sha256);
    const figures = `made ${firstMb.toFixed(0)} MB, read ${secondMb.toFixed(0)} MB`;
    process.stderr.write(`peak memory with a result of 100 MB, ${name}: ${figures}\n`);
    expect(Math.max(firstMb, secondMb), figures).toBeLessThan(PEAK_MB_MAX);
  }, 180_000);

  test("results of every size come back as they were, and one over the limit fails its step with the limit (F37)", async () => {
    const one = await start();
    for (const bytes of [2, 2048, 2049, 256 * 1024 - 1, 256 * 1024, MB]) {
      const id = `of-${bytes}`;
      server.objects.clear();
      gates.let(id);
      await one.submit(id, bytes);
      await expect.poll(async () => (await one.run(id)).status, { timeout: 20_000 }).toBe("succeeded");
      expect((await one.run(id)).outputs).toMatchObject({ seen: { length: bytes - 2 } });
      const answer = await fetch(`${one.address}/api/runs/${id}/steps/big/output`);
      expect(Buffer.from(await answer.arrayBuffer())).toHaveLength(bytes);
      const kept = [...server.objects.values()].map(({ length }) => length);
      expect(kept).toEqual(onS3 && bytes >= 256 * 1024 ? [bytes] : []);
    }
    server.objects.clear();
    await one.submit("over", RESULT_BYTES_MAX + 1);
    await expect.poll(async () => (await one.run("over")).status, { timeout: 60_000 }).toBe("failed");
    expect((await one.run("over")).error).toMatchObject({
      code: "RESULT_TOO_LARGE",
      message: expect.stringContaining(String(RESULT_BYTES_MAX)),
    });
    expect(server.objects.size).toBe(0);
    expect((await fetch(`${one.address}/api/runs/over/steps/big/output`)).status).toBe(404);
  }, 120_000);
});
