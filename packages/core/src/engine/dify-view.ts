import type { Failure } from "../base/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../base/json.ts";
import type { Payload } from "../base/payload.ts";
import { lazyMap, type LazyMap, type Scope } from "../expression/scope.ts";
import { difyFiles } from "../dify/file-value.ts";
import type { PlanNode } from "../plan/plan.ts";
import { timedTask, type Command } from "./command.ts";
import type { LoopState, RunState, ScopeState, TaskState } from "./state.ts";

/**
 * What a selector of an imported graph can see, under the roots `nodes sys env conversation`. Values are read when they
 * are asked for; what is not there is undefined, and what a reader makes of that is its own rule.
 */
export function difyView(
  state: RunState,
  scope: ScopeState,
  secretMark: (name: string) => string = (name) => (fileSecret(scope.plan.env, name) === "" ? "" : "***"),
): Scope {
  return {
    lookup(name: string): unknown {
      switch (name) {
        case "nodes":
          return reading((id) => nodeView(scope, id));
        case "sys":
          return reading((key) => systemValue(state, scope, key));
        case "env":
          return environmentView(scope, secretMark);
        case "conversation":
          return reading((key) => conversationValue(scope, key));
        default:
          return undefined;
      }
    },
  };
}

/** The environment, with what is shown of secrets in the place of their values. One that is empty shows that it is. */
function environmentView({ plan }: ScopeState, secretMark: (name: string) => string): JsonObject | LazyMap {
  const secrets = plan.workflow.dify?.secrets ?? [];
  if (secrets.length === 0) return plan.env;
  return reading((name) => {
    if (!Object.hasOwn(plan.env, name)) return undefined;
    return secrets.includes(name) ? secretMark(name) : plan.env[name];
  });
}

/** A view with the secrets of the file in it: for those who only ask, and keep nothing of what they see. */
export function difyOpenView(state: RunState, scope: ScopeState): Scope {
  return difyView(state, scope, (name) => fileSecret(scope.plan.env, name));
}

/** The value of a secret that stands in the file, as text. */
export function fileSecret(env: JsonObject, name: string): string {
  const value = env[name];
  return typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value);
}

/** A view in which a loop that has not begun shows these variables: its end may be asked for before the first round. */
export function withLoop(view: Scope, loop: PlanNode, variables: JsonObject): Scope {
  const nodes = view.lookup("nodes") as LazyMap;
  const inner = reading((id) => (id === loop.id ? variables : nodes.get(id)));
  return { lookup: (name) => (name === "nodes" ? inner : view.lookup(name)) };
}

function reading(get: (key: string) => unknown): LazyMap {
  return { [lazyMap]: true, get, keys: () => [], toJson: () => ({}) };
}

/** The outputs of a node, in the scope itself or around it; of a container around the reader, what it gives inside. */
function nodeView(scope: ScopeState, id: string): unknown {
  const shadowed = new Map<string, Json>();
  for (let at: ScopeState = scope; ; at = at.parent.scope) {
    for (const [name, value] of at.vars ?? []) if (!shadowed.has(name)) shadowed.set(name, value.value);
    const node = at.body.byId.get(id);
    if (node) return taskView(at.tasks[node.index] ?? null);
    if (at.parent === null || at.parent.node.kind === "workflow") return undefined;
    if (at.parent.node.id === id) return containerView(at, shadowed);
  }
}

function taskView(task: TaskState | null): unknown {
  if (task === null || task.status === "skipped") return undefined;
  const output = task.output?.value;
  const { failure } = task;
  const handled = failure !== null && task.status === "failed";
  return reading((name) => {
    if (handled && ERROR_OUTPUTS.has(name)) return errorOutputs(failure)[name];
    return isJsonObject(output) && Object.hasOwn(output, name) ? output[name] : undefined;
  });
}

const ERROR_OUTPUTS: ReadonlySet<string> = new Set(["error_message", "error_type"]);

/** What a node that failed shows, where its failure is handled. */
export function errorOutputs({ message, code, details }: Failure): JsonObject {
  return { error_message: message, error_type: details?.["error_type"] ?? code };
}

/** `item` and `index` of an iteration; the variables of a loop, with those that an iteration between has set for itself. */
function containerView({ parent }: ScopeState, shadowed: ReadonlyMap<string, Json>): unknown {
  const { scope: around, node, position } = parent!;
  const container = around.tasks[node.index]?.container;
  if (container?.type === "items") {
    const item = (container.items.value as readonly Json[])[position] ?? null;
    return reading((name) => (name === "item" ? item : name === "index" ? position : undefined));
  }
  if (container?.type !== "loop") return undefined;
  return reading((label) => shadowed.get(`${node.id}.${label}`) ?? loopValue(container, label));
}

function loopValue({ initial, assigned }: LoopState, label: string): Json | undefined {
  const set = assigned.get(label);
  if (set) return set.value;
  const values = initial.value as JsonObject;
  return Object.hasOwn(values, label) ? values[label] : undefined;
}

/** The outermost scope of the workflow that a scope belongs to: its variables are those of the conversation. */
export function workflowScope(scope: ScopeState): ScopeState {
  let at = scope;
  while (at.parent !== null && at.parent.node.kind !== "workflow") at = at.parent.scope;
  return at;
}

