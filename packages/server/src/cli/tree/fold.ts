import type { Json, JsonObject } from "@weftwork/core";
import type { RunMessage } from "@weftwork/sdk";
import { begin, isEnded, openScope, placeOf, release, run, scopeOf, stepOf } from "./scopes.ts";
import { FAILURES_MAX, TEXT_MAX, type Inner, type ScopeNode, type StepNode, type TreeState } from "./state.ts";

/**
 * One message of a run's stream, folded into what is known of the run; `now` dates what carries no time. Whatever the
 * stream may bring in other versions is passed over. The cost does not grow with the run.
 */
export function fold(state: TreeState, { event, data }: RunMessage, now: number): void {
  const at = typeof data["at"] === "string" ? Date.parse(data["at"]) : now;
  const id = data["scope"];
  const handle = RUN_EVENTS[event];
  if (handle) return handle(state, data, at);
  if (typeof id !== "string") return;
  if (event === "item_ended" || event === "round_ended") return innerEnded(state, event, id, data, at);
  const node = data["node"];
  const scope = typeof node === "string" && STEP_EVENTS[event] ? scopeOf(state, id) : null;
  if (scope === null) return;
  const step = stepOf(scope, node as string);
  if (isEnded(step)) return;
  STEP_EVENTS[event]!(step, data, at, scope, state);
  if (state.status === "waiting" || state.status === "running") state.status = isWaiting(state) ? "waiting" : "running";
}

type OfRun = (state: TreeState, data: JsonObject, at: number) => void;

const RUN_EVENTS: Readonly<Record<string, OfRun>> = {
  run_created(state, data, at) {
    state.pins = object(data["pins"]) as Readonly<Record<string, string>>;
    if (data["waits"] === null || data["waits"] === undefined) runBegins(state, at);
  },
  run_started: (state, _data, at) => runBegins(state, at),
  run_completed: (state, _data, at) => runEnds(state, "succeeded", null, at),
  run_failed: (state, data, at) => runEnds(state, "failed", failureOf(data).message, at),
  run_cancelled: (state, data, at) => runEnds(state, "cancelled", text(data["reason"]), at),
};

function runBegins(state: TreeState, at: number): void {
  state.status = "running";
  state.startedAt = at;
  begin(state.root, at);
}

function runEnds(state: TreeState, status: "succeeded" | "failed" | "cancelled", reason: string | null, at: number) {
  state.status = status;
  state.reason = reason;
  state.endedAt = at;
  stop(state.root, at);
}

/** What still moved when the run ended was given up with it. */
function stop(scope: ScopeNode, at: number): void {
  for (const step of scope.steps.values()) {
    for (const open of step.inner?.open.values() ?? []) stop(open, at);
    if (step.status === "running" || step.status === "waiting") ends(step, "cancelled", at);
  }
}

type OfStep = (step: StepNode, data: JsonObject, at: number, scope: ScopeNode, state: TreeState) => void;

