import type { Plan, WorkNode } from "../plan/plan.ts";
import type { DispatchTask } from "./command.ts";
import { nodeOf } from "./evolve.ts";
import { encodeEvent, encodeMembers, type RunCreated } from "./event.ts";
import {
  encodeScope,
  encodeSnapshot,
  list,
  Raw,
  readSnapshot,
  snapshotOf,
  type EncodedSnapshot,
  type SnapshotContent,
} from "./snapshot.ts";
import { initialState, type ContainerState, type RunState, type ScopeState, type TaskState } from "./state.ts";

/**
 * One task as text: all that doing it can see of its run, for a process that does not hold the run. It is a snapshot of
 * a state that was cut down to the scopes around the task, the steps that it reads, and the task itself; large values
 * stand in it by reference. Its size follows from what the step reads and not from the size of the run.
 */
export function encodeTask(state: RunState, command: DispatchTask): string {
  return encodeSnapshot(cutTask(state, command));
}

/** What a brief text begins with, in the place of a snapshot's version. */
const BRIEF = "t";
/** The first event of a run is part of each of its tasks. */
const encodedCreated = new WeakMap<RunCreated, Raw>();

/**
 * The same, in fewer words: without what a task never has, and nothing twice. For those who are known to be able to read
 * it, which `readTask` of older versions is not.
 */
export function encodeTaskBriefly(state: RunState, command: DispatchTask): string {
  const { status, seq, at, createdAt, startedAt, created, scopes } = cutTask(state, command);
  let text = encodedCreated.get(created!);
  if (!text) encodedCreated.set(created!, (text = new Raw(encodeEvent(created!))));
  const written = list([...scopes.values()], (scope) => encodeScope(scope, scope.inputs !== created!.inputs));
  return (
    BRIEF + encodeMembers({ status, seq, at, createdAt, startedAt, created: text, scopes: written, owed: [command] })
  );
}

function cutTask(state: RunState, command: DispatchTask): RunState {
  const cut = initialState(state.plan, state.nested);
  Object.assign(cut, {
    created: state.created,
    status: state.status,
    createdAt: state.createdAt,
    startedAt: state.startedAt,
    at: state.at,
    seq: state.seq,
  });
  cut.owed.set(command.id, command);
  const scope = state.scopes.get(command.scope)!;
  const { reads } = nodeOf(scope, command.node) as WorkNode;
  const around = chainOf(scope);
  const wanted = new Set([...reads, command.node]);
  for (const at of around) cut.scopes.set(at.id, cutScope(at, around, wanted));
  return cut;
}

/** A task that was read, and waits for the plans that it names. */
export interface EncodedTask {
  /** Hash of its run's plan. */
  readonly hash: string;
  /** Hashes of the workflows nested in it, by the name each is called by. */
  readonly pins: Readonly<Record<string, string>>;
  decode(plan: Plan, nested: ReadonlyMap<string, Plan>): { readonly state: RunState; readonly command: DispatchTask };
}

/** The reverse of `encodeTask`, and of `encodeTaskBriefly`. Throws on text that this version cannot read. */
export function readTask(text: string): EncodedTask {
  const snapshot = text[0] === BRIEF ? readBriefly(text) : readSnapshot(text);
  if (!snapshot.created) throw new Error("the text holds no task");
  const { hash, pins } = snapshot.created;
  return {
    hash,
    pins,
    decode(plan, nested) {
      const state = snapshot.decode(plan, nested);
      const [command] = state.owed.values();
      if (command?.type !== "dispatch_task") throw new Error("the text holds no task");
      return { state, command };
    },
  };
}

function readBriefly(text: string): EncodedSnapshot {
  const told = JSON.parse(text.slice(1)) as SnapshotContent;
  const inputs = told.created?.inputs;
  return snapshotOf({
    ...told,
    finishedAt: null,
    output: null,
    failure: null,
    failedAt: null,
    usage: { input_tokens: 0, output_tokens: 0, total_tokens: 0 },
    counts: { completed: 0, failed: 0, skipped: 0, copied: 0 },
    retried: 0,
    waiting: [],
    signals: [],
    signalIds: [],
    undecided: [],
    copies: [],
    scopes: told.scopes.map((scope) => (scope.inputs || scope.parent ? scope : { ...scope, inputs })),
  } as unknown as SnapshotContent);
}

/** The scopes from the root to this one. */
function chainOf(scope: ScopeState): readonly ScopeState[] {
  const chain: ScopeState[] = [];
  for (let at: ScopeState | null = scope; at !== null; at = at.parent?.scope ?? null) chain.unshift(at);
  return chain;
}

function cutScope(scope: ScopeState, chain: readonly ScopeState[], wanted: ReadonlySet<string>): ScopeState {
  const containers = new Set(chain.flatMap(({ parent }) => (parent?.scope === scope ? [parent.node.index] : [])));
  const tasks: (TaskState | undefined)[] = [];
  for (const { index, id } of scope.body.nodes) {
    const task = scope.tasks[index];
    if (!task || !(wanted.has(id) || containers.has(index))) continue;
    tasks[index] = { ...task, container: containers.has(index) ? withoutValues(task.container) : null };
  }
  return { ...scope, tasks, unresolved: [], taken: [], children: new Set() };
}

/** What was collected so far is read by nobody inside. */
function withoutValues(container: ContainerState | null): ContainerState | null {
  if (container === null || container.type === "child") return container;
  return { ...container, values: { pages: [], open: new Map() } };
}
