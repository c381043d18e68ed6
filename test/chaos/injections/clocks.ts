import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Arena } from "../arena.ts";
import { APART } from "../processes.ts";
import type { Finding, Injection } from "./injection.ts";

const SKEW = fileURLToPath(new URL("../skew.ts", import.meta.url));
const TEN_MINUTES = 600_000;
const DRIFT_MS = 3000;
const KILLS = 3;
/** By how much the times in the journal may differ from those of the suite, whose clock is the database's. */
const EARLY_MS = 1000;

/** By turns ten minutes ahead and behind, and drifting the same way. */
const ROLES = APART.map((role, at) => {
  const sign = at % 2 === 0 ? 1 : -1;
  const env = {
    NODE_OPTIONS: `--import=${SKEW}`,
    CHAOS_CLOCK_MS: String(sign * TEN_MINUTES),
    CHAOS_DRIFT_MS: String(sign * DRIFT_MS),
  };
  return { ...role, env };
});

/** Processes whose clocks are wrong by ten minutes and drift; owners are killed, so timers change hands. */
export const clocks: Injection = {
  id: "F50",
  title: "clocks of all processes wrong by 10 minutes, by turns ahead and behind, and drifting; owners killed",
  holds: "I4, I11: leases and timers follow the database's clock and the monotonic one",
  needs: { roles: ROLES, transports: ["postgres"], open: 30, mix: { chain: 2, gate: 3 } },
  seconds: 30,
  quick: false,
  async inject(arena) {
    await sleep(6000);
    for (let kill = 0; kill < KILLS; kill++) {
      const [owner] = arena.fleet.named(`owner-${1 + (kill % 2)}`);
      await owner!.untilReady();
      await arena.kill(owner!);
      await sleep(6000);
    }
    return () => judged(arena);
  },
};

/** A timer of `gate` follows the signal; its second effect comes two seconds behind that, by a clock that is right. */
function judged(arena: Arena): Finding {
  const sent = new Map(arena.load.signals.map(({ run, at }) => [run, at]));
  const waits = arena.effects.calls.flatMap(({ key, at }) => {
    const [run, , step] = key.split(/[/#]/);
    const from = run !== undefined && step === "s1" ? sent.get(run) : undefined;
    return from === undefined ? [] : [at - from];
  });
  const least = Math.min(...waits);
  const figures = { "timers judged": waits.length, "least ms": Math.round(least), "most ms": Math.max(...waits) };
  const late = Math.max(...waits) > 2000 + 40_000 ? [`a timer of 2 s took ${Math.max(...waits)} ms`] : [];
  const early = least < 2000 - EARLY_MS ? [`a timer of 2 s took ${least} ms`] : [];
  return { figures, failures: waits.length === 0 ? ["no timer was judged"] : [...late, ...early] };
}
