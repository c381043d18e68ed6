import { Payload } from "../base/payload.ts";
import type { Body, Plan, PlanNode } from "../plan/plan.ts";
import type { Decision, RunEvent } from "./event.ts";

export interface RerunTarget {
  readonly scope: string;
  readonly node: string;
}

export interface Rerun {
  /** What the new run takes over, for `start`. */
  readonly copies: readonly RunEvent[];
  /** Tasks, items and rounds that are not computed again. */
  readonly reused: number;
  readonly reusedTokens: number;
}

interface Level {
  readonly scope: string;
  readonly body: Body;
  /** The container on the way to the target, or the target itself. */
  readonly node: PlanNode;
  /** Position within the container that the way leads through; null at the target. */
  readonly position: number | null;
  /** Nodes of the body whose results are taken over. */
  readonly keep: ReadonlySet<string>;
}

/**
 * What a run that starts again from one node takes over from the run before it: everything that is not downstream of
 * that node, by reference. In a `for_each` only the item that holds the node is computed again, in a loop its round and
 * the later ones. On another version of the workflow a result is taken over only where the node, and all before it,
 * are the same.
 *
 * Returns null when the target is not a node of the plan.
 */
export function rerun(
  runId: string,
  decisions: Iterable<Decision>,
  target: RerunTarget,
  old: Pinned,
  next: Pinned,
): Rerun | null {
  const levels = levelsOf(target, old, next);
  if (!levels) return null;
  const copies = new Map<string, RunEvent>();
  let reusedTokens = 0;
  const lastValues = new LastValues();
  const keep = (key: string, event: RunEvent): void => {
    copies.set(key, event);
  };
  for (const { events } of decisions) {
    for (const event of events) {
      const level = "scope" in event ? levels.find((at) => at.scope === event.scope) : undefined;
      switch (event.type) {
        case "task_completed":
          lastValues.note(event.scope, event.node, event.output);
          if (!level?.keep.has(event.node)) break;
          reusedTokens += event.usage?.total_tokens ?? 0;
          keep(`${event.scope}/${event.node}`, {
            ...taskCopy(runId, event.scope, event.node),
            output: event.output,
            handle: event.handle ?? null,
          });
          break;
        case "task_failed":
          if (level?.keep.has(event.node))
            keep(`${event.scope}/${event.node}`, {
              ...taskCopy(runId, event.scope, event.node),
              failure: event.failure,
            });
          break;
        case "task_skipped":
          if (level?.keep.has(event.node))
            keep(`${event.scope}/${event.node}`, { ...taskCopy(runId, event.scope, event.node), skipped: true });
          break;
        case "task_copied":
          if (level?.keep.has(event.node)) keep(`${event.scope}/${event.node}`, event);
          lastValues.note(event.scope, event.node, event.output);
          break;
        case "variable_assigned":
          if (level?.keep.has(event.node) || isEarlierRound(levels, event.scope))
            keep(`${event.scope}=${event.name}/${event.node}`, { ...event, from: runId });
          break;
        case "item_ended":
        case "round_ended": {
          if (!isOtherItem(levels, event.scope) && !isEarlierRound(levels, event.scope)) break;
          const output = event.output ?? lastValues.of(event.scope, innerBody(levels, event.scope));
          keep(event.scope, { ...event, ...(output ? { output } : {}), from: runId });
          break;
        }
        default:
      }
    }
  }
  const ends = [...copies.values()].filter((event) => event.type !== "variable_assigned");
  return { copies: [...copies.values()], reused: ends.length, reusedTokens };
}

/** A plan with the plans of its nested workflows. */
export interface Pinned {
  readonly plan: Plan;
  readonly nested: ReadonlyMap<string, Plan>;
}

function taskCopy(from: string, scope: string, node: string): Extract<RunEvent, { type: "task_copied" }> {
  return { type: "task_copied", scope, node, output: Payload.null, handle: null, failure: null, skipped: false, from };
}

