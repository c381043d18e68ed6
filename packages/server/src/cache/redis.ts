import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Redis } from "ioredis";
import { optional } from "../base/optional.ts";
import type { Level2 } from "./level2.ts";

export interface RedisLevel2Options {
  readonly url: string;
  /** The names of the keys begin with this: stores that share a Redis are told apart by it. */
  readonly prefix: string;
  /** Seconds; each key a tenth more or less, so that they do not end together. */
  readonly ttlSeconds?: number;
}

const TTL_SECONDS = 3600;
/** Texts from this size on are compressed. */
const COMPRESS_BYTES_MIN = 4096;
/** A cache that is slower than this is no help. */
const ANSWER_MS_MAX = 100;
/** After a failure it is left alone for so long. */
const REST_MS = 1000;
const [PLAIN, GZIP] = [0, 1];
const [squeeze, expand] = [promisify(gzip), promisify(gunzip)];

/** Texts in Redis. Throws `DEPENDENCY_MISSING` when the client is not installed. */
export async function redisLevel2({ url, prefix, ttlSeconds = TTL_SECONDS }: RedisLevel2Options): Promise<Level2> {
  const client = await optional("ioredis", "a cache in Redis", () => import("ioredis"));
  const redis: Redis = new client.Redis(url, {
    connectionName: `${prefix}:cache`,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: ANSWER_MS_MAX,
    retryStrategy: (times) => Math.random() * Math.min(5000, 200 * 2 ** times),
  });
  redis.on("error", () => undefined);
  let restsUntil = -Infinity;

  async function tried<T>(call: () => Promise<T>): Promise<T | null> {
    if (performance.now() < restsUntil || redis.status !== "ready") return null;
    try {
      return await call();
    } catch {
      restsUntil = performance.now() + REST_MS;
      return null;
    }
  }

  const nameOf = (key: string): string => `${prefix}:${createHash("sha256").update(key).digest("base64url")}`;

  return {
    async get(key) {
      const found = await tried(() => redis.getBuffer(nameOf(key)));
      if (!found || found.length === 0) return null;
      const body = found.subarray(1);
      if (found[0] === PLAIN) return body.toString();
      return found[0] === GZIP ? expand(body).then(String, () => null) : null;
    },
    async set(key, text) {
      const bytes = Buffer.from(text);
      const isLarge = bytes.length >= COMPRESS_BYTES_MIN;
      const body = isLarge ? await squeeze(bytes) : bytes;
      const seconds = Math.round(ttlSeconds * (0.9 + Math.random() * 0.2));
      await tried(() =>
        redis.set(nameOf(key), Buffer.concat([Buffer.of(isLarge ? GZIP : PLAIN), body]), "EX", seconds),
      );
    },
    close() {
      redis.disconnect();
      return Promise.resolve();
    },
  };
}
