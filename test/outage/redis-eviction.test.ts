import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { redisTransport } from "../../packages/server/src/transport/redis.ts";
import type { Transport } from "../../packages/server/src/transport/transport.ts";
import { ownRedis, redisProgram, type OwnService } from "../services.ts";

const wanted = process.env["WEFT_TEST_SERVICES"] !== "off" && redisProgram() !== null;

describe.skipIf(!wanted)("a Redis that may throw keys away", () => {
  let service: OwnService;
  let transport: Transport;
  const told: string[] = [];

  beforeAll(async () => {
    service = await ownRedis({ maxmemoryPolicy: "allkeys-lru" });
    await service.start();
    transport = await redisTransport({
      url: service.url,
      prefix: "weft",
      problem: (message) => void told.push(message),
    });
  });
  afterAll(async () => {
    await transport?.close();
    await service?.remove();
  });

  test("is told of, and counts as one that loses tickets, so they are published again sooner (F47)", async () => {
    await vi.waitFor(() => expect(told.join("\n")).toContain("maxmemory-policy is allkeys-lru"), { timeout: 10_000 });
    expect(transport.capabilities.durable).toBe(false);
  });
});
