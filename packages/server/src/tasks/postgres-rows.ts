import { integers, texts } from "../journal/postgres-arrays.ts";
import { priorityOf } from "../journal/rules.ts";
import type { TakenTask, TaskName } from "./task-store.ts";

/** A row with the columns of `TAKEN`. */
export interface TakenRow {
  readonly run_key: number;
  readonly task: string;
  readonly tenant: string;
  readonly run_id: string;
  readonly epoch: number;
  readonly owner: number;
  readonly pool: string;
  readonly rank: number;
  readonly takes: number;
  readonly once: boolean;
  readonly body: Buffer;
}

export function takenTask(row: TakenRow): TakenTask {
  return {
    runKey: row.run_key,
    task: row.task,
    tenant: row.tenant,
    runId: row.run_id,
    epoch: row.epoch,
    pool: row.pool,
    priority: priorityOf(row.rank),
    ...(row.once ? { once: true } : {}),
    body: row.body.toString(),
    owner: row.owner,
    takes: row.takes,
  };
}

/** Each task once (the first of its name), in the order in which every statement locks them. */
export function inOrder<Named extends TaskName>(tasks: readonly Named[]): readonly Named[] {
  const sorted = tasks.toSorted((a, b) => a.runKey - b.runKey || (a.task < b.task ? -1 : Number(a.task > b.task)));
  return sorted.filter(({ runKey, task }, at) => {
    const before = sorted[at - 1];
    return before?.runKey !== runKey || before.task !== task;
  });
}

/** Two array parameters: the keys of the runs, and the ids. */
export function namesOf(tasks: readonly TaskName[]): readonly [string, string] {
  return [integers(tasks.map(({ runKey }) => runKey)), texts(tasks.map(({ task }) => task))];
}
