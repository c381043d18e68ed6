import type { TaskName } from "../tasks/task-store.ts";

/** What an own worker calls a task by: all that a server must know to find it again, for any server may be asked. */
export interface OwnTaskId extends TaskName {
  /** Milliseconds since 1970: when the step's timeout ends; null: it has none. */
  readonly deadline: number | null;
}

export function encodeTaskId({ runKey, task, deadline }: OwnTaskId): string {
  return `${runKey}.${deadline ?? 0}.${Buffer.from(task).toString("base64url")}`;
}

/** Null for a text that is no such id. */
export function decodeTaskId(text: string): OwnTaskId | null {
  const match = /^(\d{1,16})\.(\d{1,16})\.([\w-]+)$/.exec(text);
  if (!match) return null;
  const deadline = Number(match[2]);
  const task = Buffer.from(match[3]!, "base64url").toString();
  // No store has a name with it.
  if (task.includes("\u0000")) return null;
  return { runKey: Number(match[1]), task, deadline: deadline === 0 ? null : deadline };
}
