import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import { TICKETS_ALONE } from "../processes.ts";
import type { Finding, Injection } from "./injection.ts";

const AWAY_MS = 60_000;
/** Shorter than this is no recovery by chance: the next look for forgotten tasks comes within 20 s. */
const BACK_MS = 30_000;

async function away(arena: Arena): Promise<() => Finding> {
  await sleep(3000);
  const { broker } = arena.services;
  if (broker === null) throw new Error("PostgreSQL itself is the transport");
  await arena.fault("broker", `${broker.name} away for ${AWAY_MS / 1000} s`, async () => {
    await broker.stop("clean");
    await sleep(AWAY_MS);
    await broker.start();
  });
  const [before, back] = [arena.effects.calls.length, performance.now()];
  while (arena.effects.calls.length < before + 20) {
    if (performance.now() - back > BACK_MS) return () => judged(before, null);
    await sleep(50);
  }
  const backMs = performance.now() - back;
  return () => judged(before, backMs);
}

function judged(before: number, backMs: number | null): Finding {
  return {
    figures: {
      "calls before it was back": before,
      "ms until work went on": backMs === null ? "-" : Math.round(backMs),
    },
    failures: backMs === null ? [`nothing was done for ${BACK_MS} ms after it was back`] : [],
  };
}

/** What carries the tickets is away for a minute (show 2): nothing is lost, and nobody is started again. */
export const brokerAway: Injection = {
  id: "F46",
  title: "Redis, and RabbitMQ, away for a minute",
  holds: "I1-I6; no attempt counted; all goes on by itself, without a restart",
  needs: { roles: TICKETS_ALONE, transports: ["redis", "rabbitmq"], open: 30 },
  seconds: 75,
  quick: false,
  inject: away,
};
