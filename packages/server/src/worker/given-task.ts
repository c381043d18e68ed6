import { encodeTask, type DispatchTask } from "@weftwork/core";
import type { HotRun } from "../runtime/hot-run.ts";
import type { PostedTask } from "../tasks/task-store.ts";
import type { Ticket } from "../transport/transport.ts";
import { nameOf } from "./foreign-task.ts";
import type { Place } from "./handover.ts";
import type { Pool, PoolTask } from "./pool.ts";

/** A task of a run held here that another process does. */
export interface GivenTask extends PoolTask {
  readonly run: HotRun;
  readonly command: DispatchTask;
  readonly pool: Pool<GivenTask>;
  /** `handed`: straight to a worker, and not in the store. */
  stage: "waiting" | "handed" | "posting" | "posted";
  /** The worker to which it was handed over. */
  place: Place | null;
  /** It may stand in the store already. */
  again: boolean;
  /** When it left the fair queue, by the monotonic clock. */
  postedAt: number;
  /** It stood in the store when the owner looked last. */
  seenAt: number;
  missed: number;
}

export function keyOf(run: HotRun, commandId: string): string {
  return nameOf({ runKey: run.key, task: commandId });
}

/** The task as the store takes it. Throws when it cannot be written down. */
export function postedOf({ run, command, pool, priority, again, place }: GivenTask): PostedTask {
  return {
    runKey: run.key,
    task: command.id,
    tenant: run.tenant,
    runId: run.id,
    epoch: run.epoch,
    pool: pool.name,
    priority,
    ...(command.started ? { once: true } : {}),
    ...(again ? { again } : {}),
    ...(place ? { holder: place.worker } : {}),
    body: encodeTask(run.state, command),
  };
}

export function ticketOf({ runKey, task, tenant, pool, priority }: PostedTask): Ticket {
  return { runKey, task, tenant, pool, priority };
}
