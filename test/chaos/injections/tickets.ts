import { setTimeout as sleep } from "node:timers/promises";
import { priorityOf } from "../../../packages/server/src/journal/rules.ts";
import { postgresTransport } from "../../../packages/server/src/transport/postgres.ts";
import type { Ticket } from "../../../packages/server/src/transport/transport.ts";
import { TICKETS_ALONE } from "../processes.ts";
import type { Injection } from "./injection.ts";

const TIMES = 5;
const SECONDS = 20;
const UNKNOWN = 20;
/** Tickets that are kept to come when their tasks are long done. */
const LATE_MAX = 2000;

/** Every ticket five times and backwards, some long after their tasks, and tickets of tasks that never were. */
export const tickets: Injection = {
  id: "F44",
  title: "each ticket 5 times, backwards, and again at the end; tickets of tasks that do not exist (F43)",
  holds: "I3, I5: a task is taken once; what is late or unknown is passed over",
  needs: { roles: TICKETS_ALONE, transports: ["postgres"], open: 40 },
  seconds: SECONDS,
  quick: false,
  async inject(arena) {
    const { url } = arena.services.postgres;
    const transport = await postgresTransport({ url, problem: () => undefined });
    const seen: Ticket[] = [];
    let sent = 0;
    const send = async (all: readonly Ticket[]): Promise<void> => {
      await transport.publish(all);
      sent += all.length;
    };
    try {
      for (const until = performance.now() + SECONDS * 1000; performance.now() < until; await sleep(250)) {
        const rows = await arena.monitor.query<{
          tenant: string;
          pool: string;
          rank: number;
          run_key: number;
          task: string;
        }>("select tenant, pool, rank, run_key, task from task");
        const all = rows.map(({ rank, run_key: runKey, ...row }) => ({ ...row, runKey, priority: priorityOf(rank) }));
        seen.push(...all.slice(0, LATE_MAX - seen.length));
        for (let time = 0; time < TIMES; time++) await send(all.toReversed());
        const unknown = Array.from({ length: UNKNOWN }, (_, at) => ({
          tenant: "default",
          pool: "default",
          priority: "normal" as const,
          runKey: 900_000_000_000 + at,
          task: "root/nothing#1",
        }));
        await send(unknown);
      }
      await send(seen);
    } finally {
      await transport.close();
    }
    return () => ({
      figures: { "tickets sent beside the engine's": sent },
      failures: seen.length === 0 ? ["no task was seen"] : [],
    });
  },
};