/** The way from the root to the target, one level a scope; null where it leads nowhere. */
function levelsOf(target: RerunTarget, old: Pinned, next: Pinned): Level[] | null {
  const parts = target.scope === "root" ? [] : target.scope.split("/");
  const levels: Level[] = [];
  let scope = "root";
  let [at, after]: [Plan, Plan] = [old.plan, next.plan];
  let [body, nextBody]: [Body, Body | undefined] = [at.bodies[0]!, after.bodies[0]];
  for (const part of [...parts, target.node]) {
    const match = /^([^[\]#]+)(?:\[(\d+)\]|#(\d+))?$/.exec(part);
    const node = match && body.byId.get(match[1]!);
    if (!node || !nextBody?.byId.has(node.id)) return null;
    const position = match[2] ?? match[3];
    const last = levels.length === parts.length;
    levels.push({
      scope,
      body,
      node,
      position: last || position === undefined ? null : Number(position),
      keep: kept(body, nextBody, node),
    });
    if (last) break;
    scope = scope === "root" ? part : `${scope}/${part}`;
    const nextNode = nextBody.byId.get(node.id)!;
    if (node.kind === "workflow" && nextNode.kind === "workflow") {
      const [inner, nextInner] = [old.nested.get(node.nested), next.nested.get(nextNode.nested)];
      if (!inner || !nextInner) return null;
      [at, after, body, nextBody] = [inner, nextInner, inner.bodies[0]!, nextInner.bodies[0]];
    } else if ((node.kind === "for_each" || node.kind === "loop") && nextNode.kind === node.kind) {
      [body, nextBody] = [at.bodies[node.inner]!, after.bodies[nextNode.inner]];
    } else return null;
  }
  return levels;
}

/** The nodes that are not the target, not behind it, and the same in both bodies with all that comes before them. */
function kept(body: Body, next: Body, target: PlanNode): ReadonlySet<string> {
  const changed = new Set<number>([target.index]);
  for (const node of body.nodes) if (next.byId.get(node.id)?.hash !== node.hash) changed.add(node.index);
  const queue = [...changed];
  for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
    for (const { to } of body.nodes[index]!.outgoing) {
      if (changed.has(to)) continue;
      changed.add(to);
      queue.push(to);
    }
  }
  return new Set(body.nodes.filter((node) => !changed.has(node.index)).map((node) => node.id));
}

/** The container that opened a scope, if it lies on the way, with the scope's position in it. */
function opener(levels: readonly Level[], scope: string): { readonly level: Level; readonly position: number } | null {
  const match = /^(?:(.*)\/)?([^/[\]#]+)(?:\[(\d+)\]|#(\d+))$/.exec(scope);
  if (!match) return null;
  const level = levels.find((at) => at.scope === (match[1] ?? "root") && at.node.id === match[2]);
  return level ? { level, position: Number(match[3] ?? match[4]) } : null;
}

function isOtherItem(levels: readonly Level[], scope: string): boolean {
  const opened = opener(levels, scope);
  return (
    opened !== null &&
    opened.level.node.kind === "for_each" &&
    opened.level.position !== null &&
    opened.position !== opened.level.position
  );
}

function isEarlierRound(levels: readonly Level[], scope: string): boolean {
  const opened = opener(levels, scope);
  return (
    opened !== null &&
    opened.level.node.kind === "loop" &&
    opened.level.position !== null &&
    opened.position < opened.level.position
  );
}

function innerBody(levels: readonly Level[], scope: string): Body | null {
  const level = opener(levels, scope)?.level;
  const deeper = level ? levels[levels.indexOf(level) + 1] : undefined;
  return deeper?.body ?? null;
}

/** Values of finished nodes by scope, to find what an item ended with where its event does not say. */
class LastValues {
  private readonly byScope = new Map<string, Map<string, Payload>>();

  note(scope: string, node: string, output: Payload): void {
    let values = this.byScope.get(scope);
    if (!values) this.byScope.set(scope, (values = new Map()));
    values.set(node, output);
  }

  of(scope: string, body: Body | null): Payload | undefined {
    const values = this.byScope.get(scope);
    const last = body?.last.findLast((node) => values?.has(node.id));
    return last && values?.get(last.id);
  }
}
