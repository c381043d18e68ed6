import { Payload, type EncodedPayload } from "../base/payload.ts";
import type { Plan } from "../plan/plan.ts";
import { decodeEvents, encodeEvent, encodeMembers, FORMAT_VERSION, type RunCreated, type RunEvent } from "./event.ts";
import {
  initialState,
  type CollectedValues,
  type ContainerState,
  type Copy,
  type RunState,
  type ScopeState,
  type TaskState,
} from "./state.ts";

/**
 * A moment of a run as text, and back. The same state gives the same bytes, whether it was lived or folded from the
 * journal; a state read back and folded on is the state that was never written down.
 *
 * The plan is not part of it: the text is read with the plan that the run is pinned to.
 */
export function encodeSnapshot(state: RunState): string {
  const { created } = state;
  return (
    FORMAT_VERSION +
    encodeMembers({
      status: state.status,
      seq: state.seq,
      at: state.at,
      createdAt: state.createdAt,
      startedAt: state.startedAt,
      finishedAt: state.finishedAt,
      output: state.output,
      failure: state.failure,
      failedAt: state.failedAt,
      created: created === null ? null : new Raw(encodeEvent(created)),
      usage: state.usage,
      counts: state.counts,
      retried: state.retried,
      scopes: list([...state.scopes.values()], (scope) => encodeScope(scope)),
      owed: [...state.owed.values()],
      waiting: [...state.waiting.entries()],
      signals: list(
        [...state.signals],
        ([name, queue]) => `[${JSON.stringify(name)},${list(queue, encodeMembers).text}]`,
      ),
      signalIds: [...state.signalIds],
      undecided: state.undecided.map(({ scope, node }) => [scope.id, node?.id ?? null]),
      copies: list([...state.copies], encodeCopy),
    })
  );
}

/** Text that is JSON already. */
export class Raw {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  encode(): string {
    return this.text;
  }
}

export function list<T>(values: readonly T[], encode: (value: T) => string): Raw {
  return new Raw(`[${values.map(encode).join(",")}]`);
}

/** `inputs` false: they are not written, for they stand elsewhere. */
export function encodeScope(scope: ScopeState, inputs = true): string {
  return encodeMembers({
    id: scope.id,
    body: scope.body.index,
    parent: scope.parent && [scope.parent.scope.id, scope.parent.node.id, scope.parent.position],
    inputs: inputs && (scope.parent === null || scope.parent.node.kind === "workflow") ? scope.inputs : undefined,
    unresolved: scope.unresolved,
    taken: scope.taken,
    open: scope.open,
    vars: scope.vars === null ? undefined : variables(scope.vars),
    tasks: list(
      scope.tasks.flatMap((task, index) => (task ? [{ index, task }] : [])),
      encodeTask,
    ),
  });
}

function variables(values: ReadonlyMap<string, Payload>): Raw {
  return list([...values], ([name, value]) => `[${JSON.stringify(name)},${value.encode()}]`);
}

function encodeTask({ index, task }: { readonly index: number; readonly task: TaskState }): string {
  const { status, attempt, output, failure, handle, usage, startedAt, endedAt, container } = task;
  return encodeMembers({
    index,
    status,
    attempt,
    output,
    failure,
    handle,
    usage,
    startedAt,
    endedAt,
    container: container === null ? undefined : new Raw(encodeContainer(container)),
  });
}

function encodeContainer(container: ContainerState): string {
  switch (container.type) {
    case "child":
      return encodeMembers(container);
    case "items":
      return encodeMembers({ ...container, values: encodeValues(container.values) });
    case "loop":
      return encodeMembers({
        ...container,
        assigned: variables(container.assigned),
        values: encodeValues(container.values),
      });
  }
}

