import { Arena } from "./arena.ts";
import type { Injection } from "./injections/index.ts";
import type { Outcome } from "./report.ts";
import type { TransportName } from "./services.ts";

const LATENCY_SHARE = 0.99;

/** One injection over one transport, from the start of its services to the verdict. */
export async function runScenario(
  row: Injection,
  transport: TransportName,
  seed: number,
  seconds: number,
  opened: (arena: Arena | null) => void,
): Promise<Outcome> {
  const began = performance.now();
  const { roles, open, mix, env, pooler = false, workflows } = row.needs;
  const { recoveryMs } = row;
  const arena = await Arena.open({
    transport,
    roles,
    seed,
    open,
    pooler,
    ...(mix ? { mix } : {}),
    ...(env ? { env } : {}),
    ...(workflows ? { workflows } : {}),
    ...(recoveryMs === undefined ? {} : { recoveryMs }),
  });
  opened(arena);
  try {
    await arena.start();
    arena.load.start();
    const judged = await row.inject(arena, seconds);
    const { settled, ms: settleMs } = await arena.settle();
    const { violations, figures } = await arena.judge();
    const { figures: notes, failures } = judged();
    const { load, fleet, hits } = arena;
    const waits = load.answerMs.toSorted((a, b) => a - b);
    return {
      id: row.id,
      title: row.title,
      holds: row.holds,
      transport,
      seconds: (performance.now() - began) / 1000,
      faults: countBy(arena.faults.map(({ kind }) => kind)),
      hits: hits.length,
      accepted: load.accepted.length,
      settleMs,
      figures,
      notes: {
        ...notes,
        // Rows that send a flood of their own have no other clients.
        ...(waits.length === 0
          ? {}
          : { "p99 of answers, ms": Math.round(waits[Math.floor(waits.length * LATENCY_SHARE)]!) }),
      },
      failures: [
        ...failures,
        ...(settled ? [] : [`after ${Math.round(settleMs / 1000)} s something was still open or held`]),
        ...(load.accepted.length === 0 ? ["no run was accepted"] : []),
        ...load.wrong,
        ...fleet.deaths,
      ],
      violations,
    };
  } finally {
    opened(null);
    await arena.remove();
  }
}

function countBy(words: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...Map.groupBy(words, (word) => word)].map(([word, all]) => [word, all.length]));
}
