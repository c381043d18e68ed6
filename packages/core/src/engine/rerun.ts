import { Payload } from "../base/payload.ts";
import type { PlanNode } from "../plan/plan.ts";
import { copyPayloads } from "./copies.ts";
import type { Decision, RunEvent } from "./event.ts";
import { wasOpened } from "./opened.ts";
import { innerOf, parsePart, partsOf, wayTo, type Level, type Pinned, type RerunTarget } from "./way.ts";

export type { Pinned, RerunTarget } from "./way.ts";

export interface Rerun {
  /** What the new run takes over, for `start`. */
  readonly copies: readonly RunEvent[];
  /** Tasks, items and rounds that are not computed again. */
  readonly reused: number;
  readonly reusedTokens: number;
  /** Nodes on the way to the target that are computed, in whole or in part, as scope and id. */
  readonly recomputed: readonly string[];
  /** What control rules may read of it: to be loaded before `start`. */
  readonly payloads: readonly Payload[];
}

/**
 * What a run that starts again from one node takes over from the run before it: everything that is not downstream of
 * that node, by reference. In a `for_each` only the item that holds the node is computed again, in a loop its round and
 * the later ones. On another version of the workflow, or with other inputs, a result is taken over only where the node,
 * and all before it, are the same and read the same.
 *
 * Returns null when the target is not a node of both plans, or lies in a scope that the run before has not come to.
 */
export function rerun(
  runId: string,
  decisions: readonly Decision[],
  target: RerunTarget,
  old: Pinned,
  next: Pinned,
  changedInputs?: ReadonlySet<string>,
): Rerun | null {
  const levels = wayTo(target, old, next, changedInputs);
  if (!levels || !wasOpened(decisions, target.scope)) return null;
  const taking = new Taking(runId, levels, old);
  for (const { events } of decisions) for (const event of events) taking.take(event);
  return taking.result(next);
}

type TaskCopied = Extract<RunEvent, { type: "task_copied" }>;
type Variable = Extract<RunEvent, { type: "variable_assigned" }>;

/** Where a scope lies beside the way. */
interface Beside {
  readonly level: Level;
  /** Its id up to and with the part that leaves the way; null: the scope is on the way itself. */
  readonly branch: string | null;
  readonly node: string;
  readonly position: number | null;
}

class Taking {
  private readonly runId: string;
  private readonly levels: readonly Level[];
  private readonly way: readonly string[];
  private readonly old: Pinned;
  private readonly copies = new Map<string, RunEvent>();
  /** Values of the nodes of other items, by scope: what an item ended with stands in no event of its own. */
  private readonly values = new Map<string, Map<string, Payload>>();
  private tokens = 0;

  constructor(runId: string, levels: readonly Level[], old: Pinned) {
    this.runId = runId;
    this.levels = levels;
    this.way = partsOf(levels.at(-1)!.scope);
    this.old = old;
  }

  result(next: Pinned): Rerun {
    const copies = [...this.copies.values()];
    const reused = copies.filter((event) => event.type !== "variable_assigned").length;
    const payloads = copies.flatMap((event) => copyPayloads(event, next));
    const recomputed = this.levels.flatMap(({ scope, computed }) => computed.map((id) => `${scope}/${id}`));
    return { copies, reused, reusedTokens: this.tokens, recomputed, payloads };
  }

  take(event: RunEvent): void {
    switch (event.type) {
      case "task_completed":
      case "task_failed":
      case "task_skipped":
      case "task_copied":
        this.task(event);
        break;
      case "task_retried":
        if (event.usage && this.isKept(this.beside(event.scope), event.node)) this.tokens += event.usage.total_tokens;
        break;
      case "item_ended":
      case "round_ended": {
        const beside = this.beside(event.scope);
        if (beside.branch !== event.scope || !isKeptSibling(beside)) break;
        const output = event.output ?? this.bodyValue(event, beside.level);
        this.copies.set(event.scope, { ...event, ...(output ? { output } : {}), from: event.from ?? this.runId });
        this.values.delete(event.scope);
        break;
      }
      case "variable_assigned":
        this.variable(event);
        break;
      default:
    }
  }

  private task(
    event: Extract<RunEvent, { type: "task_completed" | "task_failed" | "task_skipped" | "task_copied" }>,
  ): void {
    const beside = this.beside(event.scope);
    if (!this.isKept(beside, event.node)) return;
    if ("usage" in event && event.usage) this.tokens += event.usage.total_tokens;
    if (beside.branch === null) {
      const copy = this.copyOf(event, beside.level.body.byId.get(event.node)!);
      if (copy) this.copies.set(`${event.scope}/${event.node}`, copy);
    } else if (beside.branch === event.scope && isKeptSibling(beside)) this.noteValue(event, beside.level);
  }

