import { randomUUID } from "node:crypto";
import { PRIORITIES } from "@weftwork/core";
import type { JobJson, Queue, QueueOptions } from "bullmq";
import type { Redis } from "ioredis";
import { optional } from "../base/optional.ts";
import { Consumers } from "./consumers.ts";
import { Gather } from "./gather.ts";
import type { Source, Taken } from "./pump.ts";
import { RedisBell } from "./redis-bell.ts";
import { durabilityOf } from "./redis-facts.ts";
import { decodeMessage, encodeTickets, type Message } from "./ticket.ts";
import type { Transport, TransportOptions } from "./transport.ts";
import { RANKS, takeByTurns } from "./turns.ts";
import { PUBLISH_MS_MAX, soon } from "./unavailable.ts";

export interface RedisTransportOptions extends TransportOptions {
  readonly url: string;
  /** Of all keys. Installations that share a server have different ones. */
  readonly prefix?: string;
}

interface Held {
  readonly queue: Queue;
  readonly json: JobJson;
  readonly id: string;
}

/** How long a message stays with a consumer that is not heard of any more. */
const LOCK_MS = 8000;
const STALLED_MS = 4000;
/** A message that so many consumers died of is handed out no more. */
const STALLED_MAX = 20;
const FLUSH_MAX = 500;
const ASIDE_MAX = 10_000;

/**
 * Tickets as jobs of BullMQ: a queue for each class of each pool, taken from in turns, so that none starves (the
 * priorities of one queue would let it). Needs `bullmq` and `ioredis`. Opens also while Redis is away.
 */
