import type { RowShape } from "./row-shape.ts";
import type { Variant, Workload } from "./workload.ts";

/** What both contenders are told: the same work, and the rows that it leaves behind. */
export interface Task {
  readonly workload: Workload;
  readonly variant: Variant;
  readonly rows: readonly RowShape[];
}

/** One of those who are compared, opened on a fresh place for one round. */
export interface OpenContender {
  /** One run from submission to its end (or to the 202). */
  run(): Promise<void>;
  close(): Promise<void>;
}

export type Contender = (address: string, task: Task) => Promise<OpenContender>;