const STEP_EVENTS: Readonly<Record<string, OfStep>> = {
  task_admitted: (step, _data, at) => run(step, step.startedAt ?? at),
  task_started: (step, data, at) => tries(step, data, at),
  task_due: (step, data, at) => tries(step, data, at),
  task_skipped(step, _data, at, scope) {
    step.startedAt = null;
    ends(step, "skipped", at);
    release(scope, step.id, at);
  },
  task_completed(step, data, at, scope, state) {
    count(state, data);
    ends(step, "done", at);
    release(scope, step.id, at);
  },
  task_failed(step, data, at, scope, state) {
    count(state, data);
    step.error = failureOf(data);
    ends(step, "failed", at);
    if (scope.body?.byId.get(step.id)?.mayFail === true) release(scope, step.id, at);
  },
  task_copied(step, data, at, scope) {
    step.isReused = true;
    step.startedAt = null;
    if (data["failure"] !== null && data["failure"] !== undefined) step.error = failureOf(data);
    ends(step, data["skipped"] === true ? "skipped" : step.error === null ? "done" : "failed", at);
    release(scope, step.id, at);
  },
  task_retried(step, data, at, _scope, state) {
    count(state, data);
    run(step, null);
    step.error = failureOf(data);
    step.status = "waiting";
    step.text = "";
    step.waiting = { type: "retry", until: number(data["dueAt"]) ?? at };
  },
  task_parked(step, data, at) {
    run(step, null);
    step.status = "waiting";
    step.waiting = { type: "parked", reason: text(data["reason"]), until: number(data["dueAt"]) ?? at };
  },
  task_waiting(step, data, at) {
    run(step, at);
    const waiting = object(data["waiting"]);
    const until = number(data["dueAt"]);
    const type = waiting["type"];
    step.status = "waiting";
    step.waiting =
      type === "approval"
        ? { type, title: text(waiting["title"]), until }
        : type === "signal"
          ? { type, name: text(waiting["name"]), until }
          : { type: "time", until };
  },
  items_started(step, data, at) {
    run(step, at);
    step.inner = inner("items", number(data["count"]));
  },
  loop_started(step, _data, at, scope, state) {
    run(step, at);
    step.inner = inner("rounds", null);
    opens(state, scope, step, `${childId(scope, step)}#0`, at);
  },
  child_started(step, _data, at, scope, state) {
    run(step, at);
    step.inner = inner("child", null);
    opens(state, scope, step, childId(scope, step), at);
  },
  attempt_superseded(step) {
    step.text = "";
  },
  text_delta(step, data) {
    const attempt = number(data["attempt"]) ?? step.attempt;
    if (attempt < step.attempt) return;
    run(step, null);
    // What begins at 0 begins again: an owner that died had said something that is no part of the result.
    if (attempt > step.attempt || data["offset"] === 0) step.text = "";
    step.attempt = attempt;
    step.text = (step.text + text(data["text"])).slice(-TEXT_MAX);
  },
};

function tries(step: StepNode, data: JsonObject, at: number): void {
  run(step, at);
  step.attempt = number(data["attempt"]) ?? step.attempt;
}

function ends(step: StepNode, status: StepNode["status"], at: number): void {
  step.status = status;
  step.endedAt = at;
  step.waiting = null;
  step.text = "";
  if (status === "done" && step.error !== null) step.error = null;
  step.inner?.open.clear();
}

/** An item or a round has ended. The next round begins where this one ended. */
function innerEnded(state: TreeState, event: string, id: string, data: JsonObject, at: number): void {
  const place = placeOf(id);
  const parent = place === null ? null : scopeOf(state, place.parent);
  if (place === null || parent === null) return;
  const step = stepOf(parent, place.step);
  if (isEnded(step)) return;
  const scopes = (step.inner ??= inner(event === "item_ended" ? "items" : "rounds", null));
  scopes.open.delete(id);
  if (data["failure"] === undefined || data["failure"] === null) scopes.done++;
  else {
    scopes.failed++;
    if (scopes.failures.length < FAILURES_MAX) scopes.failures.push({ label: place.label, ...failureOf(data) });
  }
  if (event === "round_ended" && data["last"] !== true && place.label.startsWith("#"))
    opens(state, parent, step, `${childId(parent, step)}#${Number(place.label.slice(1)) + 1}`, at);
}

function opens(state: TreeState, parent: ScopeNode, step: StepNode, id: string, at: number): void {
  const scope = openScope(state, parent, step, step.inner!.kind, id);
  step.inner!.open.set(id, scope);
  begin(scope, at);
}

function childId(scope: ScopeNode, step: StepNode): string {
  return scope.id === "root" ? step.id : `${scope.id}/${step.id}`;
}

function inner(kind: Inner["kind"], total: number | null): Inner {
  return { kind, total, done: 0, failed: 0, open: new Map(), failures: [] };
}

/** A run waits when a step of its root waits and none of the root runs. */
function isWaiting({ root }: TreeState): boolean {
  const all = [...root.steps.values()];
  return all.some(({ status }) => status === "waiting") && !all.some(({ status }) => status === "running");
}

function count(state: TreeState, data: JsonObject): void {
  state.tokens += number(object(data["usage"])["total_tokens"]) ?? 0;
}

function failureOf(data: JsonObject): { readonly code: string; readonly message: string } {
  const failure = object(data["failure"]);
  return { code: text(failure["code"]), message: text(failure["message"]) };
}

function object(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function number(value: Json | undefined): number | null {
  return typeof value === "number" ? value : null;
}