export async function redisTransport(options: RedisTransportOptions): Promise<Transport> {
  const [bullmq, ioredis] = await optional("bullmq ioredis", "the transport redis", () =>
    Promise.all([import("bullmq"), import("ioredis")]),
  );
  const { problem } = options;
  const prefix = options.prefix ?? "weft";
  /** Of this process: a lock that another one holds is not let go by it. */
  const token = randomUUID();
  let durable = false;

  function connect(name: string): Redis {
    const client = new ioredis.Redis(options.url, {
      connectionName: `weft ${name}`,
      connectTimeout: PUBLISH_MS_MAX,
      maxRetriesPerRequest: null,
      keepAlive: 10_000,
      // Doubled up to 2 s, and never two processes at the same moment.
      retryStrategy: (times) => Math.min(2000, 50 * 2 ** Math.min(times, 10)) * (0.5 + Math.random()),
      // After a failover the address leads to a server that takes no writes.
      reconnectOnError: (error) => error.message.startsWith("READONLY"),
    });
    client.on("error", (error) => once(error));
    client.on("ready", () => (told = false));
    return client;
  }

  let told = false;
  function once(error: unknown): void {
    if (!told) problem("Redis is away", error);
    told = true;
  }

  const client = connect("transport");
  const bell = new RedisBell(() => connect("transport bell"), `${prefix}:bell`);
  const consumers = new Consumers(options);
  const queues = new Map<string, Promise<Queue>>();

  client.on("ready", () => {
    durabilityOf(client, problem).then(
      (found) => (durable = found),
      // It went again; the next connection is asked.
      () => (durable = false),
    );
  });

  /** Waits for the connection, if it is just being made. Throws while Redis is away. */
  async function connected(): Promise<void> {
    if (client.status === "ready") return;
    if (client.status === "end") throw new Error("it is closed");
    const ready = Promise.withResolvers<void>();
    const timer = setTimeout(() => ready.reject(new Error("Redis is away")), 1000);
    client.once("ready", ready.resolve);
    try {
      await ready.promise;
    } finally {
      clearTimeout(timer);
      client.off("ready", ready.resolve);
    }
  }

  async function makeQueue(pool: string, rank: number): Promise<Queue> {
    await connected();
    const settings: QueueOptions & { lockDuration: number; stalledInterval: number; maxStalledCount: number } = {
      connection: client,
      prefix,
      streams: { events: { maxLen: 1 } },
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_MS,
      maxStalledCount: STALLED_MAX,
    };
    // A queue is named with what a name may hold: no colon.
    const queue = new bullmq.Queue(`${encodeURIComponent(pool)}.${PRIORITIES[rank]}`, settings);
    queue.on("error", once);
    await queue.waitUntilReady();
    return queue;
  }

  function queueOf(pool: string, rank: number): Promise<Queue> {
    const name = `${rank} ${pool}`;
    let queue = queues.get(name);
    if (!queue) {
      queues.set(name, (queue = makeQueue(pool, rank)));
      // One whose connection broke while it was made is made again.
      queue.catch(() => queues.delete(name));
    }
    return queue;
  }

  const published = new Gather<Message>(
    async (messages) => {
      const lines = Map.groupBy(messages, ({ pool, rank }) => `${rank} ${pool}`);
      await soon(
        Promise.all(
          [...lines.values()].map(async (line) => {
            const queue = await queueOf(line[0]!.pool, line[0]!.rank);
            await queue.addBulk(line.map(({ body }) => ({ name: "tickets", data: JSON.parse(body) as unknown })));
          }),
        ),
      );
      for (const pool of new Set(messages.map((message) => message.pool))) bell.ring(client, pool);
    },
    FLUSH_MAX,
    PUBLISH_MS_MAX,
  );

  async function takeOne(pool: string, rank: number): Promise<Taken<Held> | null> {
    const queue = await queueOf(pool, rank);
    const [json, id] = (await queue.getBackend().moveToActive(token)) as [JobJson | null, string];
    if (!json) return null;
    return {
      held: { queue, json, id },
      content: decodeMessage(json.data, pool),
      tries: Math.max(0, json.attemptsStarted - 1),
    };
  }

  function sourceOf(pool: string): Source<Held> {
    const jobOf = ({ queue, json, id }: Held) => bullmq.Job.fromJSON(queue, { ...json, data: "{}" }, id);
    const giveBack = async ({ queue, id }: Held): Promise<void> => {
      await queue.getBackend().moveJobFromActiveToWait(id, token);
    };
    return {
      takeMax: 32,
      async take(limit, turns) {
        await connected();
        return takeByTurns(limit, turns, (rank) => takeOne(pool, rank));
      },
      async done(held) {
        await jobOf(held).moveToCompleted(undefined, token, false);
      },
      async later(held, pauseMs) {
        await jobOf(held).moveToDelayed(Date.now() + pauseMs, token);
      },
      giveBack,
      async putAside(held, reason) {
        const entry = JSON.stringify({ pool, reason, body: held.json.data.slice(0, 10_000), at: new Date() });
        await client
          .pipeline()
          .lpush(`${prefix}:aside`, entry)
          .ltrim(`${prefix}:aside`, 0, ASIDE_MAX - 1)
          .exec();
        await jobOf(held).moveToCompleted(undefined, token, false);
      },
      async tend(held) {
        await connected();
        for (const rank of RANKS) {
          const queue = await queueOf(pool, rank);
          const ids = held.filter((one) => one.queue === queue).map(({ id }) => id);
          const backend = queue.getBackend();
          const tokens = ids.map(() => token);
          if (ids.length > 0) await backend.extendLocks(ids, tokens, LOCK_MS);
          await backend.moveStalledJobsToWait();
        }
      },
      onBell: (ring) => bell.add(pool, ring),
    };
  }

  // Whether it is durable should be known to one who asks at once; a server that is away is waited for elsewhere.
  await connected().then(
    async () => (durable = await durabilityOf(client, () => undefined)),
    () => undefined,
  );

  let closing: Promise<void> | null = null;
  async function end(): Promise<void> {
    await consumers.release();
    await published.settled();
    await Promise.all([...queues.values()].map((queue) => queue.then((one) => one.close()).catch(() => undefined)));
    bell.close();
    client.disconnect();
  }

  return {
    capabilities: {
      manyProcesses: true,
      get durable() {
        return durable;
      },
    },
    async publish(tickets) {
      const messages = encodeTickets(tickets, options.packMax);
      await soon(connected().then(() => Promise.all(messages.map((message) => published.add(message)))));
    },
    consume: (pool, consume) => consumers.start(pool, sourceOf(pool), consume),
    async depth(pool) {
      await soon(connected());
      const counts = RANKS.map(async (rank) => {
        const queue = await queueOf(pool, rank);
        return queue.getJobCountByTypes("wait", "active", "delayed", "prioritized");
      });
      return (await soon(Promise.all(counts))).reduce((sum, count) => sum + count, 0);
    },
    close: () => (closing ??= end()),
  };
}
