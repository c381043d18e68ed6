import { AppError, failureOf, type DispatchTask, type TaskOutcome } from "@weftwork/core";
import { encodeInput } from "../runtime/inbox.ts";
import type { TaskHolders } from "../tasks/task-holders.ts";
import type { TakenTask, TaskName, TaskStore } from "../tasks/task-store.ts";
import { moveOut, type MoveOutOptions } from "../worker/move-out.ts";
import { Attempt, type AttemptOptions } from "./attempt.ts";

export interface ReportsOptions extends AttemptOptions, MoveOutOptions {
  readonly store: TaskStore;
  readonly holders: TaskHolders;
  /** A result waits in the inbox of a run that may be held by this process. */
  readonly reported: () => void;
  readonly problem: (message: string, runId: string, error: unknown) => void;
}

/** Tells runs what became of the tasks that own workers hold. */
export class Reports {
  private readonly options: ReportsOptions;

  constructor(options: ReportsOptions) {
    this.options = options;
  }

  /** False: the task is not the holder's any more. */
  async report(
    holder: number,
    { tenant, runKey, task }: TakenTask,
    { scope, node, attempt }: DispatchTask,
    outcome: TaskOutcome,
  ): Promise<boolean> {
    if (outcome.type === "completed") await moveOut(tenant, outcome.output, this.options);
    const input = encodeInput({ type: "task_reported", scope, node, attempt, outcome });
    const [answer] = await this.options.store.report(holder, [{ runKey, task, input }]);
    if (answer === "reported") this.options.reported();
    return answer === "reported";
  }

  /** The step's time is over. */
  async timeOut(holder: number, at: TaskName): Promise<void> {
    const [taken] = await this.options.holders.read(holder, [at]);
    if (!taken) return;
    try {
      const { command, node } = await Attempt.read(taken, this.options);
      await this.report(holder, taken, command, failed("STEP_TIMEOUT", { timeoutMs: node.timeoutMs }));
    } catch (error) {
      // Others of the worker's tasks are as well as before: the next heartbeat tries again.
      this.options.problem("a task whose time is over could not be ended", taken.runId, error);
    }
  }
}

export function failed(...error: ConstructorParameters<typeof AppError>): TaskOutcome {
  return { type: "failed", failure: failureOf(new AppError(...error)) };
}
