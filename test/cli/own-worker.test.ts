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
      stdio: ["ignore", "pipe", "inherit"],
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

describe("an own worker is killed and replaced", () => {
  const open: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0).toReversed()) await close();
  });

  test.each([
    ["a folder", "folder"],
    ["PostgreSQL", "postgres"],
  ] as const)(
    "no step is lost or recorded twice: %s",
    async (_name, store) => {
      if (store === "postgres" && postgres === null) return;
      const folder = temporaryFolder();
      open.push(async () => folder.remove());
      const env: Record<string, string> = {};
      if (store === "postgres") {
        const { url, drop } = await postgres!.create();
        open.push(drop);
        env["WEFT_DATABASE_URL"] = url;
      }
      const server = new Weft(["serve", "--port", "0", "--data", join(folder.path, "data")], { env });
      open.push(async () => {
        server.process.kill("SIGKILL");
        await server.ended();
      });
      const url = (await server.shows(/listens on (http:\/\/\S+)/))[1]!;
      const client = new WeftClient({ baseUrl: url });
      await client.publish(readFileSync(join(EXAMPLE, "label-images.yaml"), "utf8"));
      const { id } = await client.start({ workflow: "label-images", inputs: { pictures: PICTURES } });

      const first = new Example(url);
      open.push(() => first.end("SIGKILL"));
      await first.hasBegun(14);
      await first.end("SIGKILL");
      const second = new Example(url);
      open.push(() => second.end("SIGKILL"));
      const run = await client.wait(id);

      expect(run.error).toBeNull();
      const labels = run.outputs!["labels"] as unknown as { picture: string; labels: string[] }[];
      expect(labels.map(({ picture }) => picture)).toEqual(PICTURES);
      // Recorded once, all of them.
      const recorded: string[] = [];
      for await (const { event, data } of client.stream(id) as AsyncIterable<Recorded>)
        if (event === "task_completed" && data.node === "label") recorded.push(data.scope);
      expect(recorded).toHaveLength(PICTURES.length);
      expect(new Set(recorded).size).toBe(PICTURES.length);
      // Begun again: at most what was in hand when it was killed, with the same key.
      const began = [...first.began, ...second.began];
      expect(new Set(began).size).toBe(PICTURES.length);
      expect(began.length - PICTURES.length).toBeLessThanOrEqual(CONCURRENCY);

      expect(await second.end("SIGTERM")).toBe(0);
      const { data } = (await (await fetch(`${url}/api/workers`)).json()) as { data: readonly unknown[] };
      expect(data).toEqual([]);
    },
    60_000,
  );
});
