import { PRIORITIES } from "@weftwork/core";
import type { AsyncMessage, Channel, Connection, Publisher, SyncMessage } from "rabbitmq-client";
import { optional } from "../base/optional.ts";
import { Consumers } from "./consumers.ts";
import { ANSWER_MS_MAX, type Source, type Taken } from "./pump.ts";
import { decodeMessage, encodeTickets, type Malformed, type Message, type Pack } from "./ticket.ts";
import type { Transport, TransportOptions } from "./transport.ts";
import { RANKS, takeByTurns } from "./turns.ts";
import { PUBLISH_MS_MAX, soon } from "./unavailable.ts";

export interface RabbitmqTransportOptions extends TransportOptions {
  /** `amqp://user:password@host:5672/vhost` */
  readonly url: string;
  /** Of all queues and exchanges. Installations that share a server have different ones. */
  readonly prefix?: string;
}

interface Held {
  readonly channel: Channel;
  readonly message: SyncMessage;
}

/** How long a message pauses whose handler failed. */
const PAUSE_MS = 1000;
const ASIDE_MAX = 10_000;
/** Messages that are fetched before the first of them is handed on. */
const TAKE_MAX = 16;

/**
 * Tickets in durable queues of RabbitMQ, one for each class of each pool. Consumers fetch what they have a slot for, each
 * class in its turn; a message without tickets (the bell) tells them that there is something to fetch. What was fetched
 * and not finished returns when the channel ends. Needs `rabbitmq-client`. Opens also while the broker is away.
 */
