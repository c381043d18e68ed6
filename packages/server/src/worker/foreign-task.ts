import type { DispatchTask } from "@weftwork/core";
import type { TaskPart } from "../nodes/node.ts";
import type { TakenTask, TaskName } from "../tasks/task-store.ts";

/** A task of a run that another process holds. */
export interface ForeignTask {
  readonly taken: TakenTask;
  readonly command: DispatchTask;
  /** This process, under the lease under which the task came. */
  readonly holder: number;
  /** By the monotonic clock. */
  readonly since: number;
  /** Its owner has handed it over; the store may not know of it. */
  readonly handed: boolean;
  parts: TaskPart[];
  telling: boolean;
}

/** One text for the name of a task. */
export function nameOf({ runKey, task }: TaskName): string {
  return `${runKey}/${task}`;
}