function encodeValues(values: CollectedValues): Raw {
  // A later page may be full before an earlier one, which is a hole until then.
  const pages = list(Array.from(values.pages), (page) => page?.encode() ?? "null");
  const open = list([...values.open], ([page, { values: kept, filled }]) => {
    const items = Array.from({ length: kept.length }, (_, i) => {
      const value = kept[i];
      return value === undefined ? "0" : value === null ? "null" : value.encode();
    });
    return `[${page},${filled},[${items.join(",")}]]`;
  });
  return new Raw(`{"pages":${pages.text},"open":${open.text}}`);
}

function encodeCopy([key, copy]: [string, Copy]): string {
  const end = copy.end === null ? "null" : encodeEvent(copy.end);
  return `[${JSON.stringify(key)},${end},${list(copy.assigned, ({ name, value }) => `[${JSON.stringify(name)},${value.encode()}]`).text}]`;
}

interface SnapshotData {
  readonly scopes: readonly ScopeData[];
  readonly created: Record<string, unknown> | null;
  readonly output: EncodedPayload | null;
  readonly owed: readonly { id: string }[];
  readonly waiting: readonly [string, never][];
  readonly signals: readonly [string, { id: string; payload: EncodedPayload }[]][];
  readonly signalIds: readonly string[];
  readonly undecided: readonly [string, string | null][];
  readonly copies: readonly [string, Record<string, unknown> | null, [string, EncodedPayload][]][];
}
interface ScopeData {
  readonly id: string;
  readonly body: number;
  readonly parent: readonly [string, string, number] | null;
  readonly inputs?: EncodedPayload;
  readonly unresolved: number[];
  readonly taken: number[];
  readonly open: number;
  readonly vars?: readonly [string, EncodedPayload][];
  readonly tasks: readonly TaskData[];
}
type TaskData = Omit<TaskState, "output" | "container"> & {
  readonly index: number;
  readonly output: EncodedPayload | null;
  readonly container?: ContainerData;
};
interface ValuesData {
  readonly pages: readonly (EncodedPayload | null)[];
  readonly open: readonly [number, number, (EncodedPayload | null | 0)[]][];
}
interface ContainerData {
  readonly type: ContainerState["type"];
  readonly values: ValuesData;
  readonly items: EncodedPayload;
  readonly initial: EncodedPayload;
  readonly assigned: readonly [string, EncodedPayload][];
}

export type SnapshotContent = SnapshotData & RunState;

/** A snapshot that was read, and waits for the plans that its run is pinned to. */
export interface EncodedSnapshot {
  /** What names the plans; null before the first event. */
  readonly created: { readonly hash: string; readonly pins: Readonly<Record<string, string>> } | null;
  decode(plan: Plan, nested: ReadonlyMap<string, Plan>): RunState;
}

/** The first half of `decodeSnapshot`, for one who has to ask for the plans first. */
export function readSnapshot(text: string): EncodedSnapshot {
  if (text[0] !== FORMAT_VERSION) throw new Error(`unknown format version ${JSON.stringify(text[0] ?? "")}`);
  return snapshotOf(JSON.parse(text.slice(1)) as SnapshotContent);
}

/** The same of what was parsed already; it is used up. */
export function snapshotOf(data: SnapshotContent): EncodedSnapshot {
  return { created: data.created, decode: (plan, nested) => stateOf(data, plan, nested) };
}

/** The reverse of `encodeSnapshot`. Throws on text that this version cannot read. */
export function decodeSnapshot(text: string, plan: Plan, nested: ReadonlyMap<string, Plan>): RunState {
  return readSnapshot(text).decode(plan, nested);
}