/** A variable of the conversation: as this run has set it, as it was given to the run, or as it starts. */
function conversationValue(scope: ScopeState, name: string): Json | undefined {
  const set = workflowScope(scope).vars?.get(`conversation.${name}`);
  if (set) return set.value;
  const given = inputValue(scope, `conversation.${name}`);
  if (given !== undefined) return given;
  const declared = scope.plan.workflow.dify?.conversation ?? {};
  return Object.hasOwn(declared, name) ? declared[name]!.value : undefined;
}

function systemValue(state: RunState, scope: ScopeState, name: string): Json | undefined {
  const given = inputValue(scope, `sys.${name}`);
  if (given !== undefined) return name === "files" ? difyFiles(given) : given;
  const isChat = scope.plan.workflow.dify?.mode === "advanced-chat";
  switch (name) {
    case "files":
      return [];
    case "workflow_id":
    case "app_id":
      return scope.plan.name;
    case "workflow_run_id":
      return state.created?.runId ?? "";
    case "user_id":
      return "";
    case "invoke_from":
      return "service-api";
    case "timestamp":
      return Math.floor((state.startedAt ?? state.createdAt) / 1000);
    case "dialogue_count":
      return isChat ? 1 : undefined;
    case "conversation_id":
      return isChat ? "" : undefined;
    default:
      return undefined;
  }
}

function inputValue(scope: ScopeState, name: string): Json | undefined {
  const inputs = scope.inputs.value;
  return isJsonObject(inputs) && Object.hasOwn(inputs, name) ? inputs[name] : undefined;
}

/** The values that a start node shows beside the fields of its form: those of the system, by their full names. */
export function systemValues(state: RunState, scope: ScopeState): JsonObject {
  const names = ["query", "files", "conversation_id", "dialogue_count", "user_id", "app_id", "workflow_id"];
  const values = [...names, "workflow_run_id", "timestamp", "invoke_from"].flatMap((name) => {
    const value = systemValue(state, scope, name);
    return value === undefined ? [] : [[`sys.${name}`, value] as const];
  });
  return Object.fromEntries(values);
}

/** A variable of the conversation belongs to the run; one of a loop to it, unless an iteration stands between. */
export function assignDify(scope: ScopeState, name: string, value: Payload): void {
  const dot = name.indexOf(".");
  const [holder, label] = [name.slice(0, dot), name.slice(dot + 1)];
  if (holder === "conversation") {
    const root = workflowScope(scope);
    (root.vars ??= new Map()).set(name, value);
    return;
  }
  for (let at = scope; at.parent !== null && at.parent.node.kind !== "workflow"; at = at.parent.scope) {
    const { scope: around, node } = at.parent;
    if (node.kind === "for_each") {
      // Each item has its own copy of what stands around it.
      (at.vars ??= new Map()).set(name, value);
      return;
    }
    if (node.id !== holder) continue;
    (around.tasks[node.index]!.container as LoopState).assigned.set(label, value);
    return;
  }
}

/** What a finished end or answer adds to the run: kept with the run's variables, in the order of completion. */
export function keepResult(scope: ScopeState, gives: "outputs" | "answer", value: Payload): void {
  const root = workflowScope(scope);
  root.vars ??= new Map();
  root.vars.set(`${gives}#${root.vars.size}`, value);
}

/** How a run stands in the words of Dify, which tell a run without any failure from one in which some were handled. */
export type DifyStatus = "running" | "succeeded" | "partial-succeeded" | "failed" | "stopped" | "paused";

/** Failures that were handled, and attempts that were tried again. */
export function exceptionsCount(state: RunState): number {
  return state.counts.failed + state.retried;
}

export function difyStatus(state: RunState): DifyStatus {
  switch (state.status) {
    case "pending":
    case "running":
      return state.waiting.size > 0 && [...state.owed.values()].every((owed) => isForWaiting(state, owed))
        ? "paused"
        : "running";
    case "succeeded":
      return exceptionsCount(state) > 0 ? "partial-succeeded" : "succeeded";
    case "failed":
      return state.failure?.code === "RUN_TIMEOUT" ? "stopped" : "failed";
    case "cancelled":
      return "stopped";
  }
}

/** Whether a command belongs to the run as a whole, or to a task that waits for people: nothing goes on by it. */
function isForWaiting(state: RunState, { type, id }: Command): boolean {
  if (type === "dispatch_task") return false;
  const timed = timedTask(id);
  return timed === null || state.waiting.has(`${timed.scope}/${timed.node}`);
}

/** The output of an imported workflow: the maps of its ends put together; in a conversation the answers as well. */
export function difyOutput(scope: ScopeState): JsonObject {
  const outputs: [string, Json][] = [];
  const answers: string[] = [];
  const files: Json[] = [];
  for (const [name, payload] of scope.vars ?? []) {
    const value = payload.value;
    if (!isJsonObject(value)) continue;
    if (name.startsWith("outputs#")) outputs.push(...Object.entries(value));
    if (!name.startsWith("answer#")) continue;
    answers.push(String(value["answer"]));
    files.push(...((value["files"] ?? []) as readonly Json[]));
  }
  const isChat = scope.plan.workflow.dify?.mode === "advanced-chat";
  const said = isChat ? { answer: answers.join(""), files } : {};
  return { ...Object.fromEntries(outputs), ...said };
}
