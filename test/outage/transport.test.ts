import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openNamed } from "../../packages/server/src/transport/hang.testing.ts";
import { ticketsOf } from "../../packages/server/src/transport/transport.conformance.ts";
import type { Transport } from "../../packages/server/src/transport/transport.ts";
import {
  ownPostgres,
  ownRabbitmq,
  ownRedis,
  postgresProgram,
  rabbitmqProgram,
  redisProgram,
  type OwnService,
} from "../services.ts";

/** The service goes away and comes back: one that this test starts itself, for it is stopped and killed. */
interface Kind {
  readonly name: string;
  readonly program: string | null;
  own(): Promise<OwnService>;
  words(service: OwnService): readonly string[];
  /** How the service may end so that nothing it has accepted is lost. */
  readonly keepsOver: readonly ("clean" | "kill")[];
  /** Opens also while the service is away. */
  readonly opensWithout: boolean;
}

const KINDS: readonly Kind[] = [
  {
    name: "PostgreSQL",
    program: postgresProgram(),
    own: () => ownPostgres(),
    words: ({ url }) => ["postgres", url],
    // Its table is unlogged: empty after a crash, as its capabilities say.
    keepsOver: ["clean"],
    opensWithout: false,
  },
  {
    name: "Redis",
    program: redisProgram(),
    own: () => ownRedis({ appendfsync: "always" }),
    words: ({ url }) => ["redis", url, "weft"],
    keepsOver: ["clean", "kill"],
    opensWithout: true,
  },
  {
    name: "RabbitMQ",
    program: rabbitmqProgram(),
    own: () => ownRabbitmq(),
    words: ({ url }) => ["rabbitmq", url, "weft"],
    keepsOver: ["clean", "kill"],
    opensWithout: true,
  },
];

const wanted = process.env["WEFT_TEST_SERVICES"] !== "off";
const until = (condition: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(condition, { timeout: 40_000, interval: 50 });

for (const kind of KINDS) {
  if (!wanted || kind.program === null) {
    if (process.env["CI"] === "true") throw new Error(`The whole check needs ${kind.name} to be installed.`);
    describe(`the ${kind.name} transport and its service`, () => {
      test.skip(`${kind.name} is not installed`, () => undefined);
    });
  } else {
    outages(kind);
  }
}

function outages({ name, own, words, keepsOver, opensWithout }: Kind): void {
  describe(`the ${name} transport and its service`, () => {
    let service: OwnService;
    let transport: Transport;
    const told: string[] = [];
    const problem = (message: string): void => void told.push(message);
    const refused = async (): Promise<void> => {
      const begun = performance.now();
      await expect(transport.publish(ticketsOf("away", 1))).rejects.toMatchObject({ code: "TRANSPORT_UNAVAILABLE" });
      // Two seconds, and what a busy machine adds.
      expect(performance.now() - begun).toBeLessThan(4000);
    };
    beforeAll(async () => {
      service = await own();
      await service.start();
      transport = await openNamed(words(service), { problem });
    }, 120_000);
    afterAll(async () => {
      await transport.close();
      await service.remove();
    }, 120_000);

    test.for(keepsOver)(
      "after its service has ended (%s) and come back all goes on, and nothing accepted is lost",
      { timeout: 120_000 },
      async (mode) => {
        const pool = `over ${mode}`;
        const got = new Set<string>();
        const consumer = transport.consume(pool, {
          prefetch: 4,
          handle: async (tickets) => {
            for (const { task } of tickets) got.add(task);
          },
        });
        await transport.publish(ticketsOf(pool, 10));
        await until(() => expect(got.size).toBe(10));
        const waiting = `waiting over ${mode}`;
        await transport.publish(ticketsOf(waiting, 200));
        await service.stop(mode);
        for (let tries = 0; tries < 3; tries++) await refused();
        // Away for as long as it takes whoever consumes to notice.
        await until(() => expect(told.length).toBeGreaterThan(0));
        await service.start();
        await until(() => transport.publish(ticketsOf(pool, 30)));
        await until(() => expect(got.size).toBe(30));
        const kept = new Set<string>();
        const late = transport.consume(waiting, {
          prefetch: 4,
          handle: async (tickets) => {
            for (const { task } of tickets) kept.add(task);
          },
        });
        await until(() => expect(kept.size, told.join("\n")).toBe(200));
        // One word for an outage, not one for each try.
        expect(told.filter((message) => message.includes("cannot be taken")).length).toBeLessThan(8);
        await Promise.all([consumer.close(), late.close()]);
      },
    );

    test("a publisher is told within two seconds that its service hangs, and goes on when it goes on", async () => {
      const first = service.processes[0]!;
      process.kill(first.pid, "SIGSTOP");
      const others = await stopSessions(service, transport);
      try {
        await refused();
        await refused();
      } finally {
        for (const pid of [first.pid, ...others]) process.kill(pid, "SIGCONT");
      }
      await until(() => transport.publish(ticketsOf("hung", 1)));
    });

    test.runIf(opensWithout)("after its service was emptied, new tickets come as before (F42)", async () => {
      const pool = "emptied";
      const got = new Set<string>();
      transport.consume(pool, {
        prefetch: 1,
        async handle(tickets) {
          for (const { task } of tickets) got.add(task);
          await transport.depth(pool);
        },
      });
      await transport.publish(ticketsOf("others", 40));
      await transport.publish(ticketsOf(pool, 5));
      await until(() => expect(got.size).toBe(5));
      await service.empty();
      expect(await transport.depth("others")).toBe(0);
      await transport.publish(ticketsOf(pool, 40));
      await until(() => expect(got.size).toBe(40));
    });

    test.runIf(opensWithout)(
      "it opens while its service is away, and works when that comes",
      { timeout: 120_000 },
      async () => {
        await service.stop();
        const early = await openNamed(words(service), { problem });
        try {
          let got = 0;
          early.consume("early", { prefetch: 1, handle: async (tickets) => void (got += tickets.length) });
          await expect(early.publish(ticketsOf("early", 1))).rejects.toMatchObject({ code: "TRANSPORT_UNAVAILABLE" });
          await service.start();
          await until(() => early.publish(ticketsOf("early", 1)));
          await until(() => expect(got).toBeGreaterThan(0));
        } finally {
          await early.close();
        }
      },
    );
  });
}

/** PostgreSQL has a process for each connection; these go on while the first one is stopped. */
async function stopSessions(service: OwnService, transport: Transport): Promise<readonly number[]> {
  if (service.name !== "PostgreSQL") return [];
  await transport.depth("hung").catch(() => 0);
  const pids = execFileSync("pgrep", ["-P", String(service.processes[0]!.pid)], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map(Number);
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  return pids;
}