function stateOf(data: SnapshotContent, plan: Plan, nested: ReadonlyMap<string, Plan>): RunState {
  const state = initialState(plan, nested);
  state.created = data.created === null ? null : (decodeEvents([data.created as never])[0] as RunCreated);
  const { status, seq, at, createdAt, startedAt, finishedAt, failure, failedAt, usage } = data;
  Object.assign(state, { status, seq, at, createdAt, startedAt, finishedAt, failure, failedAt, usage });
  Object.assign(state.counts, data.counts);
  state.retried = data.retried ?? 0; // Snapshots of older versions do not count them.
  state.output = decodePayload((data as SnapshotData).output);
  for (const scope of (data as SnapshotData).scopes) decodeScope(state, scope);
  for (const command of (data as SnapshotData).owed) state.owed.set(command.id, command as never);
  for (const [key, value] of (data as SnapshotData).waiting) state.waiting.set(key, value);
  for (const [name, queue] of (data as SnapshotData).signals) {
    state.signals.set(
      name,
      queue.map(({ id, payload }) => ({ id, payload: Payload.decode(payload) })),
    );
  }
  for (const id of (data as SnapshotData).signalIds) state.signalIds.add(id);
  for (const [scopeId, node] of (data as SnapshotData).undecided) {
    const scope = state.scopes.get(scopeId)!;
    state.undecided.push({ scope, node: node === null ? null : scope.body.byId.get(node)! });
  }
  for (const [key, ended, assigned] of (data as SnapshotData).copies) {
    const end = ended === null ? null : (decodeEvents([ended as never])[0] as RunEvent as Copy["end"]);
    state.copies.set(key, { end, assigned: assigned.map(([name, value]) => ({ name, value: Payload.decode(value) })) });
  }
  return state;
}

function decodeScope(state: RunState, data: ScopeData): void {
  const around = data.parent === null ? null : state.scopes.get(data.parent[0])!;
  const container = data.parent === null ? null : around!.body.byId.get(data.parent[1])!;
  const plan =
    container === null
      ? state.plan
      : container.kind === "workflow"
        ? state.nested.get(container.nested)!
        : around!.plan;
  const scope: ScopeState = {
    id: data.id,
    plan,
    body: plan.bodies[data.body]!,
    parent:
      around === null || container === null ? null : { scope: around, node: container, position: data.parent![2] },
    inputs: data.inputs ? Payload.decode(data.inputs) : around!.inputs,
    depth: around === null ? 0 : around.depth + (container!.kind === "workflow" ? 1 : 0),
    tasks: [],
    unresolved: data.unresolved,
    taken: data.taken,
    open: data.open,
    vars: data.vars ? decodeVariables(data.vars) : null,
    children: new Set(),
  };
  for (const { index, container: held, output, ...plain } of data.tasks) {
    scope.tasks[index] = { ...plain, output: decodePayload(output), container: held ? decodeContainer(held) : null };
  }
  state.scopes.set(scope.id, scope);
  around?.children.add(scope);
}

function decodeContainer(data: ContainerData): ContainerState {
  switch (data.type) {
    case "child":
      return { type: "child" };
    case "items":
      return {
        ...(data as unknown as ContainerState & { type: "items" }),
        items: Payload.decode(data.items),
        values: decodeValues(data.values),
      };
    case "loop":
      return {
        ...(data as unknown as ContainerState & { type: "loop" }),
        initial: Payload.decode(data.initial),
        assigned: decodeVariables(data.assigned),
        values: decodeValues(data.values),
      };
  }
}

function decodeValues(data: ValuesData): CollectedValues {
  const pages = data.pages.map((page) => decodePayload(page) ?? undefined);
  const open = new Map(
    data.open.map(([page, filled, kept]) => {
      const values: (Payload | null | undefined)[] = [];
      kept.forEach((value, i) => {
        if (value !== 0) values[i] = decodePayload(value);
      });
      return [page, { values, filled }] as const;
    }),
  );
  return { pages, open };
}

function decodeVariables(data: readonly (readonly [string, EncodedPayload])[]): Map<string, Payload> {
  return new Map(data.map(([name, value]) => [name, Payload.decode(value)]));
}

function decodePayload(data: EncodedPayload | null): Payload | null {
  return data === null ? null : Payload.decode(data);
}
