import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import { APART } from "../processes.ts";
import { longestGap, StallProbe, type Gap, type Stall } from "../stalls.ts";
import type { Finding, Injection } from "./injection.ts";

/** The grace of a process, and what a busy machine adds. */
const GRACE_MS = 30_000;
const GAP_MS = 1000;
const PAUSE_MS = 3000;

interface Ended {
  readonly name: string;
  readonly code: number | null;
  readonly ms: number;
  /** The time in which calls are looked at, in milliseconds since 1970: while it ended, and a while after. */
  readonly from: number;
  readonly until: number;
}

async function endOne(arena: Arena, name: string): Promise<Ended> {
  const member = arena.fleet.named(name)[0]!;
  const from = Date.now();
  const { code, ms } = await arena.fault("end", `${name} ended by SIGTERM`, () => member.terminate(GRACE_MS));
  await sleep(PAUSE_MS);
  const until = Date.now();
  member.start();
  await member.untilReady();
  return { name, code, ms, from, until };
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
    const probe = await StallProbe.open(arena.services.postgres.url);
    const ended: Ended[] = [];
    try {
      for (const name of ["worker-1", "owner-1", "api-1"]) ended.push(await endOne(arena, name));
    } finally {
      await probe.close();
    }
    return () => judged(arena, ended, probe.stalls);
  },
};

function judged(arena: Arena, ended: readonly Ended[], stalls: readonly Stall[]): Finding {
  const calls = [...arena.effects.byKey().values()];
  const repeated = calls.filter(({ length }) => length > 1).length;
  const counted = arena.effects.calls.filter(({ key }) => !key.endsWith("#1")).length;
  const times = arena.effects.calls.map(({ at }) => at);
  // Without the only server of the API nothing new is begun, so only steps that are there are compared.
  const gaps = ended
    .filter(({ name }) => name !== "api-1")
    .map(({ from, until }): Gap => longestGap(times, stalls, from, until));
  const ownMs = Math.max(...gaps.map((gap) => gap.ownMs));
  return {
    figures: {
      ...Object.fromEntries(ended.map(({ name, ms }) => [`ms to the end of ${name}`, Math.round(ms)])),
      "longest gap elsewhere, ms": ownMs,
      "with stalls of the machine, ms": Math.max(...gaps.map(({ ms }) => ms)),
    },
    failures: [
      ...ended.filter(({ code }) => code !== 0).map(({ name, code }) => `${name} ended with ${code}`),
      ...(ownMs > GAP_MS ? [`nothing was done for ${ownMs} ms in which the machine did not stand still`] : []),
      ...(repeated > 0 ? [`${repeated} steps were called again`] : []),
      ...(counted > 0 ? [`${counted} steps had another attempt`] : []),
    ],
  };
}
