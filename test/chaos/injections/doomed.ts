import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import type { Failing } from "../evidence.ts";
import { Flood } from "../flood.ts";

/** Runs that cannot succeed, each by the name of its workflow, and how each must end. */
export type Doomed = Readonly<Record<string, Failing>>;

/** Begins one run of each; how they must end is noted for the checker. */
export async function submitFailing(arena: Arena, doomed: Doomed): Promise<void> {
  const flood = await Flood.open(arena.fleet.urls[0]!, 1, arena.load);
  for (const [workflow, failing] of Object.entries(doomed)) arena.load.failing.set(idOf(workflow), failing);
  const submissions = Object.keys(doomed).map((workflow) => ({ id: idOf(workflow), workflow, inputs: {} }));
  await flood.all(submissions, 1).finally(() => flood.close());
}

/** Resolves when all have ended, however that was. */
export async function endOf({ monitor }: Arena, doomed: Doomed, withinMs: number): Promise<void> {
  const ids = Object.keys(doomed).map(idOf);
  for (const until = performance.now() + withinMs; ; await sleep(100)) {
    const open = await monitor.query<{ id: string; status: string }>(
      "select id, status from run where id = any($1) and finished_at is null",
      [ids],
    );
    if (open.length === 0) return;
    if (performance.now() > until)
      throw new Error(`after ${withinMs} ms ${open.map(({ id, status }) => `${id} is ${status}`).join(", ")}`);
  }
}

/** Which of them are not among the dead letters. */
export async function unseen({ fleet }: Arena, doomed: Doomed): Promise<readonly string[]> {
  const response = await fetch(`${fleet.urls[0]!}/api/dead-letters?limit=100`);
  const { data } = (await response.json()) as { readonly data: readonly { readonly id: string }[] };
  const seen = new Set(data.map(({ id }) => id));
  return Object.keys(doomed)
    .map(idOf)
    .filter((id) => !seen.has(id));
}

function idOf(workflow: string): string {
  return `doomed-${workflow}`;
}
