import {
  difyStatus,
  exceptionsCount,
  waitingFor,
  type Json,
  type JsonObject,
  type RunState,
  type TaskState,
} from "@weftwork/core";
import type { Run, RunError, RunLinks, RunWaiting, TaskProgress } from "@weftwork/sdk";
import { statusOf } from "./commit.ts";

/** What is known of a run for those who look at it: its state, and what the state does not hold. */
export interface RunSight {
  readonly state: RunState;
  readonly inputs: JsonObject;
  readonly output: Json;
  /** Tasks that nobody has taken, by command. */
  readonly unserved: ReadonlyMap<string, UnservedTask>;
}

/** A task that waits for a worker of its pool. */
export interface UnservedTask {
  readonly pool: string;
  /** Milliseconds since 1970; null: not known. */
  readonly since: number | null;
}

export function linksOf(id: string): RunLinks {
  const name = encodeURIComponent(id);
  return {
    self: `/api/runs/${name}`,
    task: `/api/tasks/${name}`,
    events: `/api/runs/${name}/events`,
    cancel: `/api/runs/${name}/cancel`,
  };
}

/** The resource `/api/runs/{id}`. */
export function runView({ state, inputs, output, unserved }: RunSight): Run {
  const created = state.created!;
  return {
    id: created.runId,
    workflow: created.workflow,
    version: created.version,
    status: statusOf(state),
    inputs,
    outputs: state.status === "succeeded" ? (output as JsonObject) : null,
    error: errorOf(state),
    waiting_for: waitingOf(state, unserved),
    priority: created.priority,
    metadata: created.metadata,
    created_at: new Date(state.createdAt).toISOString(),
    started_at: timeOf(state.startedAt),
    finished_at: timeOf(state.finishedAt),
    usage: state.usage,
    cost: null,
    links: linksOf(created.runId),
    ...(state.plan.workflow.dify
      ? { dify: { status: difyStatus(state), exceptions_count: exceptionsCount(state) } }
      : {}),
  };
}

const TASK_STATUS = {
  pending: "pending",
  running: "running",
  waiting: "waiting",
  succeeded: "success",
  failed: "failed",
  cancelled: "cancelled",
} as const;

const STEP_STATUS = {
  pending: "pending",
  running: "running",
  waiting: "running",
  succeeded: "completed",
  failed: "failed",
  skipped: "skipped",
  cancelled: "failed",
} as const;

/** The resource `/api/tasks/{id}`: the field's polling shape, with the steps of the root scope in the author's order. */
export function taskView({ state, output }: RunSight, partial: ReadonlyMap<string, string>): TaskProgress {
  const created = state.created!;
  const root = state.scopes.get("root");
  return {
    task_id: created.runId,
    status: TASK_STATUS[statusOf(state)],
    steps: state.plan.bodies[0]!.nodes.map((node) => ({
      name: node.id,
      status: STEP_STATUS[taskStatus(root?.tasks[node.index])],
    })),
    partial: Object.fromEntries(partial),
    result: state.status === "succeeded" ? output : null,
    error: errorOf(state),
    // Whole seconds, as this shape is used in the field.
    created_at: `${new Date(state.createdAt).toISOString().slice(0, 19)}Z`,
    links: linksOf(created.runId),
  };
}

function taskStatus(task: TaskState | undefined): TaskState["status"] {
  return task?.status ?? "pending";
}

function errorOf(state: RunState): RunError | null {
  if (state.failure === null) return null;
  return { ...state.failure, scope: state.failedAt?.scope ?? null, step: state.failedAt?.node ?? null };
}

function waitingOf(state: RunState, unserved: RunSight["unserved"]): RunWaiting | null {
  const waiting = waitingFor(state);
  if (waiting)
    return { code: waiting.code, message: waiting.message, step: waiting.node, until: timeOf(waiting.until) };
  for (const command of state.owed.values()) {
    if (command.type !== "dispatch_task") continue;
    const sight = unserved.get(command.id);
    if (sight === undefined) return null;
    const since = sight.since === null ? "" : ` since ${timeOf(sight.since)}`;
    return {
      code: "pool",
      message: `step ${command.node} waits for a worker of the pool ${sight.pool}${since}`,
      step: command.node,
      until: null,
    };
  }
  return null;
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
