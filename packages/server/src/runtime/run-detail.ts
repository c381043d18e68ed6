import type { RunState, ScopeState, TaskState } from "@weftwork/core";
import type { RunDetail, RunStep } from "@weftwork/sdk";
import type { Payloads } from "./payloads.ts";
import { runView, type RunSight } from "./view.ts";

/** Bytes of a step's output that are shown with the run; a larger one is named by its size. */
const OUTPUT_BYTES_MAX = 16 * 1024;
/** Bytes of all outputs of one answer; what is over is named by its size as well. */
const OUTPUTS_BYTES_MAX = 1024 * 1024;

/** The run with the steps of its root and of every open scope, in the author's order. */
export async function runDetail(sight: RunSight, payloads: Payloads, tenant: string): Promise<RunDetail> {
  const { state } = sight;
  const view = runView(sight);
  const shown = shownOutputs(state);
  // Taken before anything is waited for: a run that is held here goes on meanwhile.
  const steps = scopesOf(state).flatMap((scope) =>
    scope.body.nodes.map((node) => {
      const task = scope.tasks[node.index];
      return { task: task && { ...task }, step: stepView(scope, node, task) };
    }),
  );
  await payloads.load(tenant, [...shown]);
  return { ...view, steps: steps.map(({ task, step }) => ({ ...step, output: outputOf(task, shown) })) };
}

const NUMERIC = new Intl.Collator("en", { numeric: true });

/** The root first, then the others by their ids: items in their order, whenever they were opened. */
function scopesOf(state: RunState): readonly ScopeState[] {
  return [...state.scopes.values()].toSorted((a, b) =>
    a.id === "root" ? -1 : b.id === "root" ? 1 : NUMERIC.compare(a.id, b.id),
  );
}

type Outputs = ReadonlySet<NonNullable<TaskState["output"]>>;

function shownOutputs(state: RunState): Outputs {
  const shown = new Set<NonNullable<TaskState["output"]>>();
  let bytes = 0;
  for (const scope of scopesOf(state)) {
    for (const task of scope.tasks) {
      const output = task?.output;
      if (!output || output.size > OUTPUT_BYTES_MAX || bytes + output.size > OUTPUTS_BYTES_MAX) continue;
      bytes += output.size;
      shown.add(output);
    }
  }
  return shown;
}

function stepView(scope: ScopeState, node: ScopeState["body"]["nodes"][number], task: TaskState | undefined): RunStep {
  const place = { scope: scope.id, id: node.id, type: node.type };
  if (!task) return { ...place, ...NOT_REACHED };
  return {
    ...place,
    status: task.status,
    attempt: task.attempt,
    output: null,
    error: task.failure,
    usage: task.usage,
    started_at: new Date(task.startedAt).toISOString(),
    finished_at: task.endedAt === null ? null : new Date(task.endedAt).toISOString(),
    handle: task.handle,
  };
}

const NOT_REACHED = {
  status: "pending",
  attempt: 0,
  output: null,
  error: null,
  usage: null,
  started_at: null,
  finished_at: null,
  handle: null,
} as const;

function outputOf(task: TaskState | undefined, shown: Outputs): RunStep["output"] {
  if (!task?.output) return null;
  return shown.has(task.output) ? task.output.value : { truncated: true, size: task.output.size };
}
