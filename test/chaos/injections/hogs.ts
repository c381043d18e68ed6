import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Arena } from "../arena.ts";
import { APART, TOGETHER, type Role } from "../processes.ts";
import { post } from "../workflows.ts";
import { endOf, submitFailing, unseen, type Doomed } from "./doomed.ts";
import type { Finding, Injection } from "./injection.ts";

const PROGRAM = fileURLToPath(new URL("../own-process.ts", import.meta.url));
/** Of a process that does the step, in MB: enough for the engine, and soon full. */
const HEAP_MB = 192;
const SMALL = {
  env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` },
  falls: "JavaScript heap out of memory",
};
/** Five processes that are lost with it, each for a lease, and what a busy machine adds. */
const ENDED_MS = 180_000;
/** Crashes of owners with a run, and of workers with a step, after which it is set aside. */
const CRASHES = 5;

const ALL = ["--pools", "all", "--own"];

const OWN_APART: readonly Role[] = APART.map((role) => {
  const { name, args, api } = role;
  const own = { ...role, program: PROGRAM, args: api ? [] : args.slice(1) };
  return name.startsWith("worker-") ? { ...own, ...SMALL } : own;
});
const OWN_TOGETHER: readonly Role[] = TOGETHER.map((role) => ({ ...role, program: PROGRAM, args: ALL, ...SMALL }));

/** An effect, the step that takes all memory, and one that is never reached. */
function hogged(name: string, url: string, step: object): string {
  const hog = { id: "hog", type: "hog", depends_on: "s0", ...step };
  return JSON.stringify({ name, steps: [post("s0", url, null), hog, { ...post("s1", url, "s0"), depends_on: "hog" }] });
}

async function feedHogs(arena: Arena, doomed: Doomed): Promise<() => Finding> {
  await sleep(3000);
  const began = performance.now();
  const before = arena.effects.calls.length;
  await submitFailing(arena, doomed);
  await endOf(arena, doomed, ENDED_MS);
  const seconds = (performance.now() - began) / 1000;
  const { length: falls } = arena.faults;
  const callsMeanwhile = arena.effects.calls.length - before;
  await Promise.all(arena.fleet.members.map((member) => member.untilReady()));
  const hidden = await unseen(arena, doomed);
  const runs = Object.keys(doomed).length;
  // One more for each, where two fell over the same one.
  const most = runs * (CRASHES + 1);
  return () => ({
    figures: {
      "processes without memory": falls,
      "seconds until the runs were set aside": seconds.toFixed(1),
      "calls meanwhile": callsMeanwhile,
    },
    failures: [
      ...(falls < CRASHES ? [`only ${falls} processes fell`] : []),
      ...(arena.faults.length > most ? [`${arena.faults.length} processes fell for ${runs} runs`] : []),
      ...(callsMeanwhile === 0 ? ["nothing was done meanwhile"] : []),
      ...hidden.map((id) => `${id} is not among the dead letters`),
    ],
  });
}

const APART_RUNS: Doomed = {
  "hog-default": { code: "STEP_QUARANTINED", attempts: 1 },
  "hog-retried": { code: "STEP_QUARANTINED", attempts: 1 },
};

/** A step of a node of one's own takes all memory of whichever worker does it. */
export const hogsApart: Injection = {
  id: "F6",
  title: `steps that take all memory of their worker (a heap of ${HEAP_MB} MB), again and again`,
  holds: "I1-I6, I12, I13 for all other runs; after 5 workers the step is not begun again",
  needs: {
    roles: OWN_APART,
    transports: ["postgres"],
    open: 20,
    workflows: (url) => ({
      "hog-default": hogged("hog-default", url, {}),
      "hog-retried": hogged("hog-retried", url, { retry: { attempts: 10 } }),
    }),
  },
  seconds: 110,
  quick: false,
  inject: (arena) => feedHogs(arena, APART_RUNS),
};

const TOGETHER_RUNS: Doomed = { hog: { code: "RUN_QUARANTINED", attempts: 0 } };

/** The same where the process that does the step holds the run as well, and all runs beside it. */
export const hogTogether: Injection = {
  id: "F6",
  title: `a step that takes all memory of the server that holds its run (a heap of ${HEAP_MB} MB), again and again`,
  holds: "I1-I6, I12, I13 for all other runs; after 5 owners the run is set aside (F8)",
  needs: {
    roles: OWN_TOGETHER,
    transports: ["postgres"],
    open: 20,
    workflows: (url) => ({ hog: hogged("hog", url, {}) }),
  },
  seconds: 110,
  quick: false,
  inject: (arena) => feedHogs(arena, TOGETHER_RUNS),
};
