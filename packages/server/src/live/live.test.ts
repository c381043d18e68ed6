import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { testPostgres } from "../db/test-postgres.ts";
import { redisForTests } from "../journal/test-services.ts";
import { Exchange } from "./exchange.ts";
import { liveConformance, until, type LiveUnderTest } from "./live.conformance.ts";
import { memoryLive } from "./memory.ts";
import { postgresWire } from "./postgres.ts";
import { redisWire } from "./redis.ts";
import { jsonCodec, sharedLive } from "./shared.ts";
import type { OpenWire } from "./wire.ts";

const postgres = await testPostgres();
const database = await postgres?.create();
const redis = await redisForTests();
afterAll(() => database?.drop());

function over(wire: OpenWire, cut: () => Promise<void>): LiveUnderTest {
  const exchanges: Exchange[] = [];
  return {
    join() {
      const exchange = new Exchange({ process: randomBytes(6).toString("hex"), wire });
      exchanges.push(exchange);
      return Promise.resolve(sharedLive({ exchange, prefix: "test/", codec: jsonCodec<string>() }));
    },
    cut,
    async close() {
      await Promise.all(exchanges.map((exchange) => exchange.close()));
    },
  };
}

liveConformance("memory", async () => {
  const live = memoryLive<string>();
  return {
    // Processes that live in memory are one. What one of them closes is its own.
    join: () => Promise.resolve({ ...live, close: () => undefined, ...ending(live) }),
    close: () => Promise.resolve(live.close()),
  };
});

/** The memory as one of several who share it. */
function ending(live: ReturnType<typeof memoryLive<string>>): Partial<typeof live> {
  const stops: (() => void)[] = [];
  return {
    subscribe(channel, listener) {
      const stop = live.subscribe(channel, listener);
      stops.push(stop);
      return stop;
    },
    close: () => void stops.forEach((stop) => stop()),
  };
}

if (database) {
  const { url } = database;
  const statement = async (text: string): Promise<pg.QueryResult> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return client.query(text).finally(() => client.end());
  };
  const kill = async (): Promise<void> => {
    await statement(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'weftwork live'",
    );
  };
  liveConformance("postgres", async () => over(postgresWire({ url }), kill));

  test("what nobody elsewhere listens to does not reach the database", async () => {
    const under = over(postgresWire({ url, prefix: "quiet" }), kill);
    const [one, two] = [await under.join(), await under.join()];
    const heard: string[] = [];
    two.subscribe("watched", (text) => heard.push(text));
    await until(() => {
      one.publish("watched", "probe");
      return heard.length > 0;
    }, "the channel is heard");
    const commits = async (): Promise<number> => {
      await statement("select pg_stat_force_next_flush()");
      const { rows } = await statement(
        "select xact_commit::int4 as n from pg_stat_database where datname = current_database()",
      );
      return (rows[0] as { n: number }).n;
    };
    const spent = await commits();
    for (let at = 0; at < 10_000; at++) one.publish(`other/${at}`, "x");
    one.publish("watched", "end");
    await until(() => heard.at(-1) === "end", "what follows is heard");
    expect((await commits()) - spent).toBeLessThan(50);
    await under.close();
  });
}

if ("url" in redis) {
  const { url } = redis;
  const prefix = `weft-test-${randomBytes(6).toString("hex")}`;
  liveConformance("redis", async () => {
    const wire = await redisWire({ url, prefix });
    return over(wire, async () => {
      const admin = new Redis(url);
      const list = String(await admin.client("LIST"));
      for (const line of list.split("\n"))
        if (line.includes(`name=${prefix}`)) await admin.client("KILL", "ID", /\bid=(\d+)/.exec(line)![1]!);
      admin.disconnect();
    });
  });
}