  /** Null for a failure that nothing handled: it ended the run, and is computed again. */
  private copyOf(event: Parameters<Taking["task"]>[0], node: PlanNode): TaskCopied | null {
    const { scope, node: id } = event;
    const copy = { type: "task_copied", scope, node: id, output: Payload.null, handle: null } as const;
    const from = this.runId;
    switch (event.type) {
      case "task_completed":
        return { ...copy, output: event.output, handle: event.handle ?? null, failure: null, skipped: false, from };
      case "task_failed":
        return node.onError.type === "fail" ? null : { ...copy, failure: event.failure, skipped: false, from };
      case "task_skipped":
        return { ...copy, failure: null, skipped: true, from };
      case "task_copied":
        return event;
    }
  }

  /**
   * A variable that something taken over has set. It is set again where the way leads past: in a scope of the way, or
   * in an earlier round, as long as it is one that can be seen from there.
   */
  private variable(event: Variable): void {
    const beside = this.beside(event.scope);
    if (!this.isKept(beside, event.node)) return;
    const to = this.visibleFrom(event, beside);
    if (to === null) return;
    const key = `${to}=${event.name}`;
    // At the end of the list: what was set last holds.
    this.copies.delete(key);
    this.copies.set(key, { ...event, scope: to, from: event.from ?? this.runId });
  }

  private visibleFrom(event: Variable, { level, branch, node }: Beside): string | null {
    if (branch === null) return event.scope;
    if (level.plan.workflow.dify && event.name.startsWith("conversation.")) return level.scope;
    // An earlier round is opened again, so to speak; any other branch ends in the node of the level.
    const isRound = node === level.node.id;
    const containers = this.containers(level, partsOf(event.scope));
    for (const container of isRound ? containers.slice(1) : containers) {
      if (container.kind !== "loop" || container.varNames.includes(event.name)) return null;
    }
    if (isRound && level.node.kind !== "loop") return null;
    return isRound ? branch : level.scope;
  }

  /** The containers that lead from a level of the way to a scope beside it. */
  private containers(level: Level, parts: readonly string[]): PlanNode[] {
    const found: PlanNode[] = [];
    let at: { readonly plan: Level["plan"]; readonly body: Level["body"] } | null = level;
    for (const part of parts.slice(partsOf(level.scope).length)) {
      const node: PlanNode | undefined = at?.body.byId.get(parsePart(part)!.node);
      if (!at || !node) break;
      found.push(node);
      at = innerOf(this.old.nested, at.plan, node);
    }
    return found;
  }

  private beside(scope: string): Beside {
    const parts = partsOf(scope);
    let depth = 0;
    while (depth < parts.length && depth < this.way.length && parts[depth] === this.way[depth]) depth += 1;
    const level = this.levels[depth]!;
    if (depth === parts.length) return { level, branch: null, node: level.node.id, position: null };
    return { level, branch: parts.slice(0, depth + 1).join("/"), ...parsePart(parts[depth]!)! };
  }

  private isKept(beside: Beside, node: string): boolean {
    if (beside.branch === null) return beside.level.keep.has(node);
    return beside.level.keep.has(beside.node) || isKeptSibling(beside);
  }

  private noteValue(event: Parameters<Taking["task"]>[0], level: Level): void {
    const node = innerOf(this.old.nested, level.plan, level.node)!.body.byId.get(event.node)!;
    const copy = this.copyOf(event, node);
    const value =
      copy === null || copy.skipped
        ? null
        : copy.failure === null
          ? copy.output
          : node.onError.type === "default"
            ? Payload.of(node.onError.value)
            : null;
    if (value === null) return;
    let values = this.values.get(event.scope);
    if (!values) this.values.set(event.scope, (values = new Map()));
    values.set(event.node, value);
  }

  private bodyValue(
    event: Extract<RunEvent, { type: "item_ended" | "round_ended" }>,
    level: Level,
  ): Payload | undefined {
    if (event.type === "round_ended" || event.failure !== undefined) return undefined;
    const values = this.values.get(event.scope);
    const last = innerOf(this.old.nested, level.plan, level.node)?.body.last.findLast((node) => values?.has(node.id));
    return last && values?.get(last.id);
  }
}

/** Another item, or an earlier round, of a container on the way. */
function isKeptSibling({ level, node, position }: Beside): boolean {
  if (node !== level.node.id || level.position === null || position === null || !level.keepsSiblings) return false;
  return level.node.kind === "loop" ? position < level.position : position !== level.position;
}
