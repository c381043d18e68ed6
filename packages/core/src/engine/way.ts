import type { Body, Plan, PlanNode } from "../plan/plan.ts";
import { shellOf } from "../plan/content.ts";
import { readersOf, shellReads } from "../plan/inputs-read.ts";

export interface RerunTarget {
  readonly scope: string;
  readonly node: string;
}

/** A plan with the plans of its nested workflows. */
export interface Pinned {
  readonly plan: Plan;
  readonly nested: ReadonlyMap<string, Plan>;
}

interface Place {
  readonly plan: Plan;
  readonly body: Body;
}

/** One scope on the way from the root to the node that is computed again. */
export interface Level {
  readonly scope: string;
  readonly plan: Plan;
  readonly body: Body;
  /** The container on the way to the target, or the target itself. */
  readonly node: PlanNode;
  /** Position within the container that the way leads through; null at the target and in a nested workflow. */
  readonly position: number | null;
  /** Nodes of the body whose results are taken over. */
  readonly keep: ReadonlySet<string>;
  /** Whether the other items, or the earlier rounds, of the container are taken over. */
  readonly keepsSiblings: boolean;
  /** Nodes of the new plan's body that are computed, in whole or in part. */
  readonly computed: readonly string[];
}

const NO_INPUTS: ReadonlySet<string> = new Set();

/** A scope id as the containers that lead to it, from the root on. */
export function partsOf(scope: string): string[] {
  return scope === "root" ? [] : scope.split("/");
}

export function parsePart(part: string): { readonly node: string; readonly position: number | null } | null {
  const match = /^([^[\]#]+)(?:\[(0|[1-9]\d*)\]|#(0|[1-9]\d*))?$/.exec(part);
  if (!match) return null;
  const position = match[2] ?? match[3];
  return { node: match[1]!, position: position === undefined ? null : Number(position) };
}

/** The body that a container runs, with its plan; null for a node that holds none. */
export function innerOf(nested: ReadonlyMap<string, Plan>, plan: Plan, node: PlanNode): Place | null {
  if (node.kind === "for_each" || node.kind === "loop") return { plan, body: plan.bodies[node.inner]! };
  const inner = node.kind === "workflow" ? nested.get(node.nested) : undefined;
  return inner ? { plan: inner, body: inner.bodies[0]! } : null;
}

/** The body that runs in a scope, found by its id alone; null where the plan has none there. */
export function bodyOf({ plan, nested }: Pinned, scope: string): Body | null {
  let at: Place | null = { plan, body: plan.bodies[0]! };
  for (const part of partsOf(scope)) {
    const node: PlanNode | undefined = at?.body.byId.get(parsePart(part)?.node ?? "");
    at = at && node ? innerOf(nested, at.plan, node) : null;
  }
  return at?.body ?? null;
}

/**
 * The levels from the root to the target; null where no such way is in both plans. `changedInputs`: inputs of the run
 * that are others now, so that nothing that read one of them is kept.
 */
export function wayTo(
  target: RerunTarget,
  old: Pinned,
  next: Pinned,
  changedInputs: ReadonlySet<string> = NO_INPUTS,
): Level[] | null {
  const parts = partsOf(target.scope);
  const levels: Level[] = [];
  let here = { plan: old.plan, body: old.plan.bodies[0]! };
  let there = { plan: next.plan, body: next.plan.bodies[0]! };
  // What a container begins with is as it was, all the way to here.
  let sound = true;
  // Of the workflow that the level belongs to.
  let inputs = changedInputs;
  for (const [i, part] of [...parts, target.node].entries()) {
    const place = parsePart(part);
    const node = place && here.body.byId.get(place.node);
    const nextNode = node && there.body.byId.get(node.id);
    if (!node || !nextNode) return null;
    const same = sameNodes(old, here, next, there, readersOf(here.plan, inputs));
    const changed = behind(
      here.body,
      here.body.nodes.filter(({ id }) => !same.has(id) && id !== node.id),
    );
    const dropped = behind(here.body, [node]);
    const isTarget = i === parts.length;
    const begun: boolean = sound && !changed.has(node.id);
    const keep = new Set(
      sound ? here.body.nodes.flatMap(({ id }) => (changed.has(id) || dropped.has(id) ? [] : [id])) : [],
    );
    levels.push({
      scope: i === 0 ? "root" : parts.slice(0, i).join("/"),
      plan: here.plan,
      body: here.body,
      node,
      position: isTarget ? null : place.position,
      keep,
      keepsSiblings: begun && same.has(node.id),
      computed: there.body.nodes.flatMap(({ id }) => (keep.has(id) ? [] : [id])),
    });
    if (isTarget) break;
    const [inner, nextInner] = [innerOf(old.nested, here.plan, node), innerOf(next.nested, there.plan, nextNode)];
    if (!inner || !nextInner || node.kind !== nextNode.kind) return null;
    if ((place.position === null) !== (node.kind === "workflow")) return null;
    const sameShell = shellOf(node.step, here.plan.env) === shellOf(nextNode.step, there.plan.env);
    sound = begun && sameShell && !shellReads(node, inputs);
    // A nested workflow has inputs of its own: the same ones, or nothing in it is kept.
    if (node.kind === "workflow") inputs = NO_INPUTS;
    [here, there] = [inner, nextInner];
  }
  return levels;
}

/** These nodes and all that come after them. */
function behind(body: Body, nodes: readonly PlanNode[]): ReadonlySet<string> {
  const found = new Set(nodes.map((node) => node.id));
  const queue = [...nodes];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    for (const { to } of node.outgoing) {
      const follower = body.nodes[to]!;
      if (found.has(follower.id)) continue;
      found.add(follower.id);
      queue.push(follower);
    }
  }
  return found;
}

/** The nodes that do the same in both bodies, down to the nested workflows they call, but for those of `without`. */
function sameNodes(
  old: Pinned,
  here: Place,
  next: Pinned,
  there: Place,
  without: ReadonlySet<PlanNode>,
): ReadonlySet<string> {
  return new Set(
    here.body.nodes.flatMap((node) => {
      if (there.body.byId.get(node.id)?.hash !== node.hash || without.has(node)) return [];
      const called = calledBy(old.nested, here.plan, node, new Set());
      return [...called].every((key) => old.nested.get(key)?.hash === next.nested.get(key)?.hash) ? [node.id] : [];
    }),
  );
}

/** The nested workflows that a node calls, and those that they call. A workflow may call itself. */
function calledBy(nested: ReadonlyMap<string, Plan>, plan: Plan, node: PlanNode, found: Set<string>): Set<string> {
  if (node.kind === "workflow") {
    if (found.has(node.nested)) return found;
    found.add(node.nested);
  }
  const inner = innerOf(nested, plan, node);
  for (const each of inner?.body.nodes ?? []) calledBy(nested, inner!.plan, each, found);
  return found;
}
