import { isPrototypeName, type JsonObject } from "../base/json.ts";
import { pointerPart } from "../workflow/problems.ts";
import type { Selector } from "../workflow/dify-steps.ts";
import { flagAt, listAt, mapAt, mapsAt, member, textAt, textOf } from "./read.ts";

/** A node as the file has it. */
export interface DifyNode {
  /** Id in the file. */
  readonly id: string;
  /** Id of the step it becomes: the same, unless the id holds characters that scopes are named by. */
  readonly stepId: string;
  readonly kind: string;
  readonly title: string | null;
  readonly data: JsonObject;
  /** The container it stands in; null at the top. */
  readonly parent: string | null;
  /** JSON Pointer of the node. */
  readonly pointer: string;
}

export interface DifyEdge {
  readonly source: string;
  readonly target: string;
  readonly handle: string;
  readonly pointer: string;
}

export interface DifyGraph {
  readonly nodes: readonly DifyNode[];
  readonly byId: ReadonlyMap<string, DifyNode>;
  readonly edges: readonly DifyEdge[];
  /** Nodes with an id that another has before them, and edges that lead from or to nothing. */
  readonly doubles: readonly DifyNode[];
  readonly loose: readonly DifyEdge[];
}

/** Kinds of nodes that a graph begins with. */
export const ROOT_KINDS: ReadonlySet<string> = new Set([
  "start",
  "trigger-webhook",
  "trigger-schedule",
  "trigger-plugin",
  "datasource",
]);

/** Kinds that hold other nodes. */
export const CONTAINER_KINDS: ReadonlySet<string> = new Set(["iteration", "loop"]);

/** The nodes and edges of a graph. Notes are no nodes; unknown keys are left alone. */
export function readGraph(graph: JsonObject, pointer: string): DifyGraph {
  const nodes: DifyNode[] = [];
  const doubles: DifyNode[] = [];
  const byId = new Map<string, DifyNode>();
  const stepIds = new Set<string>();
  for (const { map, at } of mapsAt(graph, "nodes")) {
    const node = readNode(map, `${pointer}/nodes${pointerPart(at)}`, stepIds);
    if (node === null) continue;
    if (byId.has(node.id)) {
      doubles.push(node);
      continue;
    }
    stepIds.add(node.stepId);
    byId.set(node.id, node);
    nodes.push(node);
  }
  const edges: DifyEdge[] = [];
  const loose: DifyEdge[] = [];
  for (const { map, at } of mapsAt(graph, "edges")) {
    const edge: DifyEdge = {
      source: textAt(map, "source"),
      target: textAt(map, "target"),
      handle: textOf(member(map, "sourceHandle")) || "source",
      pointer: `${pointer}/edges${pointerPart(at)}`,
    };
    (byId.has(edge.source) && byId.has(edge.target) ? edges : loose).push(edge);
  }
  return { nodes: withParents(nodes, byId, edges), byId, edges, doubles, loose };
}

function readNode(map: JsonObject, pointer: string, taken: ReadonlySet<string>): DifyNode | null {
  const data = mapAt(map, "data");
  const outer = textAt(map, "type");
  if (outer === "custom-note") return null;
  const shape = /^custom-(iteration-start|loop-start|loop-end)$/.exec(outer)?.[1];
  const kind = textAt(data, "type") || (shape ?? "");
  const id = textAt(map, "id");
  const parent =
    textOf(member(map, "parentId")) || textOf(member(data, "iteration_id")) || textOf(member(data, "loop_id")) || null;
  return { id, stepId: stepIdOf(id, taken), kind, title: textOf(member(data, "title")) || null, data, parent, pointer };
}

/** Membership that is written at no node follows from the container's entry, along the edges. */
function withParents(
  nodes: readonly DifyNode[],
  byId: Map<string, DifyNode>,
  edges: readonly DifyEdge[],
): readonly DifyNode[] {
  const behind = followers(edges);
  const parents = new Map(nodes.map((node) => [node.id, byId.has(node.parent ?? "") ? node.parent : null]));
  for (const container of nodes) {
    if (!CONTAINER_KINDS.has(container.kind)) continue;
    const entry = textAt(container.data, "start_node_id");
    const reached = [entry];
    for (let at = reached.pop(); at !== undefined; at = reached.pop()) {
      const node = byId.get(at);
      if (!node || node === container) continue;
      if (at === entry) parents.set(at, container.id);
      for (const target of behind.get(at) ?? []) {
        if (parents.get(target) !== null || !isInner(byId.get(target)!)) continue;
        parents.set(target, container.id);
        reached.push(target);
      }
    }
  }
  return nodes.map((node) => {
    const placed = { ...node, parent: parents.get(node.id) ?? null };
    byId.set(node.id, placed);
    return placed;
  });
}

function followers(edges: readonly DifyEdge[]): ReadonlyMap<string, readonly string[]> {
  const behind = new Map<string, string[]>();
  for (const { source, target } of edges) {
    const known = behind.get(source);
    if (known) known.push(target);
    else behind.set(source, [target]);
  }
  return behind;
}

function isInner({ data }: DifyNode): boolean {
  return flagAt(data, "isInIteration") || flagAt(data, "isInLoop");
}

/** Scopes are named with these characters, and `root` is the name of the outermost. */
function stepIdOf(id: string, taken: ReadonlySet<string>): string {
  if (/^[^\s/[\]#.@]{1,200}$/.test(id) && id !== "root" && !isPrototypeName(id)) return id;
  const plain = id.replaceAll(/[^A-Za-z0-9_-]+/g, "_").slice(0, 100);
  let free = `node_${plain}`;
  for (let n = 2; taken.has(free); n++) free = `node_${plain}_${n}`;
  return free;
}

/** A selector as written, or null when it is none; ids become those of steps. */
export function readSelector(graph: DifyGraph, value: unknown): Selector | null {
  if (!Array.isArray(value)) return null;
  const parts = (value as readonly (string | number | boolean | null)[]).map((part) => textOf(part) ?? "");
  if (parts.length < 2 || parts.includes("")) return null;
  const [node, ...rest] = parts;
  return [graph.byId.get(node!)?.stepId ?? node!, ...rest];
}

/** Selectors of a list, those that are none left out. */
export function readSelectors(graph: DifyGraph, data: JsonObject, key: string): readonly Selector[] {
  return listAt(data, key).flatMap((value) => {
    const selector = readSelector(graph, value);
    return selector === null ? [] : [selector];
  });
}

/**
 * The nodes of one body that can ever be decided, in an order in which each comes after those before it. A node waits
 * for all its incoming edges, so what stands behind a circle, or behind a node that nothing leads to, never runs.
 */
export function reachable(
  nodes: readonly DifyNode[],
  edges: readonly DifyEdge[],
  isEntry: (node: DifyNode) => boolean,
): readonly DifyNode[] {
  const inside = new Map(nodes.map((node) => [node.id, node]));
  const waiting = new Map(nodes.map(({ id }) => [id, 0]));
  const own = edges.filter(({ source, target }) => inside.has(source) && inside.has(target));
  const behind = followers(own);
  for (const { target } of own) waiting.set(target, waiting.get(target)! + 1);
  const ready = nodes.filter((node) => isEntry(node) && waiting.get(node.id) === 0);
  for (let i = 0; i < ready.length; i++) {
    for (const target of behind.get(ready[i]!.id) ?? []) {
      const left = waiting.get(target)! - 1;
      waiting.set(target, left);
      if (left === 0) ready.push(inside.get(target)!);
    }
  }
  const order = new Set(ready);
  return nodes.filter((node) => order.has(node));
}
