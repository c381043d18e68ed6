import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { WeftClient } from "@weftwork/sdk";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { ROOT, temporaryFolder, Weft } from "./weft.ts";

const EXAMPLE = join(ROOT, "examples/own-worker");
const PICTURES = Array.from({ length: 60 }, (_, at) => `picture-${at}.png`);
/** Tasks that the example does at the same time. */
const CONCURRENCY = 4;

/** The example's worker as a process, with the keys that it began. */
class Example {
  readonly process: ChildProcess;
  readonly began: string[] = [];
  private waiting: (() => void)[] = [];
  private said = "";

  constructor(url: string) {
    this.process = spawn(process.execPath, [join(EXAMPLE, "worker.ts")], {
      cwd: ROOT,
      env: { ...process.env, WEFT_URL: url, LEASE_MS: "5000", WORK_MS: "150" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.process.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.said + text).split("\n");
      this.said = lines.pop()!;
      for (const line of lines) this.began.push(line.replace("begins ", ""));
      for (const wake of this.waiting.splice(0)) wake();
    });
  }

  async hasBegun(count: number): Promise<void> {
    while (this.began.length < count) await new Promise<void>((resolve) => void this.waiting.push(resolve));
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode;
    this.process.kill(signal);
    const [code] = (await once(this.process, "exit")) as [number | null];
    return code;
  }
}

interface Recorded {
  readonly event: string;
  readonly data: { readonly scope: string; readonly node: string };
}

const postgres = await testPostgres();
/** Without PostgreSQL, which says so by itself, the folder alone. */
const STORES = (["folder", "postgres"] as const).filter((store) => store === "folder" || postgres !== null);

describe("the example of an own worker", () => {
  const open: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0).toReversed()) await close();
  });

  /** A server that can be killed and started again at its address. */
  async function serve(store: "folder" | "postgres") {
    const folder = temporaryFolder();
    open.push(async () => folder.remove());
    const env: Record<string, string> = {};
    if (store === "postgres") {
      const { url, drop } = await postgres!.create();
      open.push(drop);
      env["WEFT_DATABASE_URL"] = url;
    }
    const start = async (port: string): Promise<[Weft, string]> => {
      const server = new Weft(["serve", "--port", port, "--data", join(folder.path, "data")], { env });
      open.push(() => kill(server));
      return [server, (await server.shows(/listens on (http:\/\/\S+)/))[1]!];
    };
    const kill = async (server: Weft): Promise<void> => {
      server.process.kill("SIGKILL");
      await server.ended();
    };
    let [server, url] = await start("0");
    return {
      url,
      async restart() {
        await kill(server);
        [server, url] = await start(new URL(url).port);
      },
    };
  }

  function work(url: string): Example {
    const worker = new Example(url);
    open.push(() => worker.end("SIGKILL"));
    return worker;
  }

  async function begin(url: string): Promise<[WeftClient, string]> {
    const client = new WeftClient({ baseUrl: url });
    await client.publish(readFileSync(join(EXAMPLE, "label-images.yaml"), "utf8"));
    const { id } = await client.start({ workflow: "label-images", inputs: { pictures: PICTURES } });
    return [client, id];
  }

  /** Every step has a result, and one only. What was begun again had the same key. */
  async function checked(client: WeftClient, id: string, began: readonly string[]): Promise<number> {
    const run = await client.wait(id);
    expect(run.error).toBeNull();
    const labels = run.outputs!["labels"] as unknown as { picture: string; labels: string[] }[];
    expect(labels.map(({ picture }) => picture)).toEqual(PICTURES);
    const recorded: string[] = [];
    for await (const { event, data } of client.stream(id) as AsyncIterable<Recorded>)
      if (event === "task_completed" && data.node === "label") recorded.push(data.scope);
    expect(recorded).toHaveLength(PICTURES.length);
    expect(new Set(recorded).size).toBe(PICTURES.length);
    expect(new Set(began).size).toBe(PICTURES.length);
    return began.length - PICTURES.length;
  }

  test.each(STORES)(
    "is killed and replaced, and no step is lost or recorded twice: %s",
    async (store) => {
      const { url } = await serve(store);
      const [client, id] = await begin(url);
      const first = work(url);
      await first.hasBegun(14);
      await first.end("SIGKILL");
      const second = work(url);
      await client.wait(id);
      const again = await checked(client, id, [...first.began, ...second.began]);
      expect(again).toBeLessThanOrEqual(CONCURRENCY);

      expect(await second.end("SIGTERM")).toBe(0);
      const { data } = (await (await fetch(`${url}/api/workers`)).json()) as { data: readonly unknown[] };
      expect(data).toEqual([]);
    },
    60_000,
  );

  test("is stopped for longer than its lease, and what it says afterwards changes nothing", async () => {
    const { url } = await serve("folder");
    const [client, id] = await begin(url);
    const zombie = work(url);
    await zombie.hasBegun(14);
    zombie.process.kill("SIGSTOP");
    const other = work(url);
    await client.wait(id);
    zombie.process.kill("SIGCONT");
    // It finds out, joins again, and works.
    const { id: next } = await client.start({ workflow: "label-images", inputs: { pictures: ["late.png"] } });
    expect(await other.end("SIGTERM")).toBe(0);
    await client.wait(next);
    const ours = [...zombie.began, ...other.began].filter((key) => key.startsWith(id));
    expect(await checked(client, id, ours)).toBeLessThanOrEqual(CONCURRENCY);
    expect(await zombie.end("SIGTERM")).toBe(0);
  }, 90_000);

  test.each(STORES)(
    "outlives a server that is killed and started again: %s",
    async (store) => {
      const server = await serve(store);
      const [client, id] = await begin(server.url);
      const worker = work(server.url);
      await worker.hasBegun(14);
      await server.restart();
      await client.wait(id);
      expect(await checked(client, id, worker.began)).toBeLessThanOrEqual(2 * CONCURRENCY);
      expect(await worker.end("SIGTERM")).toBe(0);
    },
    90_000,
  );
});
