import type { Json, JsonObject } from "../base/json.ts";
import type { Payload } from "../base/payload.ts";
import { lazyMap, type LazyMap, type Scope } from "../expression/scope.ts";
import { copyPayloads } from "./copies.ts";
import { difyView } from "./dify-view.ts";
import type { ContainerState, LoopState, RunState, ScopeState, TaskState } from "./state.ts";

/**
 * What an expression in a scope can see, under the roots of the language: `inputs steps item index loop vars env sys
 * conversation secrets`. Values are read when they are asked for; asking for a payload that is not loaded is a mistake of the
 * runtime (see `controlPayloads` and `payloadsRead`).
 *
 * A step is looked for in the scope itself, then in the scopes around it, up to the border of its workflow.
 *
 * The value of a secret is never in sight: in its place stands what `secretMark` gives for its name, or `***`.
 */
export function scopeView(state: RunState, scope: ScopeState, secretMark?: (name: string) => string): Scope {
  if (scope.plan.workflow.dify) return difyView(state, scope, secretMark);
  return {
    lookup(name: string): unknown {
      switch (name) {
        case "inputs":
          return scope.inputs.value;
        case "steps":
          return new StepsView(scope);
        case "item":
          return itemOf(scope);
        case "index":
          return positionOf(scope);
        case "loop":
          return loopOf(scope);
        case "vars":
          return variablesOf(scope);
        case "env":
          return scope.plan.env;
        case "sys":
          return systemOf(state, scope);
        case "conversation":
          return EMPTY;
        case "secrets":
          return secretsView(secretMark ?? (() => "***"));
        default:
          return undefined;
      }
    },
  };
}

const EMPTY: JsonObject = Object.freeze({});

function secretsView(mark: (name: string) => string): LazyMap {
  return { [lazyMap]: true, get: mark, keys: () => [], toJson: () => EMPTY };
}

/** The task of a step as seen from a scope; null when it was not reached, or no such step is in sight. */
export function visibleTask(scope: ScopeState, step: string): TaskState | null {
  for (let at: ScopeState | null = scope; at !== null; at = outer(at)) {
    const node = at.body.byId.get(step);
    if (node) return at.tasks[node.index] ?? null;
  }
  return null;
}

/** The scope around, unless the border of a nested workflow lies between. */
function outer(scope: ScopeState): ScopeState | null {
  return scope.parent === null || scope.parent.node.kind === "workflow" ? null : scope.parent.scope;
}

class StepsView implements LazyMap {
  readonly [lazyMap] = true as const;
  private readonly scope: ScopeState;

  constructor(scope: ScopeState) {
    this.scope = scope;
  }

  get(step: string): unknown {
    const task = visibleTask(this.scope, step);
    if (task) return new TaskView(task);
    for (let at: ScopeState | null = this.scope; at !== null; at = outer(at)) {
      if (at.body.byId.has(step)) return NOT_REACHED;
    }
    return undefined;
  }

  keys(): readonly string[] {
    const found: string[] = [];
    for (let at: ScopeState | null = this.scope; at !== null; at = outer(at)) {
      for (const node of at.body.nodes) if (at.tasks[node.index]) found.push(node.id);
    }
    return found;
  }

  toJson(): Json {
    return Object.fromEntries(this.keys().map((key) => [key, (this.get(key) as TaskView).toJson()]));
  }
}

const TASK_KEYS = ["output", "status", "error", "usage"] as const;

class TaskView implements LazyMap {
  readonly [lazyMap] = true as const;
  private readonly task: TaskState;

  constructor(task: TaskState) {
    this.task = task;
  }

  get(key: string): unknown {
    switch (key) {
      case "output":
        return this.task.output?.value;
      case "status":
        return this.task.status;
      case "error":
        return this.task.failure ?? undefined;
      case "usage":
        return this.task.usage ?? undefined;
      default:
        return undefined;
    }
  }

  keys(): readonly string[] {
    return TASK_KEYS;
  }

  toJson(): Json {
    const { output, status, failure, usage } = this.task;
    return {
      output: output?.value ?? null,
      status,
      error: (failure as unknown as JsonObject) ?? null,
      usage: (usage as unknown as JsonObject) ?? null,
    };
  }
}

const NOT_REACHED: LazyMap = {
  [lazyMap]: true,
  get: (key) => (key === "status" ? "pending" : undefined),
  keys: () => TASK_KEYS,
  toJson: () => ({ output: null, status: "pending", error: null, usage: null }),
};

/** The nearest scope around (itself included) that a container of this kind opened. */
function within(scope: ScopeState, kind: "for_each" | "loop"): ScopeState | null {
  for (let at: ScopeState | null = scope; at !== null; at = outer(at)) if (at.parent?.node.kind === kind) return at;
  return null;
}

