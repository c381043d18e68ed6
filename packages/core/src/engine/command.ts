/**
 * What the world still owes a run. An id is derived from scope, node and attempt, never drawn: carrying a command out
 * twice is harmless, and an owner that takes over owes exactly what the one before it owed.
 */
export type Command = DispatchTask | ArmTimer;

export interface DispatchTask {
  readonly type: "dispatch_task";
  /** `each-doc[3]/read#1` */
  readonly id: string;
  readonly scope: string;
  readonly node: string;
  readonly attempt: number;
  /** The journal says that its executor was about to be called: after a crash nobody knows whether it was. */
  readonly started?: true;
}

export interface ArmTimer {
  readonly type: "arm_timer";
  /** The id of the command or task it belongs to, with the timer's purpose behind `@`. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly dueAt: number;
}

export function dispatchId(scope: string, node: string, attempt: number): string {
  return `${scope}/${node}#${attempt}`;
}

export const RUN_TIMER = "run@timeout";
export const START_TIMER = "run@start";

export function taskTimerId(scope: string, node: string, attempt: number): string {
  return `${scope}/${node}#${attempt}@due`;
}

/** The task a timer belongs to; null for the timers of the run itself. */
export function timedTask(
  timer: string,
): { readonly scope: string; readonly node: string; readonly attempt: number } | null {
  const match = /^(.*)\/([^/]+)#(\d+)@due$/.exec(timer);
  return match ? { scope: match[1]!, node: match[2]!, attempt: Number(match[3]) } : null;
}
