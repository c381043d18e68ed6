import { AppError, failureOf, type TaskOutcome } from "@weftwork/core";
import { spread, type Clock } from "../runtime/clock.ts";
import type { TaskStore } from "../tasks/task-store.ts";
import { nameOf } from "./foreign-task.ts";
import { keyOf, type GivenTask } from "./given-task.ts";

export interface PostedLooksOptions {
  readonly store: Pick<TaskStore, "present" | "expire">;
  readonly clock: Clock;
  /** How long a task may wait for a worker of its pool, in milliseconds; null: as long as it takes. */
  readonly queueMsMax: number | null;
  /** What was given to others, by key. */
  readonly given: ReadonlyMap<string, GivenTask>;
  readonly isWanted: (task: GivenTask) => boolean;
  /** An unwanted one has given its place back. */
  readonly forget: (task: GivenTask) => void;
  /** One that the store has lost is to be put up again. */
  readonly again: (task: GivenTask) => void;
  readonly failed: (task: GivenTask, outcome: TaskOutcome) => void;
  readonly problem: (message: string, error: unknown) => void;
}

/** Between two looks whether what was put up is still there. */
const LOOK_MS = 10_000;
const LOOK_MS_MIN = 250;
const LOOK_MAX = 1000;

/**
 * Looks whether what was put up still stands, and whether it has waited for too long.
 *
 * D3. A task that must not be done twice and is missing from the store without a result has an unknown outcome.
 */
export class PostedLooks {
  private readonly options: PostedLooksOptions;
  /** Where tasks may wait for a short time only, that is looked at sooner. */
  private readonly everyMs: number;
  /** Null while there is nothing to look after. */
  private cancel: (() => void) | null = null;
  private closed = false;

  constructor(options: PostedLooksOptions) {
    this.options = options;
    this.everyMs = Math.min(LOOK_MS, Math.max(LOOK_MS_MIN, (options.queueMsMax ?? Infinity) / 4));
  }

  /** Looks from now on, for as long as something is given to others. */
  start(): void {
    this.cancel ??= this.later();
  }

  close(): void {
    this.closed = true;
    this.cancel?.();
  }

  private later(): () => void {
    const { clock } = this.options;
    return clock.after(spread(clock, this.everyMs), () => void this.look());
  }

  private async look(): Promise<void> {
    const { clock, problem, given } = this.options;
    const before = clock.monotonic() - LOOK_MS;
    const old = [...given.values()].filter(({ stage, seenAt }) => stage === "posted" && seenAt <= before);
    try {
      for (let at = 0; at < old.length && !this.closed; at += LOOK_MAX)
        await this.compare(old.slice(at, at + LOOK_MAX));
      await this.endOverdue();
    } catch (error) {
      problem("the store of tasks does not answer", error);
    }
    this.cancel = this.closed || given.size === 0 ? null : this.later();
  }

  private async compare(tasks: readonly GivenTask[]): Promise<void> {
    const { store, clock, isWanted, forget } = this.options;
    const names = tasks.map(({ run, command }) => ({ runKey: run.key, task: command.id }));
    const standing = new Set((await store.present(names)).map(nameOf));
    const now = clock.monotonic();
    for (const task of tasks) {
      if (!isWanted(task)) {
        forget(task);
        continue;
      }
      task.seenAt = now;
      if (standing.has(keyOf(task.run, task.command.id))) task.missed = 0;
      else this.miss(task);
    }
  }

  /** Its result may be on its way: only what is missing twice is taken for lost. */
  private miss(task: GivenTask): void {
    task.missed += 1;
    if (task.missed < 2) return;
    task.missed = 0;
    if (task.command.started) this.options.failed(task, failed(new AppError("OUTCOME_UNKNOWN")));
    else this.options.again(task);
  }

  /** What nobody has begun for too long is taken away first: who took it meanwhile does it. */
  private async endOverdue(): Promise<void> {
    const { queueMsMax: limit, clock, given, store, isWanted } = this.options;
    if (limit === null) return;
    const now = clock.monotonic();
    const overdue = [...given.values()].filter((task) => now - task.at >= limit && isWanted(task));
    const standing = overdue.filter(({ stage }) => stage === "posted");
    const names = standing.map(({ run, command }) => ({ runKey: run.key, task: command.id }));
    const expired = new Set((await store.expire(names)).map(nameOf));
    for (const task of overdue) {
      const { run, command, pool, stage } = task;
      if (!isWanted(task) || (stage !== "waiting" && !expired.has(keyOf(run, command.id)))) continue;
      const details = { pool: pool.name, waitedMs: Math.round(now - task.at) };
      this.options.failed(task, failed(new AppError("QUEUE_TIMEOUT", details)));
    }
  }
}

function failed(error: AppError): TaskOutcome {
  return { type: "failed", failure: failureOf(error) };
}