function itemOf(scope: ScopeState): Json | undefined {
  const at = within(scope, "for_each");
  if (!at) return undefined;
  return itemValue(at);
}

/** The item an item scope works on. */
export function itemValue(scope: ScopeState): Json {
  const container = scope.parent!.scope.tasks[scope.parent!.node.index]!.container;
  return container?.type === "items"
    ? ((container.items.value as readonly Json[])[scope.parent!.position] ?? null)
    : null;
}

function positionOf(scope: ScopeState): number | undefined {
  for (let at: ScopeState | null = scope; at !== null; at = outer(at)) {
    if (at.parent && at.parent.node.kind !== "workflow") return at.parent.position;
  }
  return undefined;
}

function loopOf(scope: ScopeState): JsonObject | undefined {
  const at = within(scope, "loop");
  if (!at) return undefined;
  const { node, position, scope: around } = at.parent!;
  const loop = around.tasks[node.index]!.container as LoopState;
  return {
    ...loopVariables(loop),
    index: position + 1,
    index0: position,
    max_iterations: node.kind === "loop" ? node.maxIterations : 0,
  };
}

/** The variables of a loop as they stand now. */
export function loopVariables(loop: LoopState): JsonObject {
  return { ...(loop.initial.value as JsonObject), ...valuesOf(loop.assigned) };
}

function variablesOf(scope: ScopeState): JsonObject {
  const chain: JsonObject[] = [];
  for (let at: ScopeState | null = scope; at !== null; at = outer(at)) {
    if (at.vars) chain.push(valuesOf(at.vars));
    if (at.parent?.node.kind === "loop")
      chain.push(loopVariables(at.parent.scope.tasks[at.parent.node.index]!.container as LoopState));
  }
  return Object.assign({}, ...chain.toReversed()) as JsonObject;
}

function valuesOf(variables: ReadonlyMap<string, Payload>): JsonObject {
  return Object.fromEntries([...variables].map(([name, payload]) => [name, payload.value]));
}

function systemOf(state: RunState, scope: ScopeState): JsonObject {
  const { created } = state;
  return {
    run_id: created?.runId ?? "",
    workflow: scope.plan.name,
    version: scope.plan.version,
    attempt: 1,
    started_at: state.startedAt === null ? null : new Date(state.startedAt).toISOString(),
    batch_id: created?.batch?.id ?? null,
    batch_index: created?.batch?.index ?? null,
    batch_size: created?.batch?.size ?? null,
  };
}

/** The payloads that have to be loaded before a template which reads these steps can be rendered in the scope. */
export function payloadsRead(scope: ScopeState, steps: readonly string[]): readonly Payload[] {
  const found: Payload[] = [...scope.inputs.missing()];
  for (const step of steps) {
    const output = visibleTask(scope, step)?.output;
    if (output && !output.loaded) found.push(...output.missing());
  }
  for (let at: ScopeState | null = scope; at !== null; at = outer(at)) {
    if (at.vars) for (const value of at.vars.values()) found.push(...value.missing());
    const container = at.parent?.scope.tasks[at.parent.node.index]?.container;
    if (container?.type === "items") found.push(...container.items.missing());
    if (container?.type === "loop") {
      found.push(...container.initial.missing());
      for (const value of container.assigned.values()) found.push(...value.missing());
    }
  }
  return found;
}

/**
 * The payloads that control rules may read at any moment and that are not loaded: after a recovery they are loaded
 * before the first decision, and from then on they stay with the run.
 */
export function controlPayloads(state: RunState): readonly Payload[] {
  const found: Payload[] = [];
  for (const scope of state.scopes.values()) {
    found.push(...scope.inputs.missing(), ...(scope.vars ? missingOf(scope.vars.values()) : []));
    for (const node of scope.body.nodes) {
      const task = scope.tasks[node.index];
      if (task?.output && node.readByControl) found.push(...task.output.missing());
      if (task?.container) found.push(...containerPayloads(task.container, node.readByControl));
    }
  }
  for (const queue of state.signals.values()) found.push(...missingOf(queue.map(({ payload }) => payload)));
  for (const { end, assigned } of state.copies.values()) {
    found.push(...missingOf(assigned.map(({ value }) => value)));
    if (end) found.push(...copyPayloads(end, state));
  }
  return found;
}

function containerPayloads(container: ContainerState, isRead: boolean): readonly Payload[] {
  if (container.type === "child") return [];
  const own = container.type === "items" ? [container.items] : [container.initial, ...container.assigned.values()];
  if (!isRead) return missingOf(own);
  const { pages, open } = container.values;
  return missingOf([...own, ...pages, ...[...open.values()].flatMap(({ values }) => values)]);
}

function missingOf(payloads: Iterable<Payload | null | undefined>): Payload[] {
  return [...payloads].flatMap((payload) => payload?.missing() ?? []);
}