export async function rabbitmqTransport(options: RabbitmqTransportOptions): Promise<Transport> {
  const rabbitmq = await optional("rabbitmq-client", "the transport rabbitmq", () => import("rabbitmq-client"));
  const { problem } = options;
  const prefix = options.prefix ?? "weft";
  const name = (part: string): string => `${prefix}.${part}`;
  const nameOf = (pool: string, rank: number): string => name(`pool.${encodeURIComponent(pool)}.${PRIORITIES[rank]}`);
  const consumers = new Consumers(options);
  /** Queues that this connection has made sure of. */
  const declared = new Map<string, Promise<unknown>>();

  const connection: Connection = new rabbitmq.Connection({
    url: options.url,
    connectionName: "weft transport",
    connectionTimeout: PUBLISH_MS_MAX,
    acquireTimeout: PUBLISH_MS_MAX - 500,
    heartbeat: 10,
    // Between these at random, doubled from one try to the next.
    retryLow: 100,
    retryHigh: 2000,
    noDelay: true,
  });
  let told = false;
  connection.on("error", (error: unknown) => {
    if (!told) problem("RabbitMQ is away", error);
    told = true;
  });
  connection.on("connection", () => {
    told = false;
    declared.clear();
  });
  connection.on("connection.blocked", (reason) => problem(`RabbitMQ takes no messages for now: ${reason}`, null));

  const publisher: Publisher = connection.createPublisher({
    confirm: true,
    exchanges: [
      { exchange: name("bell"), type: "direct", durable: true },
      { exchange: name("pause"), type: "fanout", durable: true },
      { exchange: name("aside"), type: "fanout", durable: true },
    ],
    queues: [
      {
        queue: name("pause"),
        durable: true,
        // What has paused goes on to the queue that its routing key names.
        arguments: { "x-message-ttl": PAUSE_MS, "x-dead-letter-exchange": "" },
      },
      { queue: name("aside"), durable: true, arguments: { "x-max-length": ASIDE_MAX } },
    ],
    queueBindings: [
      { exchange: name("pause"), queue: name("pause"), routingKey: "" },
      { exchange: name("aside"), queue: name("aside"), routingKey: "" },
    ],
  });
  // A queue that somebody deleted meanwhile is made again; its tickets are published again by their owners.
  publisher.on("basic.return", ({ routingKey }) => {
    declared.delete(routingKey);
    problem(`RabbitMQ has no queue ${routingKey}`, null);
  });

  /** Waits for the connection, if it is just being made. Throws while the broker is away or takes no messages. */
  async function connected(): Promise<void> {
    if (!connection.ready) await connection.onConnect(1000, true);
    if (!connection.ready) throw new Error("it takes no messages for now");
  }

  function declare(pool: string, rank: number): Promise<unknown> {
    const queue = nameOf(pool, rank);
    let made = declared.get(queue);
    if (!made) {
      const settings = { queue, durable: true, arguments: { "x-dead-letter-exchange": name("aside") } };
      made = soon(connection.queueDeclare(settings));
      declared.set(queue, made);
      made.catch(() => declared.delete(queue));
    }
    return made;
  }

  async function send(messages: readonly Message[]): Promise<void> {
    await connected();
    await Promise.all(
      messages.map(async ({ pool, rank, body }) => {
        await declare(pool, rank);
        const envelope = { routingKey: nameOf(pool, rank), durable: true, mandatory: true };
        await publisher.send(envelope, Buffer.from(body));
      }),
    );
    for (const pool of new Set(messages.map((message) => message.pool))) {
      // A bell that is lost costs two seconds at most.
      publisher.send({ exchange: name("bell"), routingKey: pool }, Buffer.alloc(0)).catch(() => undefined);
    }
  }

  function sourceOf(pool: string): Source<Held> {
    const rings = new Set<() => void>();
    const bell = connection.createConsumer(
      {
        noAck: true,
        exclusive: true,
        queueOptions: { exclusive: true, autoDelete: true },
        exchanges: [{ exchange: name("bell"), type: "direct", durable: true }],
        queueBindings: [{ exchange: name("bell"), routingKey: pool }],
      },
      (_message: AsyncMessage) => {
        for (const ring of rings) ring();
      },
    );
    bell.on("ready", () => {
      // What came before this was heard by nobody.
      for (const ring of rings) ring();
    });
    // It is made again with the connection, whose errors are told.
    bell.on("error", () => undefined);

    let open: Channel | null = null;
    async function channelOf(): Promise<Channel> {
      if (open?.active) return open;
      await connected();
      await Promise.all(RANKS.map((rank) => declare(pool, rank)));
      open = await connection.acquire();
      return open;
    }

    /** A channel that does not answer is left: what it holds goes back to its queues. */
    function leave(channel: Channel): void {
      if (open === channel) open = null;
      channel.close().catch(() => undefined);
    }

    async function takeOne(channel: Channel, rank: number): Promise<Taken<Held> | null> {
      const message = await channel.basicGet({ queue: nameOf(pool, rank), noAck: false });
      return message ? { held: { channel, message }, content: contentOf(message, pool), tries: 0 } : null;
    }

    /** Sends a message on to an exchange of ours, and takes it from its queue then. */
    async function move({ channel, message }: Held, exchange: string, reason?: string): Promise<void> {
      const headers = reason === undefined ? {} : { headers: { "x-weft-reason": reason, "x-weft-pool": pool } };
      const { routingKey, body } = message;
      await publisher.send({ exchange, routingKey, durable: true, ...headers }, body as Buffer);
      channel.basicAck({ deliveryTag: message.deliveryTag });
    }

    return {
      takeMax: TAKE_MAX,
      async take(limit, turns) {
        const channel = await channelOf();
        const hung = setTimeout(leave, ANSWER_MS_MAX, channel);
        try {
          return await takeByTurns(limit, turns, (rank) => takeOne(channel, rank));
        } finally {
          clearTimeout(hung);
        }
      },
      // On a channel that has ended nothing can be told: its messages are in their queues again.
      async done({ channel, message }) {
        if (channel.active) channel.basicAck({ deliveryTag: message.deliveryTag });
      },
      async later(held) {
        if (held.channel.active) await move(held, name("pause"));
      },
      async giveBack({ channel, message }) {
        if (channel.active) channel.basicNack({ deliveryTag: message.deliveryTag, requeue: true });
      },
      async putAside(held, reason) {
        if (held.channel.active) await move(held, name("aside"), reason);
      },
      onBell(ring) {
        rings.add(ring);
        return () => rings.delete(ring);
      },
      async close() {
        await Promise.all([bell.close(), open?.active ? open.close() : null]).catch(() => undefined);
      },
    };
  }

  let closing: Promise<void> | null = null;
  async function end(): Promise<void> {
    await consumers.release();
    // A broker that is away is not waited for.
    await soon(publisher.close().then(() => connection.close())).catch(() => connection.unsafeDestroy());
  }

  return {
    capabilities: { manyProcesses: true, durable: true },
    async publish(tickets) {
      const messages = encodeTickets(tickets, options.packMax);
      await soon(send(messages));
    },
    consume: (pool, consume) => consumers.start(pool, sourceOf(pool), consume),
    async depth(pool) {
      await soon(connected());
      const counts = RANKS.map(async (rank) => {
        await declare(pool, rank);
        const { messageCount } = await connection.queueDeclare({ queue: nameOf(pool, rank), passive: true });
        return messageCount;
      });
      return (await soon(Promise.all(counts))).reduce((sum, count) => sum + count, 0);
    },
    close: () => (closing ??= end()),
  };
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function contentOf(message: SyncMessage, pool: string): Pack | Malformed {
  try {
    // The library reads bodies of some content types itself; ours come as bytes.
    const text = Buffer.isBuffer(message.body) ? UTF8.decode(message.body) : JSON.stringify(message.body);
    return decodeMessage(text, pool);
  } catch {
    return { malformed: "it is not UTF-8" };
  }
}
