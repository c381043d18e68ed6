import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import { APART } from "../processes.ts";
import type { Finding, Injection } from "./injection.ts";

/** The grace of a process, and what a busy machine adds. */
const GRACE_MS = 30_000;
const GAP_MS = 1000;
const PAUSE_MS = 3000;

interface Ended {
  readonly name: string;
  readonly code: number | null;
  readonly ms: number;
  /** Longest time without any call from anywhere, while it ended. */
  readonly gapMs: number;
}

async function endOne(arena: Arena, name: string): Promise<Ended> {
  const member = arena.fleet.named(name)[0]!;
  const from = Date.now();
  const { code, ms } = await arena.fault("end", `${name} ended by SIGTERM`, () => member.terminate(GRACE_MS));
  await sleep(PAUSE_MS);
  const times = [from, ...arena.effects.calls.map(({ at }) => at).filter((at) => at >= from), Date.now()];
  const gapMs = times.slice(1).reduce((most, at, index) => Math.max(most, at - times[index]!), 0);
  member.start();
  await member.untilReady();
  return { name, code, ms, gapMs };
}

/** Every kind of process is told to end under load, one after the other, and started again. */
export const terminations: Injection = {
  id: "F9",
  title: "SIGTERM to a worker, an owner and a server of the API under load",
  holds: "exit 0 in the grace; no attempt counted; nothing called twice; no gap over 1 s elsewhere",
  needs: { roles: APART, transports: ["postgres"], open: 40, mix: { chain: 1 } },
  seconds: 25,
  quick: true,
  async inject(arena) {
    await sleep(3000);
    const ended: Ended[] = [];
    for (const name of ["worker-1", "owner-1", "api-1"]) ended.push(await endOne(arena, name));
    return () => judged(arena, ended);
  },
};

function judged(arena: Arena, ended: readonly Ended[]): Finding {
  const calls = [...arena.effects.byKey().values()];
  const repeated = calls.filter(({ length }) => length > 1).length;
  const counted = arena.effects.calls.filter(({ key }) => !key.endsWith("#1")).length;
  // Without the only server of the API nothing new is begun, so only steps that are there are compared.
  const gaps = ended.filter(({ name }) => name !== "api-1").map(({ gapMs }) => gapMs);
  return {
    figures: {
      ...Object.fromEntries(ended.map(({ name, ms }) => [`ms to the end of ${name}`, Math.round(ms)])),
      "longest gap elsewhere, ms": Math.max(...gaps),
    },
    failures: [
      ...ended.filter(({ code }) => code !== 0).map(({ name, code }) => `${name} ended with ${code}`),
      ...(Math.max(...gaps) > GAP_MS ? [`nothing was done for ${Math.max(...gaps)} ms`] : []),
      ...(repeated > 0 ? [`${repeated} steps were called again`] : []),
      ...(counted > 0 ? [`${counted} steps had another attempt`] : []),
    ],
  };
}
