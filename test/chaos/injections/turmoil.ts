import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import { APART } from "../processes.ts";
import { TRANSPORTS } from "../services.ts";
import type { Injection } from "./injection.ts";

const KILL_MS = [1000, 5000] as const;
const DATABASE_MS = 10_000;
const DATABASE_DOWN_MS = 2000;
const BROKER_MS = [5000, 12_000] as const;
const BROKER_KILLED = 0.25;

/** F1, F14 and F42 at once: processes, the database and what carries the tickets. */
export const turmoil: Injection = {
  id: "F1",
  title: "a random process killed every 1-5 s, PostgreSQL every 10 s (F14), tickets thrown away at random (F42)",
  holds: "I1-I6, I8, I11-I13",
  needs: { roles: APART, transports: TRANSPORTS, open: 40 },
  seconds: null,
  quick: true,
  async inject(arena, seconds) {
    const until = performance.now() + seconds * 1000;
    const [kills, outages, emptied] = await Promise.all([
      killing(arena, until),
      database(arena, until),
      broker(arena, until),
    ]);
    return () => ({
      figures: {
        kills,
        "restarts of PostgreSQL": outages,
        "losses of tickets": emptied,
        "kills that could not be followed": arena.unseen,
      },
      failures: kills === 0 ? ["nothing was killed"] : [],
    });
  },
};

async function killing(arena: Arena, until: number): Promise<number> {
  const { random, fleet } = arena;
  let kills = 0;
  while (performance.now() < until) {
    await sleep(Math.min(random.between(...KILL_MS), Math.max(0, until - performance.now())));
    const alive = fleet.members.filter(({ isReady }) => isReady);
    if (alive.length === 0 || performance.now() >= until) continue;
    await arena.kill(random.pick(alive));
    kills += 1;
  }
  return kills;
}

async function database(arena: Arena, until: number): Promise<number> {
  const { postgres } = arena.services;
  let outages = 0;
  while (performance.now() + DATABASE_MS / 2 < until) {
    await sleep(Math.min(DATABASE_MS, until - performance.now() - 100));
    const down = arena.random.between(0, DATABASE_DOWN_MS);
    await arena.fault("database", `killed, away for ${Math.round(down)} ms`, async () => {
      await postgres.stop("kill");
      await sleep(down);
      await postgres.start();
    });
    outages += 1;
  }
  return outages;
}

async function broker(arena: Arena, until: number): Promise<number> {
  const { random, services } = arena;
  let times = 0;
  while (performance.now() < until) {
    await sleep(Math.min(random.between(...BROKER_MS), Math.max(0, until - performance.now())));
    if (performance.now() >= until) break;
    await loseTickets(arena, random.chance(BROKER_KILLED) && services.broker !== null);
    times += 1;
  }
  return times;
}

/** Everything on its way is gone: with PostgreSQL as transport, the table of tickets is emptied. */
export async function loseTickets(arena: Arena, kill = false): Promise<void> {
  const { broker: service } = arena.services;
  if (service === null) {
    // The database may be away at this moment: then it has lost them by itself, for the table is not logged.
    await arena.fault("broker", "tickets deleted", () => arena.monitor.query("delete from ticket").catch(() => []));
  } else if (kill) await arena.fault("broker", `${service.name} killed`, () => service.restart("kill"));
  else await arena.fault("broker", `${service.name} emptied`, () => service.empty());
}
