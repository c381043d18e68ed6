import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import { APART, type Member } from "../processes.ts";
import type { Finding, Injection } from "./injection.ts";

/** Of each 400 ms a process runs for 20: five percent of a processor. */
const RUNS_MS = 20;
const RESTS_MS = 380;
const SLOW_MS = 40_000;
/** Shorter than a lease of 12 s, and than the ten seconds after which a process no longer trusts it. */
const PAUSE_MS = 8000;
const PAUSES = 3;
const BETWEEN_MS = 4000;
const LOOK_MS = 500;
const NOTE_MS = 5000;
/** A run that wanders between owners has more of them than it was lost to by the two that are slow. */
const WANDERS = 3;

const NAMES = ["owner-1", "worker-1"];

interface Phase {
  readonly calls: number;
  /** Leases that ended, by name of the process. */
  readonly lost: Readonly<Record<string, number>>;
}

/** An owner and a worker that get hardly any time, and then stand still again and again, each time below their lease. */
export const shortOfTime: Injection = {
  id: "F7",
  title: "an owner and a worker at 5 % of a processor for 40 s; then stopped for 8 s, three times",
  holds: "I4; a lease is kept or lost for good: no run wanders between owners; work goes on",
  needs: { roles: APART, transports: ["postgres"], open: 30 },
  seconds: 85,
  quick: false,
  async inject(arena) {
    await sleep(3000);
    const members = NAMES.map((name) => arena.fleet.named(name)[0]!);
    const slow = await phase(arena, members, () => hardlyRun(arena, members));
    await sleep(BETWEEN_MS);
    const paused = await phase(arena, members, () => pause(arena, members));
    const ended = members.filter(({ isReady }) => !isReady).map(({ role }) => role.name);
    const [most] = await arena.monitor.query<{ epoch: number }>("select max(epoch)::int8 as epoch from run");
    return () => judged(slow, paused, most!.epoch, ended);
  },
};

async function phase(arena: Arena, members: readonly Member[], work: () => Promise<void>): Promise<Phase> {
  const before = arena.effects.calls.length;
  const leases = new Map(members.map(({ role }) => [role.name, new Set<number>()]));
  const over = new AbortController();
  const looking = (async () => {
    for (; !over.signal.aborted; await sleep(LOOK_MS))
      for (const { pid, role } of members) {
        const rows = await arena.monitor.query<{ key: number }>("select worker_key as key from worker where pid = $1", [
          pid,
        ]);
        for (const { key } of rows) leases.get(role.name)!.add(key);
      }
  })();
  await Promise.all([work().finally(() => over.abort()), looking]);
  const lost = Object.fromEntries([...leases].map(([name, keys]) => [name, Math.max(0, keys.size - 1)]));
  return { calls: arena.effects.calls.length - before, lost };
}

/** What they hold is noted from time to time: where a lease is lost, it may be done again. */
function noteAll(arena: Arena, members: readonly Member[]): void {
  for (const { pid, role } of members) if (pid !== null) arena.noteHits(pid, Date.now(), role.name);
}

async function hardlyRun(arena: Arena, members: readonly Member[]): Promise<void> {
  const until = performance.now() + SLOW_MS;
  const one = (member: Member): Promise<void> =>
    arena.fault("stop", `${member.role.name} at 5 % of a processor`, async () => {
      while (performance.now() < until) {
        member.signal("SIGSTOP");
        await sleep(RESTS_MS);
        member.signal("SIGCONT");
        await sleep(RUNS_MS);
      }
    });
  const noting = async (): Promise<void> => {
    for (; performance.now() < until; await sleep(NOTE_MS)) noteAll(arena, members);
  };
  await Promise.all([noting(), ...members.map(one)]);
}

async function pause(arena: Arena, members: readonly Member[]): Promise<void> {
  for (let times = 0; times < PAUSES; times++) {
    noteAll(arena, members);
    const one = (member: Member): Promise<void> =>
      arena.fault("stop", `${member.role.name} stopped for ${PAUSE_MS} ms`, async () => {
        member.signal("SIGSTOP");
        await sleep(PAUSE_MS);
        member.signal("SIGCONT");
        await sleep(BETWEEN_MS);
      });
    await Promise.all(members.map(one));
  }
}

function judged(slow: Phase, paused: Phase, epoch: number, ended: readonly string[]): Finding {
  const lost = ({ lost: by }: Phase): string => NAMES.map((name) => `${name} ${by[name]}`).join(", ");
  return {
    figures: {
      "calls while they hardly ran": slow.calls,
      "leases lost": lost(slow),
      "calls during the pauses": paused.calls,
      "leases lost by then": lost(paused),
      "most owners of a run": epoch,
    },
    failures: [
      ...ended.map((name) => `${name} did not go on`),
      ...(slow.calls === 0 ? ["nothing was done while they hardly ran"] : []),
      ...(paused.calls === 0 ? ["nothing was done during the pauses"] : []),
      ...(epoch > 1 + WANDERS ? [`a run had ${epoch} owners one after the other`] : []),
    ],
  };
}
