import { setTimeout as sleep } from "node:timers/promises";
import { POLL_MS_MAX } from "../../../packages/server/src/runtime/claims.ts";
import type { Arena } from "../arena.ts";
import { APART } from "../processes.ts";
import type { Finding, Injection } from "./injection.ts";

/** Between two looks for tickets. */
const PEEK_MS = 2000;
/**
 * What is not heard is found by looking: an owner finds the run and a worker its first step, each at an interval that its
 * spread makes longer. The rest is what the work takes.
 */
const START_MS_MAX = POLL_MS_MAX * 1.5 + PEEK_MS * 1.2 + 600;
const QUIET_MS = 15_000;
const CUTS = 8;
/** The pooler's sessions, and beside them those of the test itself and of what is just ending. */
const SESSIONS_MAX = 20 + 6;

/**
 * All processes speak to the database by way of a pooler of transactions: their prepared statements are not known, their
 * settings are refused, nothing that is told is heard. Then its sessions are cut, and it is killed itself.
 */
export const throughPooler: Injection = {
  id: "F30",
  title: "PostgreSQL behind a pooler of transactions: nothing is heard; then its sessions are cut, and it is killed",
  holds: "I1-I6, I11; a run begins within the interval at which is looked",
  needs: { roles: APART, transports: ["postgres"], open: 6, pooler: true },
  seconds: 45,
  quick: false,
  async inject(arena) {
    // Processes that have just started find out first what there is.
    await sleep(3000);
    const from = Date.now();
    const sessions = await mostSessions(arena, QUIET_MS);
    const begins = beginsOf(arena, from, Date.now() - START_MS_MAX);
    let cut = 0;
    for (let times = 0; times < CUTS; times++) {
      await sleep(1500);
      const rows = await arena.fault("database", "sessions of the pooler cut", () =>
        arena.monitor.query(
          `select pg_terminate_backend(pid) from (
             select pid from pg_stat_activity where application_name like 'weft%' order by random() limit 4) as chosen`,
        ),
      );
      cut += rows.length;
    }
    await arena.fault("database", "the pooler killed", () => arena.services.pooler!.restart("kill"));
    await sleep(8000);
    return () => judged(sessions, begins, cut);
  },
};

/** The most sessions that the server had in this time. */
async function mostSessions(arena: Arena, forMs: number): Promise<number> {
  let most = 0;
  for (const until = performance.now() + forMs; performance.now() < until; await sleep(250)) {
    const [row] = await arena.monitor.query<{ all: number }>(
      "select count(*)::int4 as all from pg_stat_activity where backend_type = 'client backend'",
    );
    most = Math.max(most, row!.all);
  }
  return most;
}

/** Milliseconds from the answer to a submission to the first effect of its run. */
function beginsOf({ load, effects }: Arena, from: number, until: number): readonly number[] {
  const runs = load.accepted.filter(({ workflow, at }) => workflow === "chain" && at >= from && at <= until);
  const first = new Map<string, number>();
  for (const { key, at } of effects.calls) {
    const run = key.slice(0, key.indexOf("/"));
    if (!first.has(run)) first.set(run, at);
  }
  return runs.map(({ id, at }) => (first.get(id) ?? Date.now()) - at).toSorted((a, b) => a - b);
}

function judged(sessions: number, begins: readonly number[], cut: number): Finding {
  const failures: string[] = [];
  const [middle = 0, latest = 0] = [begins[begins.length >> 1], begins.at(-1)];
  if (begins.length === 0) failures.push("no run began while nothing else was wrong");
  else if (latest > START_MS_MAX) failures.push(`a run began ${latest} ms after it was accepted`);
  if (sessions > SESSIONS_MAX) failures.push(`the server had ${sessions} sessions: not all went through the pooler`);
  if (cut === 0) failures.push("no session was cut");
  return {
    figures: {
      "runs begun undisturbed": begins.length,
      "ms to the first effect, median": middle,
      most: latest,
      "sessions of the server": sessions,
      "sessions cut": cut,
    },
    failures,
  };
}
