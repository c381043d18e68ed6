import { isJsonObject } from "@weftwork/core";
import { cachedCatalogue } from "./cache/catalogue.ts";
import { CacheMetrics } from "./cache/metrics.ts";
import { redisLevel2 } from "./cache/redis.ts";
import type { Catalogue } from "./db/catalogue.ts";
import type { Database } from "./db/database.ts";
import { storeIdentity } from "./db/store-identity.ts";
import type { LiveChannels } from "./compose-live.ts";
import { isPostgres, type StoreAddress } from "./compose-store.ts";

/** A cache beside the processes; left out: each has its memory. */
export interface CacheAddress {
  readonly type: "redis";
  readonly url: string;
}

export interface CacheOptions {
  readonly store: StoreAddress;
  readonly catalogue: Catalogue;
  readonly database: Database;
  readonly live: LiveChannels;
  readonly address: CacheAddress | null;
  readonly tenant: string;
}

/** What is read through the cache. */
export interface CachedReads {
  readonly catalogue: Catalogue;
  readonly metrics: () => readonly string[];
  close(): Promise<void>;
}

const CHANNEL = "catalogue";

/** A store of this process alone is as near as a cache would be. Throws `DEPENDENCY_MISSING`. */
export async function openCache(options: CacheOptions): Promise<CachedReads> {
  const { store, catalogue, database, live, address, tenant } = options;
  if (!isPostgres(store)) return { catalogue, metrics: () => [], close: () => Promise.resolve() };
  const level2 =
    address && (await redisLevel2({ url: address.url, prefix: `weft:${await storeIdentity(database)}:cache` }));
  const metrics = new CacheMetrics();
  const cached = cachedCatalogue({
    catalogue,
    tenant,
    level2,
    now: () => performance.now(),
    isHeard: () => live.isHeard(),
    tell: (change) => live.signals.publish(CHANNEL, { ...change }),
    counted: (level) => metrics.read("catalogue", level),
  });
  const stop = live.signals.subscribe(
    CHANNEL,
    (change) => {
      if (isJsonObject(change) && typeof change["tenant"] === "string" && typeof change["name"] === "string")
        cached.changed({ tenant: change["tenant"], name: change["name"] });
      else cached.missed();
    },
    () => cached.missed(),
  );
  return {
    catalogue: cached,
    metrics: () => metrics.lines(),
    async close() {
      stop();
      await level2?.close();
    },
  };
}
