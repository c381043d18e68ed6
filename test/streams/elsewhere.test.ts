import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { RunMessage } from "@weftwork/sdk";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testPostgres } from "../../packages/server/src/db/test-postgres.ts";
import { redisForTests } from "../../packages/server/src/journal/test-services.ts";
import { openWeft, type Weft, type WeftOptions } from "../../packages/server/src/weft.ts";
import { telling, tokens, type Gate } from "./served.ts";

const WATCHER = fileURLToPath(new URL("watcher.ts", import.meta.url));
const postgres = await testPostgres();
const redis = await redisForTests();
const WAYS: readonly { readonly name: string; readonly live?: NonNullable<WeftOptions["live"]> }[] = [
  { name: "PostgreSQL" },
  ...("url" in redis ? [{ name: "Redis", live: { type: "redis" as const, url: redis.url } }] : []),
];

/** What a run tells is watched in a process that has nothing to do with it. */
describe.skipIf(!postgres).each(WAYS)("a watcher in another process, told over $name", ({ live }) => {
  let database: { readonly url: string; drop(): Promise<void> };
  let owner: Weft;
  let watcher: Weft;
  let gate: Gate;
  const way = live ? { live } : {};

  beforeAll(async () => {
    database = await postgres!.create();
    const { node, ...rest } = tokens();
    gate = rest;
    owner = await openWeft({ store: database.url, nodes: [node], name: "owner", ...way });
    watcher = await openWeft({ store: database.url, nodes: [node], name: "watcher", reading: true, ...way });
  });
  afterAll(async () => {
    await watcher?.close({ graceMs: 0 });
    await owner?.close({ graceMs: 0 });
    await database?.drop();
  });

  async function followed(weft: Weft, id: string, after?: string): Promise<RunMessage[]> {
    const messages: RunMessage[] = [];
    for await (const message of weft.runs.events(id, after === undefined ? {} : { after })) messages.push(message);
    return messages;
  }

  /** Follows a run; what came so far can be looked at meanwhile. */
  function following(id: string): {
    readonly seen: RunMessage[];
    readonly ended: Promise<void>;
    sees(what: RegExp): Promise<void>;
  } {
    const seen: RunMessage[] = [];
    let more = Promise.withResolvers<void>();
    const follow = async (): Promise<void> => {
      for await (const message of watcher.runs.events(id)) {
        seen.push(message);
        more.resolve();
        more = Promise.withResolvers();
      }
    };
    const ended = follow();
    const sees = async (what: RegExp): Promise<void> => {
      while (!seen.some(({ event, data }) => what.test(`${event} ${JSON.stringify(data)}`))) await more.promise;
    };
    return { seen, ended, sees };
  }

  async function cut(): Promise<number> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rowCount } = await client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'weftwork live'",
    );
    await client.end();
    return rowCount ?? 0;
  }

  test("sees what a step says while it says it, and then exactly what is recorded", async () => {
    await owner.workflows.publish(telling("held", { count: 30, logs: true, pace: 5, gate: 20 }));
    const { run } = await owner.runs.start({ workflow: "held" });
    const { seen, ended, sees } = following(run.id);
    await gate.arrived();
    await sees(/said 19/);
    expect(seen.some(({ event }) => event === "task_completed")).toBe(false);
    gate.open();
    await ended;
    const recorded = await followed(owner, run.id);
    expect(seen).toEqual(recorded);
    for (let at = 0; at < recorded.length; at += 7)
      expect(await followed(watcher, run.id, recorded[at]!.id)).toEqual(recorded.slice(at + 1));
  });

  test("sees every row and piece once and in order, of many runs at a time and with attempts that fail", async () => {
    await owner.workflows.publish(
      telling("many", { count: 40, logs: true, pace: 3, failsAt: 15, retry: { attempts: 2, initial: 0.01 } }),
    );
    const ids = Array.from({ length: 24 }, (_, at) => `many-${at}`);
    const seen = await Promise.all(
      ids.map(async (id) => {
        await owner.runs.start({ workflow: "many", id });
        return followed(watcher, id);
      }),
    );
    for (const [at, id] of ids.entries()) expect(seen[at]).toEqual(await followed(owner, id));
  });

  test.skipIf(live)("misses nothing while the connections of both are cut again and again (F30)", async () => {
    await owner.workflows.publish(telling("cut", { count: 60, logs: true, pace: 25 }));
    const { run } = await owner.runs.start({ workflow: "cut" });
    const { seen, ended, sees } = following(run.id);
    await sees(/said 3"/);
    let cuts = 0;
    for (const piece of [10, 20, 30, 40]) {
      cuts += await cut();
      await sees(new RegExp(`said ${piece}"`));
    }
    await ended;
    expect(cuts).toBeGreaterThan(3);
    expect(seen).toEqual(await followed(owner, run.id));
  });

  test.skipIf(live)("of its own sees the same", async () => {
    await owner.workflows.publish(telling("apart", { count: 20, logs: true, pace: 10, gate: 3 }));
    const { run } = await owner.runs.start({ workflow: "apart" });
    await gate.arrived();
    const child = spawn(process.execPath, [WATCHER, database.url, run.id], { stdio: ["ignore", "pipe", "inherit"] });
    const seen: RunMessage[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === "ready") continue;
      seen.push((JSON.parse(line) as { message: RunMessage }).message);
      // It has come to where the run stands: what follows is told while it happens.
      if (JSON.stringify(seen.at(-1)).includes("said 2")) gate.open();
    }
    expect(seen).toEqual(await followed(owner, run.id));
  });

  test("who waits there for the end of a run hears of it", async () => {
    await owner.workflows.publish(telling("awaited", { count: 3, gate: 1 }));
    const { run } = await owner.runs.start({ workflow: "awaited" });
    const waiting = watcher.runs.wait(run.id);
    await gate.arrived();
    expect((await watcher.runs.wait(run.id, { timeoutMs: 20 }))?.finished_at).toBeNull();
    gate.open();
    expect(await waiting).toMatchObject({ id: run.id, status: "succeeded" });
    const stop = new AbortController();
    await owner.runs.start({ workflow: "awaited", id: "left" });
    const left = watcher.runs.wait("left", { signal: stop.signal });
    await gate.arrived();
    stop.abort();
    expect((await left)?.finished_at).toBeNull();
    gate.open();
    await owner.runs.wait("left");
  });
});
