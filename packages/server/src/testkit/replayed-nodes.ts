import type { NodeExecutor, NodeTask, Outcome } from "../nodes/node.ts";
import type { RecordedOutcome } from "./recorded-run.ts";
import type { SkippingClock } from "./skipping-clock.ts";

export interface ReplayedNodesOptions {
  readonly outcomes: ReadonlyMap<string, RecordedOutcome>;
  readonly clock: SkippingClock;
  /** Whether this step is really done, as `id` or `scope/id`. */
  readonly isLive: (task: NodeTask) => boolean;
  /** How a step was done. */
  readonly did: (how: "computed" | "recorded" | "live", task: NodeTask) => void;
  /** The run came to a step of which nothing is recorded. */
  readonly missing: (task: NodeTask) => void;
}

/** Types that count as pure and still need what is not in an export: an image, a file. */
const ELSEWHERE: ReadonlySet<string> = new Set(["container", "document", "worker"]);
/** What an attempt ended with because of where and when it ran. */
const BY_CHANCE: ReadonlySet<string> = new Set([
  "STEP_TIMEOUT",
  "OUTCOME_UNKNOWN",
  "NODE_NOT_AVAILABLE",
  "CODE_STOPPED",
]);

/**
 * The executors of a process in which a recorded run happens again: what needs nobody outside is computed anew, all else
 * ends with what is recorded of it, at the time at which it did.
 */
export function replayedNodes(executors: readonly NodeExecutor[], options: ReplayedNodesOptions): NodeExecutor[] {
  const { outcomes, clock, isLive, did, missing } = options;
  return executors.map((executor): NodeExecutor => {
    const { type, version, effect, pool, timeoutMs, secretFields } = executor;
    const waited = (task: NodeTask, how: "computed" | "live"): Outcome | Promise<Outcome> => {
      did(how, task);
      const outcome = executor.execute(task);
      if (!(outcome instanceof Promise)) return outcome;
      const end = clock.begin();
      return outcome.finally(end);
    };
    return {
      type,
      version,
      effect,
      pool,
      timeoutMs,
      ...(secretFields ? { secretFields } : {}),
      execute(task) {
        if (isLive(task)) return waited(task, "live");
        const recorded = outcomes.get(`${task.scope}/${task.node}#${task.attempt}`);
        const isOutside = effect !== "pure" || ELSEWHERE.has(type) || Object.hasOwn(task.config, "image");
        if (!isOutside && !(recorded?.outcome.type === "failed" && BY_CHANCE.has(recorded.outcome.failure.code)))
          return waited(task, "computed");
        if (recorded) {
          did("recorded", task);
          return at(clock, recorded, task.signal);
        }
        // It was under way when the run ended; or the run goes another way than it did.
        missing(task);
        return new Promise<Outcome>((resolve) => {
          const end = (): void => resolve({ type: "completed", output: null });
          task.signal.addEventListener("abort", end, { once: true });
        });
      },
      ...(executor.close ? { close: () => executor.close!() } : {}),
    };
  });
}

function at(
  clock: SkippingClock,
  { at: time, outcome }: RecordedOutcome,
  signal: AbortSignal,
): Outcome | Promise<Outcome> {
  const ms = time - clock.now();
  if (ms <= 0) return outcome;
  const end = clock.begin();
  return clock
    .sleep(ms, signal)
    .then(() => outcome)
    .finally(end);
}
