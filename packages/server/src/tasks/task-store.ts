import type { Priority } from "@weftwork/core";
import type { Ticket } from "../transport/transport.ts";

/**
 * Tasks that other processes do: each stands here from when its owner has put it up until it was reported or withdrawn.
 * The journal stays the truth: what is lost here is put up again by the run's owner.
 *
 * K1. A task has one holder at a time. Taking is a compare-and-set.
 * K2. A result is accepted only from the present holder, while its lease holds; it becomes an input of the run and the
 *     task leaves in the same transaction. So at most one result of a task reaches its run.
 * K3. A task whose holder's lease has ended can be taken by others.
 * K4. Where several processes own runs, a task is taken only while the owner who put it up is the run's last one. The next
 *     one may do it itself and record it, even if it is of a version that knows nothing of tasks put up.
 */
export interface TaskStore {
  /** Puts tasks up, for runs that the owner holds with that epoch (others are passed over). Again is harmless. */
  post(owner: number, tasks: readonly PostedTask[]): Promise<void>;

  /** Takes these tasks for a holder. Those that are not there, or held by a live holder, are absent from the answer. */
  take(holder: number, names: readonly TaskName[]): Promise<readonly TakenTask[]>;

  /** Takes up to `limit` tasks of a pool that nobody holds: the most urgent first, within a class the oldest. */
  next(holder: number, pool: string, limit: number): Promise<readonly TakenTask[]>;

  /** One answer a result, in order. `stale`: the task is not (or no longer) the holder's, and nothing was written. */
  report(holder: number, results: readonly TaskResult[]): Promise<readonly ("reported" | "stale")[]>;

  /** Gives tasks back undone: no attempt is counted. Others can take them at once. */
  giveBack(holder: number, names: readonly TaskName[]): Promise<void>;

  /** The run no longer wants these: they leave, whoever holds them. Those put up under a newer epoch stay. */
  withdraw(names: readonly (TaskName & { readonly epoch: number })[]): Promise<void>;

  /** Takes away those of these that nobody holds; answers which. */
  expire(names: readonly TaskName[]): Promise<readonly TaskName[]>;

  /** All that a holder holds. */
  holding(holder: number): Promise<readonly TaskName[]>;

  /** Which of these the holder still holds. The others were withdrawn, or taken over. */
  held(holder: number, names: readonly TaskName[]): Promise<readonly TaskName[]>;

  /** Which of these stand here. The others were lost, and are put up again by their owner. */
  present(names: readonly TaskName[]): Promise<readonly TaskName[]>;

  /**
   * Frees the tasks of holders whose lease has ended, and names tasks that nobody holds and that were not told of for
   * `quietMs`: they are to be published again, and count as told of now. At most `limit`.
   */
  sweep(quietMs: number, limit: number): Promise<readonly Ticket[]>;

  /** The tasks of one run that stand here. */
  of(runKey: number): Promise<readonly StandingTask[]>;

  /** What waits and what is done in each pool. */
  depths(): Promise<readonly PoolDepth[]>;

  close(): Promise<void>;
}

export interface TaskName {
  readonly runKey: number;
  /** Id of the command in its run. */
  readonly task: string;
}

export interface PostedTask extends TaskName {
  readonly tenant: string;
  readonly runId: string;
  /** Of the owner that puts it up. */
  readonly epoch: number;
  readonly pool: string;
  readonly priority: Priority;
  /** It must not be done twice: that it was taken is durable. Left out: no. */
  readonly once?: boolean;
  /** It may have been put up before, and its result may be on its way: that is waited for. */
  readonly again?: boolean;
  /** A worker that does it already: it counts as taken by that one. Left out: nobody has it. */
  readonly holder?: number;
  /** Everything that doing the task needs, as text (see `encodeTask`). Opaque here. */
  readonly body: string;
}

export interface TakenTask extends PostedTask {
  /** The worker that put it up: where progress goes. */
  readonly owner: number;
  /** How often it was taken, this time included; giving back takes one off. Over 1: an earlier holder was lost. */
  readonly takes: number;
}

export interface StandingTask extends TaskName {
  readonly pool: string;
  /** Milliseconds since 1970. */
  readonly postedAt: number;
  readonly isHeld: boolean;
}

export interface TaskResult extends TaskName {
  /** The input that the run gets, as text of an inbox row. */
  readonly input: string;
}

export interface PoolDepth {
  readonly pool: string;
  readonly waiting: number;
  readonly held: number;
  /** Milliseconds since 1970: since when the oldest waits; null when none does. */
  readonly waitingSince: number | null;
}

/** The id under which a task's result waits in the inbox of its run. */
export function resultId(task: string): string {
  return `task:${task}`;
}
