import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "../arena.ts";
import type { Call } from "../effects.ts";
import { Flood, type Accepted, type Submission } from "../flood.ts";
import { TOGETHER } from "../processes.ts";
import type { Finding, Injection } from "./injection.ts";

const IN_LINE = 3000;
const OTHERS = 3000;
const CLIENTS = 32;
const EFFECTS = 2;
/** Runs by which a turn is measured, at the beginning and at the end of the queue, with nothing else to do. */
const MEASURED = 200;
/** A turn with the whole queue behind it may take so many times one with hardly any. */
const DEARER = 3;
const DONE_MS = 300_000;
const KEY = "line-";

/** Thousands of runs wait for one key, and as many have a key of their own. */
export const longLine: Injection = {
  id: "F59",
  title: `${IN_LINE} runs of one concurrency key of limit 1, and ${OTHERS} of as many keys`,
  holds: "one at a time, in the order of their submission; a turn costs the same however long the queue is",
  needs: { roles: TOGETHER, transports: ["postgres"], open: 0 },
  seconds: 120,
  quick: false,
  async inject(arena) {
    const accepted = await submit(arena, runsOf(IN_LINE, KEY, "one"));
    const begun = lineCalls(arena).length;
    const long = begun + MEASURED * EFFECTS;
    await untilFelt(arena, long);
    await submit(arena, runsOf(OTHERS, "own-", null));
    await untilFelt(arena, IN_LINE * EFFECTS);
    return () => judged(arena, accepted, { begun, long });
  },
};

async function submit(arena: Arena, runs: readonly Submission[]): Promise<ReadonlyMap<string, Accepted>> {
  const flood = await Flood.open(arena.fleet.urls[0]!, CLIENTS, arena.load);
  return flood.all(runs, CLIENTS).finally(() => flood.close());
}

function runsOf(count: number, prefix: string, key: string | null): readonly Submission[] {
  return Array.from({ length: count }, (_, at) => ({
    id: `${prefix}${at}`,
    workflow: "turn",
    inputs: { key: key ?? `key-${at}` },
  }));
}

const runOf = ({ key }: Call): string => key.slice(0, key.indexOf("/"));

function lineCalls(arena: Arena): readonly Call[] {
  return arena.effects.calls.filter(({ key }) => key.startsWith(KEY));
}

async function untilFelt(arena: Arena, calls: number): Promise<void> {
  for (const until = performance.now() + DONE_MS; lineCalls(arena).length < calls; await sleep(100))
    if (performance.now() > until) throw new Error(`the queue stands still at ${lineCalls(arena).length} effects`);
}

function judged(
  arena: Arena,
  accepted: ReadonlyMap<string, Accepted>,
  { begun, long }: { readonly begun: number; readonly long: number },
): Finding {
  const calls = lineCalls(arena);
  const turns = calls.filter((_, at) => at % EFFECTS === 0).map(runOf);
  const mixed = calls.filter((call, at) => runOf(call) !== turns[Math.floor(at / EFFECTS)]).length;
  const each = (from: number, to: number): number =>
    ((calls[to - 1]?.at ?? 0) - (calls[from]?.at ?? 0)) / ((to - from) / EFFECTS);
  const first = each(begun, long);
  const last = each(calls.length - MEASURED * EFFECTS, calls.length);
  const early = overtaken(turns, accepted);
  return {
    figures: {
      "in line when it was measured first": IN_LINE - Math.round(long / EFFECTS),
      "ms a turn then": first.toFixed(1),
      "ms a turn at the end": last.toFixed(1),
    },
    failures: [
      ...(mixed > 0 ? [`${mixed} effects came while another run had the place`] : []),
      ...(early > 0 ? [`${early} runs were overtaken by one that was submitted after their answer`] : []),
      ...(begun > (IN_LINE * EFFECTS) / 2 ? [`half of the queue was done when it was measured first`] : []),
      ...(first > DEARER * last
        ? [`a turn took ${first.toFixed(1)} ms with a long queue, ${last.toFixed(1)} ms without`]
        : []),
    ],
  };
}

/** Runs that were answered before another was sent, and had their turn behind it. */
function overtaken(turns: readonly string[], accepted: ReadonlyMap<string, Accepted>): number {
  let [latestSent, count] = [0, 0];
  for (const run of turns) {
    const { sentAt, answeredAt } = accepted.get(run)!;
    if (answeredAt < latestSent) count += 1;
    latestSent = Math.max(latestSent, sentAt);
  }
  return count;
}
