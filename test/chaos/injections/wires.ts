import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import { TOGETHER, type Member } from "../processes.ts";
import type { Weather } from "../proxy.ts";
import type { Injection } from "./injection.ts";

/** Both servers and, with a wire of its own each, all that they say to the database. */
const ROLES = TOGETHER.map((role) => ({ ...role, wired: true }));
const LEASE_MS = 13_000;

async function under(arena: Arena, member: Member, weather: Weather, ms: number, what: string): Promise<void> {
  const { pid, role } = member;
  const wire = arena.wire(role.name);
  await arena.fault("database", `${role.name}: ${what}`, async () => {
    wire.set(weather);
    if (pid !== null && (weather.blockUp || weather.blockDown)) arena.noteHits(pid, Date.now(), role.name);
    await sleep(ms);
    wire.set({});
  });
}

/** The answer to a COMMIT never comes: the flush is sent again. */
export const answersLost: Injection = {
  id: "F17",
  title: "connections broken when the answer comes: what was asked for has been done (3 % of answers)",
  holds: "I2, I3: a flush is repeated safely",
  needs: { roles: ROLES, transports: ["postgres"], open: 40 },
  seconds: 20,
  quick: false,
  async inject(arena) {
    const members = arena.fleet.members;
    await Promise.all(members.map((member) => under(arena, member, { breakShare: 0.03 }, 20_000, "answers lost")));
    const broken = members.reduce((sum, { role }) => sum + arena.wire(role.name).broken, 0);
    return () => ({
      figures: { "answers lost": broken },
      failures: broken < 10 ? [`only ${broken} answers were lost`] : [],
    });
  },
};

/** Every answer of the database takes longer, and some very long. */
export const slowDatabase: Injection = {
  id: "F21",
  title: "every answer of PostgreSQL 200 ms later, 1 % of them 5 s",
  holds: "I1-I6; no attempt counted",
  needs: { roles: ROLES, transports: ["postgres"], open: 40 },
  seconds: 25,
  quick: false,
  async inject(arena) {
    const weather = { delayMs: 200, slowMs: 5000, slowShare: 0.01 };
    const before = arena.effects.calls.length;
    await Promise.all(arena.fleet.members.map((member) => under(arena, member, weather, 25_000, "slow")));
    const calls = arena.effects.calls.length - before;
    return () => ({
      figures: { "steps done meanwhile": calls },
      failures: calls === 0 ? ["nothing was done meanwhile"] : [],
    });
  },
};

/** A process is cut off from the database: both ways, then each way alone. */
export const partitions: Injection = {
  id: "F22",
  title: "a server cut off from PostgreSQL for 20 s: both ways, towards it alone, from it alone",
  holds: "I4, I5: it begins no effect after its deadline",
  needs: { roles: ROLES, transports: ["postgres"], open: 40 },
  seconds: 75,
  quick: false,
  async inject(arena) {
    await sleep(2000);
    const member = arena.fleet.named("server-2")[0]!;
    for (const [what, weather] of Object.entries({
      "cut off": { blockUp: true, blockDown: true },
      "not heard": { blockUp: true },
      "hears nothing": { blockDown: true },
    })) {
      await under(arena, member, weather, 20_000, what);
      await sleep(LEASE_MS / 2);
    }
    const works = await answersWithin(member, 30_000);
    return () => ({ figures: {}, failures: works ? [] : ["the process that was cut off does not work afterwards"] });
  },
};

/** Whether it says within the time that it is ready. */
async function answersWithin(member: Member, ms: number): Promise<boolean> {
  for (const until = performance.now() + ms; performance.now() < until; await sleep(500)) {
    const isReady = await fetch(`${member.url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return true;
  }
  return false;
}
