import {
  AppError,
  type Json,
  type JsonObject,
  type PlanNode,
  type RunCreated,
  type RunState,
  type ScopeState,
  type TaskState,
} from "@weftwork/core";
import type { RunDetail, RunScope, RunStep, TruncatedValue } from "@weftwork/sdk";
import type { Journal } from "../journal/journal.ts";
import type { OpenedPayload, Payloads } from "./payloads.ts";
import { resolvedInputs } from "./resolved-inputs.ts";
import { readHistory, type RunHistory } from "./run-history.ts";
import { runView, type RunSight } from "./view.ts";
import type { PreparedPlan } from "./workflows.ts";

/** Bytes of a value that are shown with the run; a larger one is named by its size. */
const VALUE_BYTES_MAX = 16 * 1024;
/** Bytes of all values of one kind in one answer; what is over is named by its size as well. */
const VALUES_BYTES_MAX = 1024 * 1024;
/** Bytes of a value that is asked for by itself. */
const WHOLE_BYTES_MAX = 64 * 1024 * 1024;
const STEPS_MAX = 1000;
const SCOPES_MAX = 200;

export interface DetailOptions {
  readonly journal: Journal;
  readonly payloads: Payloads;
  readonly tenant: string;
  readonly plansOf: (created: RunCreated) => Promise<PreparedPlan>;
  /** The pool whose workers do a step; null for a control step. */
  readonly poolOf: (node: PlanNode) => string | null;
  /** Tasks that wait for a pool nobody here serves, by command. */
  readonly unserved: (runKey: number, state: RunState) => Promise<RunSight["unserved"]>;
  readonly signal?: AbortSignal;
}

interface Run {
  readonly id: string;
  readonly runKey: number;
}

/**
 * The run with steps in the author's order: those of the scope that is asked for, or those of the root and of every open
 * scope. Throws `STEP_NOT_FOUND` for a scope that was never opened.
 */
export async function runDetail(options: DetailOptions, run: Run, scope: string | undefined): Promise<RunDetail> {
  const inputs = new Shown(options);
  const asked = scope ?? "root";
  const history = await readHistory(
    { ...options, scope: asked, begins: (state, at, node) => inputs.resolve(state, at, node) },
    run.runKey,
  );
  if (!history.scope && scope !== undefined)
    throw new AppError("STEP_NOT_FOUND", { run: run.id, what: `scope ${scope}` });
  const { state } = history;
  const shown = scopesShown(history, scope);
  const places = shown.flatMap((at) => at.body.nodes.map((node) => ({ at, node }))).slice(0, STEPS_MAX);
  // What another open scope began with is what it would begin with now, but for variables assigned since.
  for (const { at, node } of places)
    if (at.id !== asked && hasBegun(at.tasks[node.index])) await inputs.resolve(state, at, node.id);
  const outputs = new Outputs(options);
  const steps: RunStep[] = [];
  for (const { at, node } of places) {
    const output = await outputs.take(at.tasks[node.index]);
    steps.push({ ...stepView(options, history, at, node), inputs: inputs.of(at, node.id), output });
  }
  const ids = [...history.ended, ...[...state.scopes.keys()].filter((id) => id !== "root")];
  return {
    ...(await viewOf(options, run.runKey, state)),
    steps,
    scopes: ids.slice(-SCOPES_MAX).map((id): RunScope => ({ id, open: state.scopes.has(id) })),
    scope_count: ids.length,
  };
}

/** One step with its values whole. Throws `STEP_NOT_FOUND` where the scope was not opened or has no such step. */
export async function stepDetail(options: DetailOptions, run: Run, scope: string, step: string): Promise<RunStep> {
  const inputs = new Shown(options, WHOLE_BYTES_MAX, WHOLE_BYTES_MAX);
  const begins = async (state: RunState, at: ScopeState, node: string): Promise<void> => {
    if (node === step) await inputs.resolve(state, at, node);
  };
  const history = await readHistory({ ...options, scope, begins }, run.runKey);
  const node = history.scope?.body.byId.get(step);
  if (!history.scope || !node) throw new AppError("STEP_NOT_FOUND", { run: run.id, what: `step ${scope}/${step}` });
  const output = await new Outputs(options, WHOLE_BYTES_MAX, WHOLE_BYTES_MAX).take(history.scope.tasks[node.index]);
  return { ...stepView(options, history, history.scope, node), inputs: inputs.of(history.scope, step), output };
}

