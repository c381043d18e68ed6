import { failureOf, type TaskOutcome } from "@weftwork/core";
import type { Json } from "@weftwork/core";
import type { Live } from "../live/live.ts";
import { spread, type Clock } from "../runtime/clock.ts";
import type { PostedTask, TaskName, TaskStore } from "../tasks/task-store.ts";
import type { Transport } from "../transport/transport.ts";
import { postedOf, ticketOf, type GivenTask } from "./given-task.ts";

export interface TaskPostsOptions {
  readonly store: Pick<TaskStore, "post" | "withdraw">;
  readonly transport: Pick<Transport, "publish">;
  readonly clock: Clock;
  readonly signals: Live<Json>;
  /** The key of this process among the workers of the store, as it is now. */
  readonly owner: () => number;
  readonly isWanted: (task: GivenTask) => boolean;
  /** An unwanted one has given its place back. */
  readonly forget: (task: GivenTask) => void;
  /** One that is not put up after all fails. */
  readonly failed: (task: GivenTask, outcome: TaskOutcome) => void;
  readonly problem: (message: string, error: unknown) => void;
}

const RETRY_MS = 100;
/** Short enough for a worker that waits for its task to be put up (`STANDS_WITHIN_MS`). */
const RETRY_MS_MAX = 2000;
const POST_MAX = 256;
const WITHDRAW_MAX = 500;
/** Channel on which all hear of tasks that are no longer wanted. */
export const ABORTS = "aborts";

/** Puts tasks up in the store, many at a time, tells of them by tickets, and takes back what is no longer wanted. */
export class TaskPosts {
  private readonly options: TaskPostsOptions;
  private posting: GivenTask[] = [];
  private withdrawn: (TaskName & { readonly epoch: number })[] = [];
  private working: Promise<void> | null = null;
  private withdrawing = false;
  private closed = false;

  constructor(options: TaskPostsOptions) {
    this.options = options;
  }

  /** Puts a task up, soon. Where the store does not answer it is tried again. */
  add(task: GivenTask): void {
    task.stage = "posting";
    this.posting.push(task);
    if (this.working === null) this.start();
  }

  /** Withdraws a task. Where its run has only left this process it stays for the next owner, unless its result is recorded. */
  takeBack({ run, command }: GivenTask): void {
    const isRecorded = run.leftAsRecorded && !run.state.owed.has(command.id);
    if (run.gone && !run.endRecorded && !isRecorded) return;
    this.withdrawn.push({ runKey: run.key, task: command.id, epoch: run.epoch });
    if (this.withdrawing) return;
    this.withdrawing = true;
    this.options.clock.soon(() => void this.withdraw());
  }

  /** Resolves when all that was added stands. */
  async settled(): Promise<void> {
    while (this.working !== null) await this.working;
  }

  close(): void {
    this.closed = true;
  }

  private start(): void {
    this.working = new Promise((resolve) => {
      this.options.clock.soon(async () => {
        await this.postAll();
        this.working = null;
        // Added since the last look.
        if (this.posting.length > 0 && !this.closed) this.start();
        resolve();
      });
    });
  }

  private async postAll(): Promise<void> {
    const { store, clock, problem, owner, isWanted } = this.options;
    for (let delay = RETRY_MS; this.posting.length > 0 && !this.closed;) {
      const [batch, posted] = this.encoded(this.posting.splice(0, POST_MAX));
      if (posted.length === 0) continue;
      try {
        await store.post(owner(), posted);
        delay = RETRY_MS;
      } catch (error) {
        problem("tasks for other processes could not be put up; trying again", error);
        // It may have been done, and the answer lost.
        for (const task of batch) task.again = true;
        this.posting.unshift(...batch);
        await this.pause(delay);
        delay = Math.min(delay * 2, RETRY_MS_MAX);
        continue;
      }
      const now = clock.monotonic();
      for (const task of batch) {
        task.stage = "posted";
        task.seenAt = now;
      }
      // No longer wanted since it was put up.
      for (const task of batch) if (!isWanted(task)) this.takeBack(task);
      this.tell(posted.filter(({ holder }, at) => holder === undefined && isWanted(batch[at]!)));
    }
  }

  /** Whoever misses the ticket finds the task: the store names it again. */
  private tell(posted: readonly PostedTask[]): void {
    if (posted.length === 0) return;
    const { transport, problem } = this.options;
    transport.publish(posted.map((task) => ticketOf(task))).catch((error: unknown) => {
      problem("tickets could not be handed over; they are published again", error);
    });
  }

  /** Again until the store has answered: an unwanted task that stays there would be done. */
  private async withdraw(): Promise<void> {
    const { store, signals, problem } = this.options;
    for (let delay = RETRY_MS; this.withdrawn.length > 0; delay = Math.min(delay * 2, RETRY_MS_MAX)) {
      const tasks = this.withdrawn.slice(0, WITHDRAW_MAX);
      try {
        await store.withdraw(tasks);
        this.withdrawn.splice(0, tasks.length);
        delay = RETRY_MS / 2;
        // Their holders look when they hear of it, and find that they hold them no more.
        signals.publish(
          ABORTS,
          tasks.map(({ runKey, task }) => [runKey, task]),
        );
      } catch (error) {
        if (this.closed) break;
        problem("tasks could not be withdrawn; trying again", error);
        await this.pause(delay);
      }
    }
    this.withdrawing = false;
  }

  /** Tasks as the store takes them. One that cannot be written down fails by the rules of its step. */
  private encoded(tasks: readonly GivenTask[]): readonly [GivenTask[], PostedTask[]] {
    const { isWanted, forget, failed } = this.options;
    const [batch, posted]: [GivenTask[], PostedTask[]] = [[], []];
    for (const task of tasks) {
      if (!isWanted(task)) {
        // The answer to an earlier try may have been lost: then it stands.
        if (task.again) this.takeBack(task);
        forget(task);
        continue;
      }
      try {
        posted.push(postedOf(task));
        batch.push(task);
      } catch (error) {
        failed(task, { type: "failed", failure: failureOf(error, "STEP_FAILED") });
      }
    }
    return [batch, posted];
  }

  private pause(ms: number): Promise<void> {
    const { clock } = this.options;
    return new Promise((resolve) => void clock.after(spread(clock, ms), resolve));
  }
}
