import type { Redis } from "ioredis";
import type { TransportOptions } from "./transport.ts";

/**
 * Whether a Redis server keeps what it is given: it must not evict keys when its memory is full (F47), and must write
 * what it holds to its disk. Tells what an operator should change.
 */
export async function durabilityOf(client: Redis, problem: TransportOptions["problem"]): Promise<boolean> {
  const facts = `${await client.info("memory")}\n${await client.info("persistence")}`;
  const policy = factOf(facts, "maxmemory_policy");
  const appends = factOf(facts, "aof_enabled") === "1";
  if (policy !== "noeviction") {
    problem(
      `Redis evicts keys when its memory is full (maxmemory-policy is ${policy ?? "not told"}): tickets may be lost, and ` +
        "are published again sooner. Set maxmemory-policy noeviction",
      null,
    );
  }
  return policy === "noeviction" && appends;
}

function factOf(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
}
