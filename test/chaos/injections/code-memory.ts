import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import type { Failing } from "../evidence.ts";
import { peakRssMb, tooLarge } from "../memory.ts";
import { APART } from "../processes.ts";
import { endOf, submitFailing } from "./doomed.ts";
import type { Finding, Injection } from "./injection.ts";

const ENDED_MS = 150_000;
/** Two interpreters of JavaScript in the process of the worker, up to their limit, and what the rest may add. */
const GROWTH_MB_MAX = 640;
/** A process of an interpreter that has more is taken for the one with the code that does not end. */
const KILL_ABOVE_MB = 300;

const ATTEMPTS = 2;
/** Interpreters of Python start slowly on a busy machine, and that counts. */
const TIMEOUT = "2m";
const RETRY = { attempts: ATTEMPTS, initial: "200ms", max: "200ms", on: ["CODE_STOPPED"] };
const STOPPED = "CODE_STOPPED";

const JAVASCRIPT = "function main() { const all = []; for (;;) all.push(new Array(100000).fill(all.length)); }";
const PYTHON = "def main(input):\n  all = []\n  while True: all.append(bytearray(1000000))";
/** Stays below its limit, and does not end. */
const LARGE = "def main(input):\n  all = bytearray(150000000)\n  while True: pass";

/** What is run of each, and how it must end. */
const DOOMED: Readonly<Record<string, Failing>> = {
  "javascript-once": { code: STOPPED, attempts: 1 },
  "javascript-again": { code: STOPPED, attempts: ATTEMPTS },
  "python-again": { code: STOPPED, attempts: ATTEMPTS },
};
const KILLED: Readonly<Record<string, Failing>> = { "python-killed": { code: STOPPED, attempts: 1 } };

function workflows(): Readonly<Record<string, string>> {
  const one = (name: string, step: object): string => JSON.stringify({ name, steps: [{ id: "eat", ...step }] });
  const [javascript, python] = [
    { type: "javascript", code: JAVASCRIPT },
    { type: "python_script", code: PYTHON, timeout: TIMEOUT },
  ];
  return {
    "javascript-once": one("javascript-once", javascript),
    "javascript-again": one("javascript-again", { ...javascript, retry: RETRY }),
    "python-again": one("python-again", { ...python, retry: RETRY }),
    "python-killed": one("python-killed", { ...python, code: LARGE }),
  };
}

/** Code of workflows that takes all memory, beside other runs in the same worker. */
export const hungryCode: Injection = {
  id: "F6",
  title: "code in JavaScript and in Python that takes memory to its limit, and an interpreter killed for its memory",
  holds: "each step fails for it, as often as its retry rule says; nothing else is felt (I1-I6, I12)",
  needs: {
    roles: APART.map((role) =>
      role.name === "worker-1" ? { ...role, args: ["worker", "--pools", "default,code"] } : role,
    ),
    transports: ["postgres"],
    open: 20,
    workflows,
  },
  seconds: 40,
  quick: false,
  async inject(arena) {
    await sleep(2000);
    const worker = arena.fleet.named("worker-1")[0]!;
    const pid = worker.pid!;
    const before = peakRssMb(pid) ?? 0;
    const began = performance.now();
    await submitFailing(arena, DOOMED);
    await endOf(arena, DOOMED, ENDED_MS);
    const seconds = (performance.now() - began) / 1000;
    const after = peakRssMb(pid) ?? 0;
    await submitFailing(arena, KILLED);
    const kills = await killLarge(arena, pid);
    const growth = { "the worker, more than before,": after - before };
    const isTheSame = worker.pid === pid;
    return () =>
      ({
        figures: {
          "seconds until all had failed": seconds.toFixed(1),
          "interpreters killed": kills,
          "peak memory of the worker before and after, MB": `${before} and ${after}`,
        },
        failures: [
          ...(isTheSame ? [] : ["the worker ended"]),
          ...(kills === 1 ? [] : [`${kills} interpreters were killed for their memory`]),
          ...tooLarge(growth, GROWTH_MB_MAX),
        ],
      }) satisfies Finding;
  },
};

/** Does what a system does that has no memory left. Answers how many it has killed when the runs have ended. */
async function killLarge(arena: Arena, worker: number): Promise<number> {
  const killed = new Set<number>();
  const over = new AbortController();
  const watching = (async () => {
    for (; !over.signal.aborted; await sleep(50))
      for (const pid of interpretersOf(worker)) {
        if (killed.has(pid) || (peakRssMb(pid) ?? 0) < KILL_ABOVE_MB) continue;
        killed.add(pid);
        process.kill(pid, "SIGKILL");
      }
  })();
  try {
    await endOf(arena, KILLED, ENDED_MS);
  } finally {
    over.abort();
    await watching;
  }
  return killed.size;
}

/** The processes with an interpreter that the worker has started. */
function interpretersOf(worker: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        return Number(parent) === worker && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("python-child");
      } catch {
        // It has ended meanwhile.
        return false;
      }
    });
}
