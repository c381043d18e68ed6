import type { Priority } from "@weftwork/core";
import { CALM } from "../limits/pressure.ts";
import { Overload, type OverloadOptions, type ProcessSignals, type Refusal } from "./overload.ts";

/** What the surroundings of an engine tell of themselves, and do, so that it does not take more than it can do. */
export interface EngineOverload {
  /** How the process is doing since the last time it was asked. */
  readonly process: () => ProcessSignals;
  /** The pools of this process, and how long the oldest task of each has waited. */
  readonly pools: () => readonly {
    readonly active: number;
    readonly waiting: number;
    readonly concurrency: number;
    readonly oldestMs: number;
    readonly isPaused: boolean;
  }[];
  /** Begins no tasks of these classes for now. */
  readonly hold: (classes: readonly Priority[]) => void;
  /** Open runs of the tenant at most. */
  readonly backlogMax: number;
  /** Whether new work is refused under pressure. */
  readonly sheds: boolean;
  readonly refused: (priority: Priority | "unread", reason: Refusal) => void;
}

/** What the engine itself knows. */
type Within = Pick<OverloadOptions, "journal" | "clock" | "tenant" | "runsMax" | "runsHere"> & {
  /** How long a decision waits until it is stored. */
  readonly flushWaitMs: () => number;
};

/** The overload control of an engine. Without surroundings it only counts the runs here. */
export function overloadOf(around: EngineOverload | null, { flushWaitMs, ...within }: Within): Overload {
  return new Overload({
    ...within,
    tasksWaiting: () => (around?.pools() ?? []).reduce((sum, { waiting }) => sum + waiting, 0),
    signals: () => (around ? signalsOf(around, flushWaitMs()) : { ...CALM, load: 0 }),
    backlogMax: around?.backlogMax ?? Infinity,
    sheds: around?.sheds ?? false,
    hold: (classes) => around?.hold(classes),
    refused: (priority, reason) => around?.refused(priority, reason),
    random: Math.random,
  });
}

function signalsOf({ process, pools }: EngineOverload, flushWaitMs: number): ReturnType<OverloadOptions["signals"]> {
  // Only where there is a place: what waits for one that others take is a backlog, and says nothing of this process.
  const late = pools().filter(({ active, concurrency, isPaused }) => active < concurrency && !isPaused);
  const poolWaitMs = Math.max(0, ...late.map(({ oldestMs }) => oldestMs));
  return { ...process(), flushWaitMs, poolWaitMs, readyAgeMs: Math.max(flushWaitMs, poolWaitMs) };
}
