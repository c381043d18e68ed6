import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import { Flood, type Submission } from "../flood.ts";
import { peakRssMb, tooLarge } from "../memory.ts";
import { APART, type Member } from "../processes.ts";
import type { Finding, Injection } from "./injection.ts";

const RUNS = 10_000;
const AWAY_MS = 60_000;
/** Within this time everything has been taken over; the checker judges how long each run stood still. */
const TAKEN_MS = 120_000;
const HELD_MS = 30_000;
const LOOK_MS = 200;
const CLIENTS = 32;
/** What one owner takes over in the first second after a takeover, and twice as much in each one after. */
const FIRST_A_SECOND = 64;
const MEMORY_MB_MAX = 512;
/** A run that has ended was held again before. */
const TAKEN = `
select count(*)::int8 as runs from run
where workflow = 'pair' and (finished_at is not null or (owner is not null and owner <> all($1)))`;

/** How many runs of the dead were taken over until then; milliseconds from the first. */
interface Taken {
  readonly ms: number;
  readonly runs: number;
}

/** All processes are killed while they hold thousands of runs, and as many wait for a timer that falls due meanwhile. */
export const manyDown: Injection = {
  id: "F3",
  title: "all processes killed together with 10,000 runs open, and started again after a minute",
  holds: "I1-I6, I8, I11; I13 within 120 s; runs are taken over gradually; memory bounded",
  needs: { roles: APART, transports: ["postgres"], open: 0 },
  recoveryMs: 120_000,
  seconds: 180,
  quick: false,
  async inject(arena) {
    const { members } = arena.fleet;
    // Nobody does steps while the runs come, so that all of them are open, and half of them held.
    await Promise.all(arena.fleet.named("worker-").map((member) => member.terminate()));
    const flood = await Flood.open(arena.fleet.urls[0]!, CLIENTS, arena.load);
    const [began, submissions] = [performance.now(), Array.from({ length: RUNS }, submission)];
    await flood.all(submissions, CLIENTS).finally(() => flood.close());
    const seconds = (performance.now() - began) / 1000;
    const open = await allHeld(arena);
    const dead = (
      await arena.monitor.query<{ owner: number }>("select distinct owner from run where owner is not null")
    ).map(({ owner }) => owner);
    const before = peakOf(members);
    const pids = members.flatMap(({ pid }) => (pid === null ? [] : [pid]));
    await arena.fault("kill", "all processes", async () => {
      await Promise.all(members.map((member) => member.end()));
      await sleep(AWAY_MS);
    });
    for (const pid of pids) arena.noteHits(pid, Date.now(), "everything");
    for (const member of members) member.start();
    const [taken] = await Promise.all([takenOver(arena, open.held, dead), ...members.map((one) => one.untilReady())]);
    return () => judged({ ...open, seconds, before }, taken, peakOf(members));
  },
};

function submission(_: unknown, at: number): Submission {
  return at % 2 === 0
    ? { id: `many-pair-${at}`, workflow: "pair", inputs: {} }
    : { id: `many-sleeper-${at}`, workflow: "sleeper", inputs: { for: "60s" } };
}

interface Open {
  readonly runs: number;
  /** Of those with something to do. */
  readonly held: number;
  /** Of those that wait for their timer: an owner has them in memory all the same. */
  readonly asleep: number;
}

/** Resolves when the owners hold all runs that have something to do, or have had time enough for it. */
async function allHeld(arena: Arena): Promise<Open> {
  for (const until = performance.now() + HELD_MS; ; await sleep(LOOK_MS)) {
    const [open] = await arena.monitor.query<Open>(
      `select count(*)::int8 as runs, count(owner) filter (where workflow = 'pair')::int8 as held,
        count(owner) filter (where workflow = 'sleeper')::int8 as asleep from run where finished_at is null`,
    );
    if (open!.held === RUNS / 2 || performance.now() > until) return open!;
  }
}

/** Of all processes that live the most, in MB; 0 where the system does not tell. */
function peakOf(members: readonly Member[]): number {
  return Math.max(0, ...members.map(({ pid }) => (pid === null ? 0 : (peakRssMb(pid) ?? 0))));
}

/** Looks on until what was held is held by others. Runs that a timer wakes are not counted: nobody had them. */
async function takenOver(arena: Arena, held: number, dead: readonly number[]): Promise<readonly Taken[]> {
  const all: Taken[] = [];
  let first: number | null = null;
  for (const until = performance.now() + TAKEN_MS; performance.now() < until; await sleep(LOOK_MS)) {
    const rows = await arena.monitor.query<{ runs: number }>(TAKEN, [dead]);
    const { runs } = rows[0]!;
    if (runs === 0) continue;
    first ??= performance.now();
    all.push({ ms: performance.now() - first, runs });
    if (runs >= held) break;
  }
  return all;
}

interface Before extends Open {
  /** That it took to submit them. */
  readonly seconds: number;
  /** Most memory of a process until the kill, in MB. */
  readonly before: number;
}

function judged({ runs, held, asleep, seconds, before }: Before, taken: readonly Taken[], after: number): Finding {
  const last = taken.at(-1) ?? { ms: 0, runs: 0 };
  // A look may come a second late, and each of the two owners has a beginning of its own.
  const sudden = taken.filter(({ ms, runs: now }) => now > 2 * FIRST_A_SECOND * (2 ** (Math.floor(ms / 1000) + 2) - 1));
  return {
    figures: {
      "runs open when all were killed": runs,
      "of them held with something to do": held,
      "and while they wait for a timer": asleep,
      "submitted a second": Math.round(RUNS / seconds),
      "taken over in the first second": taken.findLast(({ ms }) => ms <= 1000)?.runs ?? 0,
      "seconds until all were": (last.ms / 1000).toFixed(1),
      "peak memory of a process before and after, MB": `${before} and ${after}`,
    },
    failures: [
      ...(runs < RUNS ? [`only ${runs} runs were open`] : []),
      ...(held < RUNS / 4 ? [`only ${held} runs were held`] : []),
      ...(last.runs < held ? [`${last.runs} of ${held} were taken over within ${TAKEN_MS} ms`] : []),
      ...sudden.slice(0, 1).map(({ ms, runs: now }) => `${now} runs were taken over within ${Math.round(ms)} ms`),
      ...tooLarge({ "a process before": before, "a process after": after }, MEMORY_MB_MAX),
    ],
  };
}
