import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import { APART, TOGETHER } from "../processes.ts";
import type { Finding, Injection } from "./injection.ts";

const counted = (what: string, count: number) => (): Finding => ({
  figures: { [what]: count },
  failures: count === 0 ? ["nothing was done to it"] : [],
});

const AWAY_MS = 20_000;

/** All processes are killed together and stay away for a while. */
export const allDown: Injection = {
  id: "F3",
  title: "all processes killed together and started again after 20 s",
  holds: "I1-I6, I8, I13 from the start on",
  needs: { roles: APART, transports: ["redis"], open: 120 },
  seconds: 40,
  quick: false,
  async inject(arena) {
    await sleep(8000);
    const { members } = arena.fleet;
    const pids = members.flatMap(({ pid }) => (pid === null ? [] : [pid]));
    await arena.fault("kill", "all processes", async () => {
      await Promise.all(members.map((member) => member.end()));
      await sleep(AWAY_MS);
    });
    const open = arena.monitor.open;
    // Nobody was there who could have done it sooner: the time counts from here.
    for (const pid of pids) arena.noteHits(pid, Date.now(), "everything");
    for (const member of members) member.start();
    await Promise.all(members.map((member) => member.untilReady()));
    return counted("runs open when all were killed", open);
  },
};

/** The database is killed at the moment when others take over from a dead owner: a lease and a second after its end. */
export const takeoverOutage: Injection = {
  id: "F15",
  title: "PostgreSQL killed exactly while others take over from a killed owner",
  holds: "I1-I6; nothing stays owned by the dead",
  needs: { roles: APART, transports: ["postgres"], open: 40 },
  seconds: 40,
  quick: false,
  async inject(arena) {
    await sleep(3000);
    let times = 0;
    for (const name of ["owner-1", "owner-2"]) {
      const [member] = arena.fleet.named(name);
      await member!.untilReady();
      await arena.kill(member!);
      const isMet = await takeoverBegins(arena, 18_000);
      await arena.fault("database", "killed during a takeover", () => arena.services.postgres.restart("kill"));
      if (isMet) times += 1;
    }
    return counted("takeovers met", times);
  },
};

/** Whether within the time a worker's row was ended for its lease, or it was time that it was; resolves as soon as it is. */
async function takeoverBegins(arena: Arena, withinMs: number): Promise<boolean> {
  for (const until = performance.now() + withinMs; performance.now() < until; await sleep(20)) {
    const dead = await arena.monitor
      .query("select 1 from worker where state = 1 or (state = 0 and lease_until + 1000 <= now_ms())")
      .catch(() => []);
    if (dead.length > 0) return true;
  }
  return false;
}

/** Those who listen for the word of others lose their connections again and again, and with them what was said. */
export const deafness: Injection = {
  id: "F30",
  title: "connections that listen for notifications cut every second: words of others are lost",
  holds: "I1-I6, I11: asking at intervals carries on",
  needs: { roles: APART, transports: ["postgres"], open: 30 },
  seconds: 20,
  quick: false,
  async inject(arena) {
    let cut = 0;
    for (const until = performance.now() + 20_000; performance.now() < until; await sleep(1000)) {
      const rows = await arena.fault("database", "listening connections cut", () =>
        arena.monitor.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen %' and pid <> pg_backend_pid()",
        ),
      );
      cut += rows.length;
    }
    return counted("connections cut", cut);
  },
};

/** The server is killed while requests wait for its answer; they are sent again with the same id. */
export const apiKilled: Injection = {
  id: "F12",
  title: "a server of the API killed while submissions wait for their answer; they are sent again with the same id",
  holds: "I1, I8: one run, and the second answer names the same",
  needs: { roles: TOGETHER, transports: ["postgres"], open: 120, mix: { lane: 1, gate: 1 } },
  seconds: 20,
  quick: false,
  async inject(arena) {
    let kills = 0;
    for (const until = performance.now() + 18_000; performance.now() < until; await sleep(1500)) {
      const alive = arena.fleet.members.filter(({ isReady }) => isReady);
      if (alive.length === 0) continue;
      const before = arena.load.accepted.length;
      for (let left = 100; left > 0 && arena.load.accepted.length === before; left--) await sleep(5);
      await arena.kill(arena.random.pick(alive));
      kills += 1;
    }
    return counted("kills of servers", kills);
  },
};
