import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import { APART, TOGETHER, type Member } from "../processes.ts";
import type { Finding, Injection } from "./injection.ts";

/** More than three leases. */
const STOPPED_MS = 40_000;
/** What was on its way when it was stopped comes within this time after it goes on, or never. */
const AFTER_MS = 5000;

/** Sets it still in the middle of its work, and lets it go on when everything it had belongs to others. */
async function zombie(arena: Arena, member: Member): Promise<void> {
  const { pid, role } = member;
  if (pid === null) throw new Error(`${role.name} does not run`);
  await arena.fault("stop", `${role.name} stopped`, async () => {
    member.signal("SIGSTOP");
    arena.noteHits(pid, Date.now(), role.name);
    await sleep(STOPPED_MS);
    member.signal("SIGCONT");
    await sleep(AFTER_MS);
  });
}

interface Stopped {
  readonly ended: boolean;
  readonly callsMeanwhile: number;
}

async function stopBoth(arena: Arena, names: readonly string[]): Promise<() => Finding> {
  await sleep(3000);
  const before = arena.effects.calls.length;
  const members = names.map((name) => arena.fleet.named(name)[0]!);
  await Promise.all(members.map((member) => zombie(arena, member)));
  const ended = members.some(({ isReady }) => !isReady);
  const callsMeanwhile = arena.effects.calls.length - before;
  return () => judged(arena, { ended, callsMeanwhile });
}

function judged(arena: Arena, { ended, callsMeanwhile }: Stopped): Finding {
  return {
    figures: { "seconds stopped": STOPPED_MS / 1000, "calls meanwhile": callsMeanwhile },
    failures: [
      ...(ended ? ["a process that was stopped did not go on"] : []),
      ...(callsMeanwhile === 0 ? ["nothing was done meanwhile"] : []),
      ...(arena.hits.length === 0 ? ["the stopped processes held nothing"] : []),
    ],
  };
}

/** An owner and a worker that are stopped for longer than three leases, and come back as if nothing had been. */
export const zombiesApart: Injection = {
  id: "F4",
  title: "an owner and a worker stopped for 40 s and continued, while others have taken over (zombies)",
  holds: "I4: their late flushes are refused row by row; I5; the new owners are undisturbed",
  needs: { roles: APART, transports: ["redis"], open: 30 },
  seconds: 50,
  quick: true,
  inject: (arena) => stopBoth(arena, ["owner-1", "worker-1"]),
};

/** The same where each process does the steps of its own runs, so that flushes are on their way when it is stopped. */
export const zombieTogether: Injection = {
  id: "F4",
  title: "a server that does everything stopped for 40 s and continued",
  holds: "I4, I5",
  needs: { roles: TOGETHER, transports: ["postgres"], open: 60 },
  seconds: 50,
  quick: false,
  inject: (arena) => stopBoth(arena, ["server-2"]),
};