/** The value of one step as JSON text, however large. Throws `STEP_NOT_FOUND` where it has none. */
export async function stepOutput(
  options: DetailOptions,
  run: Run,
  scope: string,
  step: string,
): Promise<OpenedPayload> {
  const history = await readHistory({ ...options, scope }, run.runKey);
  const node = history.scope?.body.byId.get(step);
  const output = node && history.scope?.tasks[node.index]?.output;
  if (!output) throw new AppError("STEP_NOT_FOUND", { run: run.id, what: `output of the step ${scope}/${step}` });
  return options.payloads.open(options.tenant, output);
}

async function viewOf(
  { payloads, tenant, unserved }: DetailOptions,
  runKey: number,
  state: RunState,
): Promise<ReturnType<typeof runView>> {
  const { inputs } = state.created!;
  await payloads.load(tenant, state.output ? [inputs, state.output] : [inputs]);
  const output = state.output?.value ?? null;
  return runView({ state, inputs: inputs.value as JsonObject, output, unserved: await unserved(runKey, state) });
}

const NUMERIC = new Intl.Collator("en", { numeric: true });

/** The one that is asked for; or the root first, then the open ones by their ids, items in their order. */
function scopesShown({ scope, state }: RunHistory, asked: string | undefined): readonly ScopeState[] {
  if (asked !== undefined) return scope ? [scope] : [];
  const open = [...state.scopes.values()].filter(({ id }) => id !== "root");
  return [...(scope ? [scope] : []), ...open.toSorted((a, b) => NUMERIC.compare(a.id, b.id))];
}

function hasBegun(task: TaskState | undefined): boolean {
  return task !== undefined && task.status !== "skipped" && task.status !== "pending";
}

type Plain = Omit<RunStep, "inputs" | "output">;

function stepView(options: DetailOptions, history: RunHistory, scope: ScopeState, node: PlanNode): Plain {
  const task = scope.tasks[node.index];
  const place = { scope: scope.id, id: node.id, type: node.type, pool: options.poolOf(node) };
  if (!task) return { ...place, ...NOT_REACHED };
  // What a scope that ended left undone was aborted with it.
  const aborted = !history.state.scopes.has(scope.id) && (task.status === "running" || task.status === "waiting");
  return {
    ...place,
    status: aborted ? "cancelled" : task.status,
    attempt: task.attempt,
    attempts: history.attemptsOf(scope.id, node.id),
    copied_from: history.copiedFrom(scope.id, node.id),
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
  attempts: [],
  copied_from: null,
  error: null,
  usage: null,
  started_at: null,
  finished_at: null,
  handle: null,
} as const;

/** Resolved inputs by scope and step, as many as an answer has room for. */
class Shown {
  private readonly options: DetailOptions;
  private readonly oneMax: number;
  private left: number;
  private readonly values = new Map<string, Json | TruncatedValue>();

  constructor(options: DetailOptions, oneMax = VALUE_BYTES_MAX, allMax = VALUES_BYTES_MAX) {
    this.options = options;
    this.oneMax = oneMax;
    this.left = allMax;
  }

  async resolve(state: RunState, scope: ScopeState, id: string): Promise<void> {
    const { payloads, tenant } = this.options;
    if (this.values.size >= STEPS_MAX) return;
    const bytesMax = Math.min(this.oneMax, this.left);
    const value = await resolvedInputs({ payloads, tenant, bytesMax }, state, scope, scope.body.byId.get(id)!);
    this.values.set(`${scope.id}/${id}`, value);
    this.left = Math.max(0, this.left - JSON.stringify(value).length);
  }

  of(scope: ScopeState, id: string): Json | TruncatedValue {
    return this.values.get(`${scope.id}/${id}`) ?? null;
  }
}

class Outputs {
  private readonly options: DetailOptions;
  private readonly oneMax: number;
  private left: number;

  constructor(options: DetailOptions, oneMax = VALUE_BYTES_MAX, allMax = VALUES_BYTES_MAX) {
    this.options = options;
    this.oneMax = oneMax;
    this.left = allMax;
  }

  async take(task: TaskState | undefined): Promise<Json | TruncatedValue> {
    const output = task?.output;
    if (!output) return null;
    const { size } = output;
    if (size > this.oneMax || size > this.left) return { truncated: true, size };
    this.left -= size;
    await this.options.payloads.load(this.options.tenant, [output]);
    return output.value;
  }
}
