import { randomBytes } from "node:crypto";
import type { Json } from "@weftwork/core";
import { storeIdentity } from "./db/store-identity.ts";
import type { Database } from "./db/database.ts";
import { Exchange } from "./live/exchange.ts";
import type { Live } from "./live/live.ts";
import { memoryLive } from "./live/memory.ts";
import { jsonCodec, sharedLive } from "./live/shared.ts";
import type { OpenWire } from "./live/wire.ts";
import { noticeCodec } from "./runtime/notice-codec.ts";
import type { RunNotice } from "./runtime/owner.ts";
import { handoverCodec, type HandoverMessage } from "./worker/handover-wire.ts";
import { isPostgres, type StoreAddress } from "./compose-store.ts";

/** What carries what processes tell each other now; left out: the store, where it can. */
export interface LiveChoice {
  readonly type: "redis";
  readonly url: string;
}

/** What is told now, in this process and in the others on the same store. */
export interface LiveChannels {
  /** What becomes of runs, by their keys. */
  readonly runs: Live<RunNotice>;
  /** Small messages between processes, by names: a bell, a task's progress, a word that something changed. */
  readonly signals: Live<Json>;
  /** Steps that are handed to other processes, and their results. */
  readonly handover: Live<HandoverMessage>;
  /** Whether what other processes tell is heard here. */
  isHeard(): boolean;
  close(): Promise<void>;
}

/** A process with a store of its own has nobody else to tell. Throws `DEPENDENCY_MISSING`. */
export async function openLive(
  store: StoreAddress,
  database: Database,
  choice: LiveChoice | null,
  listenUrl: string | null = null,
): Promise<LiveChannels> {
  if (!isPostgres(store)) {
    const [runs, signals, handover] = [memoryLive<RunNotice>(), memoryLive<Json>(), memoryLive<HandoverMessage>()];
    return {
      runs,
      signals,
      handover,
      isHeard: () => true,
      close() {
        for (const live of [runs, signals, handover]) live.close();
        return Promise.resolve();
      },
    };
  }
  const exchange = new Exchange({
    process: randomBytes(8).toString("hex"),
    wire: await wireOf(listenUrl ?? store, database, choice),
  });
  return {
    runs: sharedLive({ exchange, prefix: "r/", codec: noticeCodec }),
    signals: sharedLive({ exchange, prefix: "s/", codec: jsonCodec<Json>() }),
    handover: sharedLive({ exchange, prefix: "h/", codec: handoverCodec, isUrgent: true }),
    isHeard: () => exchange.isHeard,
    close: () => exchange.close(),
  };
}

async function wireOf(url: string, database: Database, choice: LiveChoice | null): Promise<OpenWire> {
  if (choice === null) return (await import("./live/postgres.ts")).postgresWire({ url });
  const { redisWire } = await import("./live/redis.ts");
  // Several stores may use one Redis, and their runs have the same keys.
  return redisWire({ url: choice.url, prefix: `weft:${await storeIdentity(database)}:live` });
}
