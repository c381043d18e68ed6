import { randomBytes } from "node:crypto";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import pg from "pg";
import { Connection } from "rabbitmq-client";
import { describe, test } from "vitest";
import { testPostgres } from "../db/test-postgres.ts";
import { rabbitmqForTests, redisForTests, type Service } from "../journal/test-services.ts";
import { openNamed } from "./hang.testing.ts";
import { memoryTransport } from "./memory.ts";
import { transportConformance } from "./transport.conformance.ts";
import type { Transport, TransportOptions } from "./transport.ts";

const optionsOf = (told: (message: string) => void, packMax?: number): TransportOptions => ({
  problem: told,
  ...(packMax === undefined ? {} : { packMax }),
});
const newPrefix = (): string => `weft-test-${randomBytes(4).toString("hex")}`;

transportConformance("the memory transport", async () => {
  let only: Transport | null = null;
  return {
    // Whoever connects while it is open gets the same one.
    async connect(told, packMax) {
      if (only) return only;
      const transport = memoryTransport(optionsOf(told, packMax));
      const close = async (): Promise<void> => {
        only = null;
        await transport.close();
      };
      return (only = { ...transport, close });
    },
    close: async () => undefined,
  };
});

const postgres = await testPostgres();
if (postgres === null) {
  skipped("PostgreSQL");
} else {
  transportConformance("the PostgreSQL transport", async () => {
    const { url, drop } = await postgres.create();
    const other = ["postgres", url];
    const pool = new pg.Pool({ connectionString: url, max: 1 });
    return {
      connect: (told, packMax) => openNamed(other, optionsOf(told, packMax)),
      other,
      async plant(name, text) {
        await pool.query("insert into weft.ticket (pool, rank, body) values ($1, 1, $2)", [name, text]);
      },
      async aside(name) {
        return (await pool.query("select reason, body from weft.ticket_aside where pool = $1", [name])).rows;
      },
      async close() {
        await pool.end();
        await drop();
      },
    };
  });
}

const redis = await redisForTests();
withService("Redis", redis, (url) =>
  transportConformance("the Redis transport", async () => {
    const prefix = newPrefix();
    const other = ["redis", url, prefix];
    const client = new Redis(url, { maxRetriesPerRequest: null });
    return {
      connect: (told, packMax) => openNamed(other, optionsOf(told, packMax)),
      other,
      async plant(pool, text) {
        const queue = new Queue(`${encodeURIComponent(pool)}.normal`, { connection: client, prefix });
        await queue.add("tickets", JSON.parse(text));
        await queue.close();
      },
      async aside(pool) {
        const entries = (await client.lrange(`${prefix}:aside`, 0, -1)).map(
          (entry) => JSON.parse(entry) as { pool: string; reason: string; body: string },
        );
        return entries.filter((entry) => entry.pool === pool);
      },
      async close() {
        for (const key of await client.keys(`${prefix}:*`)) await client.del(key);
        client.disconnect();
      },
    };
  }),
);

const rabbitmq = await rabbitmqForTests();
withService("RabbitMQ", rabbitmq, (url) =>
  transportConformance("the RabbitMQ transport", async () => {
    const prefix = newPrefix();
    const other = ["rabbitmq", url, prefix];
    const connection = new Connection(url);
    connection.on("error", () => undefined);
    const publisher = connection.createPublisher({ confirm: true });
    const asides: { pool: unknown; reason: string; body: string }[] = [];
    return {
      connect: (told, packMax) => openNamed(other, optionsOf(told, packMax)),
      other,
      async plant(pool, text) {
        const queue = `${prefix}.pool.${encodeURIComponent(pool)}.normal`;
        await connection.queueDeclare({
          queue,
          durable: true,
          arguments: { "x-dead-letter-exchange": `${prefix}.aside` },
        });
        await publisher.send(queue, Buffer.from(text));
      },
      async aside(pool) {
        for (let message; (message = await connection.basicGet({ queue: `${prefix}.aside`, noAck: true }));) {
          const { headers = {}, body } = message;
          asides.push({ pool: headers["x-weft-pool"], reason: String(headers["x-weft-reason"]), body: String(body) });
        }
        return asides.filter((aside) => aside.pool === pool);
      },
      async close() {
        await publisher.close();
        await connection.close();
      },
    };
  }),
);

function withService(name: string, service: Service, suite: (url: string) => void): void {
  if ("url" in service) suite(service.url);
  else skipped(name);
}

function skipped(name: string): void {
  describe(`the ${name} transport`, () => {
    test.skip(`no ${name} is there: scripts/services starts what is installed`, () => undefined);
  });
}
