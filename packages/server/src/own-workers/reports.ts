import { createHash } from "node:crypto";
import { AppError, failureOf, type DispatchTask, type Payload, type TaskOutcome } from "@weftwork/core";
import { encodeInput } from "../runtime/inbox.ts";
import type { TaskHolders } from "../tasks/task-holders.ts";
import type { TakenTask, TaskName, TaskStore } from "../tasks/task-store.ts";
import { Attempt, type AttemptOptions } from "./attempt.ts";

export interface ReportsOptions extends AttemptOptions {
  readonly store: TaskStore;
  readonly holders: TaskHolders;
  /** Stores large results by their hash, where every process can read them. */
  readonly putObject: (tenant: string, hash: string, bytes: Uint8Array) => Promise<void>;
  /** Results from this size on go there. */
  readonly objectBytesMin: number;
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
    if (outcome.type === "completed") await this.moveOut(tenant, outcome.output);
    const input = encodeInput({ type: "task_reported", scope, node, attempt, outcome });
    const [answer] = await this.options.store.report(holder, [{ runKey, task, input }]);
    if (answer === "reported") this.options.reported();
    return answer === "reported";
  }

  private async moveOut(tenant: string, output: Payload): Promise<void> {
    const { objectBytesMin, putObject } = this.options;
    if (output.reference || output.size < objectBytesMin / 4) return;
    const bytes = Buffer.from(output.storable());
    if (bytes.length < objectBytesMin) return;
    const hash = createHash("sha256").update(bytes).digest("hex");
    await putObject(tenant, hash, bytes);
    output.storedAs(hash, bytes.length);
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
