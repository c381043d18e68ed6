import type { Json, TaskOutcome } from "@weftwork/core";
import { Batch } from "../base/batch.ts";
import type { Live } from "../live/live.ts";
import type { TaskPart } from "../nodes/node.ts";
import type { Clock } from "../runtime/clock.ts";
import type { HotRun } from "../runtime/hot-run.ts";
import { encodeInput } from "../runtime/inbox.ts";
import type { Member } from "../runtime/member.ts";
import type { TakenTask, TaskResult, TaskStore } from "../tasks/task-store.ts";
import type { ForeignTask } from "./foreign-task.ts";
import type { TaskReported } from "./handover-wire.ts";
import { moveOut, type MoveOutOptions } from "./move-out.ts";
import { partsChannel } from "./remote-tasks.ts";

export interface TaskReportsOptions extends MoveOutOptions {
  readonly store: Pick<TaskStore, "report">;
  readonly clock: Clock;
  readonly member: Member;
  readonly signals: Live<Json>;
  /** Tells the owner that has handed the task over; true: it has the result. */
  readonly tellOwner: (task: TakenTask, input: TaskReported) => Promise<boolean>;
  readonly problem: (message: string, runId: string, error: unknown) => void;
}

interface Report {
  readonly holder: number;
  readonly result: TaskResult;
}

const REPORT_MAX = 64;
const RETRY_MS = 50;
const RETRY_MS_MAX = 2000;
/** An owner puts up in the store within this time what was handed over and not heard of. */
const STANDS_WITHIN_MS = 5000;
const PARTS_MS = 50;

/**
 * Tells what became of tasks of others.
 *
 * T2. What is done is reported until its owner or the store has answered, or the lease of this process has ended: then it
 *     belongs to somebody else.
 */
export class TaskReports {
  private readonly options: TaskReportsOptions;
  private readonly reports: Batch<Report, "reported" | "stale">;
  private readonly telling = new Map<HotRun, Promise<void>>();

  constructor(options: TaskReportsOptions) {
    this.options = options;
    this.reports = new Batch({ clock: options.clock, max: REPORT_MAX, call: (reports) => this.reportAll(reports) });
  }

  /** Whether the run's outcome is being told. */
  isTelling(run: HotRun): boolean {
    return this.telling.has(run);
  }

  /** Resolves when the outcome is told, or somebody else's; never rejects. */
  tell(run: HotRun, task: ForeignTask, outcome: TaskOutcome): Promise<void> {
    const work = this.tellUntil(run, task, outcome).finally(() => void this.telling.delete(run));
    this.telling.set(run, work);
    return work;
  }

  /** Resolves when all that is being told is told. */
  async settled(): Promise<void> {
    await Promise.all(this.telling.values());
  }

  progress(task: ForeignTask, part: TaskPart): void {
    task.parts.push(part);
    if (task.telling) return;
    task.telling = true;
    this.options.clock.after(PARTS_MS, () => {
      task.telling = false;
      this.tellParts(task);
    });
  }

  private async tellUntil(run: HotRun, task: ForeignTask, outcome: TaskOutcome): Promise<void> {
    const { clock, problem, tellOwner } = this.options;
    const { taken, command } = task;
    const { scope, node, attempt } = command;
    this.tellParts(task);
    /** When the store first said that it knows of no such task. */
    let staleAt: number | null = null;
    let isTold = !task.handed;
    for (let delay = RETRY_MS; ; delay = Math.min(delay * 2, RETRY_MS_MAX)) {
      try {
        if (outcome.type === "completed") await moveOut(taken.tenant, outcome.output, this.options);
        const reported = { type: "task_reported", scope, node, attempt, outcome } as const;
        if (!isTold && (await tellOwner(taken, reported))) return;
        isTold = true;
        const { runKey, task: name } = taken;
        const input = encodeInput(reported);
        const answer = await this.reports.add({ holder: task.holder, result: { runKey, task: name, input } });
        // A stale one is nobody's any more, unless its owner has yet to put it up.
        if (answer === "reported" || !task.handed) return;
        staleAt ??= clock.monotonic();
        if (clock.monotonic() - staleAt > STANDS_WITHIN_MS) return;
      } catch (error) {
        problem("a result could not be told; trying again", taken.runId, error);
      }
      if (this.isOver(run, task)) return;
      await new Promise<void>((resolve) => void clock.after(delay, resolve));
    }
  }

  /** Somebody else's by now, or given up. */
  private isOver(run: HotRun, { holder }: ForeignTask): boolean {
    const { member, clock } = this.options;
    return run.gone || member.workerKey !== holder || clock.monotonic() >= member.deadline();
  }

  /** What was taken under an earlier lease is somebody else's by now. */
  private async reportAll(reports: readonly Report[]): Promise<readonly ("reported" | "stale")[]> {
    const holder = this.options.member.workerKey;
    const ours = reports.filter((report) => report.holder === holder).map(({ result }) => result);
    const answers = ours.length === 0 ? [] : await this.options.store.report(holder, ours);
    let at = 0;
    return reports.map((report) => (report.holder === holder ? answers[at++]! : "stale"));
  }

  private tellParts(task: ForeignTask): void {
    if (task.parts.length === 0) return;
    const { runKey, task: name, owner } = task.taken;
    this.options.signals.publish(partsChannel(owner), { run: runKey, task: name, parts: task.parts as never });
    task.parts = [];
  }
}
