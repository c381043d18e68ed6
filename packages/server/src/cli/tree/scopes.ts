import { scopeNode, stepNode, type Inner, type ScopeNode, type StepNode, type TreeState } from "./state.ts";

/** The step that a scope lies in: `each[3]/deep[0]` is the first item of `deep` in the fourth item of `each`. */
export interface ScopePlace {
  /** Scope of the step. */
  readonly parent: string;
  readonly step: string;
  /** `[3]`, `#2`, or nothing for a nested workflow. */
  readonly label: string;
}

export function placeOf(scope: string): ScopePlace | null {
  if (scope === "root") return null;
  const cut = scope.lastIndexOf("/");
  const [, step, label] = /^(.*?)(\[\d+\]|#\d+|)$/.exec(scope.slice(cut + 1))!;
  return { parent: cut === -1 ? "root" : scope.slice(0, cut), step: step!, label: label! };
}

/** The open scope of an id; it and those around it are opened where they are not yet known. Null for one that ended. */
export function scopeOf(state: TreeState, id: string): ScopeNode | null {
  const place = placeOf(id);
  if (place === null) return state.root;
  const parent = scopeOf(state, place.parent);
  if (parent === null) return null;
  const step = stepOf(parent, place.step);
  if (isEnded(step)) return null;
  const inner = (step.inner ??= innerOf(place.label));
  return inner.open.get(id) ?? opened(state, parent, step, inner, id);
}

/** A step of a scope; one that the graph does not have is added. */
export function stepOf(scope: ScopeNode, id: string): StepNode {
  const found = scope.steps.get(id);
  if (found) return found;
  const made = stepNode(id);
  scope.steps.set(id, made);
  return made;
}

/** Opens a scope whose beginning is not known: its first steps run, and nobody can tell since when. */
function opened(state: TreeState, parent: ScopeNode, step: StepNode, inner: Inner, id: string): ScopeNode {
  const scope = openScope(state, parent, step, inner.kind, id);
  inner.open.set(id, scope);
  run(step, null);
  begin(scope, null);
  return scope;
}

/** A scope that is not yet in its step. */
export function openScope(
  state: TreeState,
  parent: ScopeNode,
  step: StepNode,
  kind: Inner["kind"],
  id: string,
): ScopeNode {
  if (kind !== "child") return scopeNode(id, parent.bodies, `${parent.path}/${step.id}`.replace(/^\//, ""));
  const name = parent.body?.byId.get(step.id)?.nested ?? null;
  const nested = name === null ? undefined : state.nested.get(name);
  // The newest version may have changed since the run was pinned to one.
  return scopeNode(id, nested !== undefined && nested.hash === state.pins[name!] ? nested.bodies : null, "");
}

/** The steps that wait for nothing begin. */
export function begin(scope: ScopeNode, at: number | null): void {
  for (const { id, after } of scope.body?.steps ?? []) {
    if (after.length === 0) run(scope.steps.get(id)!, at);
  }
}

/** A step has ended: those that waited for it alone begin. A step that is skipped is told so by an event of its own. */
export function release(scope: ScopeNode, id: string, at: number): void {
  for (const next of scope.body?.byId.get(id)?.before ?? []) {
    const step = scope.steps.get(next)!;
    const { after } = scope.body!.byId.get(next)!;
    if (step.status === "pending" && after.every((one) => isEnded(scope.steps.get(one)!))) run(step, at);
  }
}

export function run(step: StepNode, at: number | null): void {
  if (step.status !== "pending" && step.status !== "waiting") return;
  if (step.status === "pending") step.startedAt = at;
  step.status = "running";
  step.waiting = null;
}

export function isEnded({ status }: StepNode): boolean {
  return status === "done" || status === "failed" || status === "skipped" || status === "cancelled";
}

function innerOf(label: string): Inner {
  const kind = label.startsWith("[") ? "items" : label.startsWith("#") ? "rounds" : "child";
  return { kind, total: null, done: 0, failed: 0, open: new Map(), failures: [] };
}
